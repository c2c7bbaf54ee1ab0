'use strict';
// Part of storage.suite.js: listings, of more documents than a server gives in one answer.

const { all, fieldsOf, keyOf } = require('../support/agents.js');

/** Three answers of a server of S3. */
const MANY = 2500;
/** Every so many documents one has a second version. */
const UPDATED = 250;
const LEAST = '00000000-0000-4000-8000-000000000000';

const keysOf = async (iterable) => (await all(iterable)).map(({ key }) => key);
const idOf = (text) => JSON.parse(text).jacsId;
const numbered = (count, fields) => Array.from({ length: count }, (_, number) => ({ number, ...fields }));

module.exports = (world) => {
  describe(`a listing of ${MANY} documents`, () => {
    let agent;
    let texts;
    let seconds;
    /** The newest version of each, and all, ascending. */
    let newest;
    let versions;

    beforeAll(async () => {
      agent = await world.again();
      texts = await agent.createDocuments(numbered(MANY));
      const replaced = texts.filter((_, number) => number % UPDATED === 0);
      const update = (text) => agent.updateDocument(keyOf(text), { ...fieldsOf(text), again: true });
      seconds = await Promise.all(replaced.map(update));
      const kept = texts.filter((text) => !replaced.includes(text));
      newest = [...kept, ...seconds].map(keyOf).sort();
      versions = [...texts, ...seconds].map(keyOf).sort();
    }, 60_000);

    test('is complete, once each, in order, with the sizes', async () => {
      const entries = await all(agent.listDocuments());
      expect(entries.map(({ key }) => key)).toEqual(newest);
      const sizes = new Map([...texts, ...seconds].map((text) => [keyOf(text), Buffer.byteLength(text)]));
      expect(entries.filter(({ key, bytes }) => bytes !== sizes.get(key))).toEqual([]);
      expect(entries.filter(({ key, id, version }) => key !== `${id}:${version}`)).toEqual([]);
    });

    test('has all versions where it is asked to', async () => {
      await expect(keysOf(agent.listDocuments({ allVersions: true }))).resolves.toEqual(versions);
    });

    test('is put together of pages by `after` and `limit`', async () => {
      const paged = [];
      for (let after; ;) {
        const page = await keysOf(agent.listDocuments({ after, limit: 900 }));
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(900);
        paged.push(...page);
        after = page.at(-1).split(':')[0];
      }
      expect(paged).toEqual(newest);
    });

    test('begins behind any id, one that is not there too, and ends at any limit', async () => {
      // About the thousandth, which is the last of a server's answer.
      for (const place of [998, 999, 1000, MANY - 2]) {
        const after = newest[place].split(':')[0];
        const expected = newest.slice(place + 1, place + 4);
        await expect(keysOf(agent.listDocuments({ after, limit: 3 }))).resolves.toEqual(expected);
      }
      await expect(keysOf(agent.listDocuments({ after: newest.at(-1).split(':')[0] }))).resolves.toEqual([]);
      await expect(keysOf(agent.listDocuments({ after: LEAST, limit: 2 }))).resolves.toEqual(newest.slice(0, 2));
      const middle = '80000000-0000-4000-8000-000000000000';
      const behind = newest.filter((key) => key > middle);
      await expect(keysOf(agent.listDocuments({ after: middle, limit: 5 }))).resolves.toEqual(behind.slice(0, 5));
      await expect(keysOf(agent.listDocuments({ limit: 0 }))).resolves.toEqual([]);
    });

    test('may be left early, and goes on while documents come and go', async () => {
      for await (const { key } of agent.listDocuments()) {
        expect(key).toBe(newest[0]);
        break;
      }
      const [seen, made] = [[], []];
      for await (const { key } of agent.listDocuments()) {
        seen.push(key);
        if (seen.length % 500 === 0) made.push(keyOf(await agent.createDocument({ title: 'meanwhile' })));
      }
      expect(seen.filter((key) => !made.includes(key))).toEqual(newest);
      expect(seen).toEqual([...new Set(seen)].sort());
      for (const key of made) await agent.removeDocument(key);
    });
  });

  describe('a listing', () => {
    const create = (fields) => world.agent.createDocument(fields);

    test('has the newest version of each document, or all', async () => {
      const first = await create({ title: 'first' });
      const second = await world.agent.updateDocument(keyOf(first), { title: 'second' });
      const ofThis = async (options) =>
        (await keysOf(world.agent.listDocuments(options))).filter((key) => key.startsWith(idOf(first)));
      expect(await ofThis({})).toEqual([keyOf(second)]);
      expect(await ofThis({ allVersions: true })).toEqual([first, second].map(keyOf));
    });

    test('has documents of one type, of one agent, or made since a time', async () => {
      const agent = await world.again();
      const letters = await agent.createDocuments(numbered(3, { jacsType: 'letter' }));
      const others = await agent.createDocuments(numbered(3));
      const everything = [...letters, ...others].map(keyOf).sort();
      await expect(keysOf(agent.listDocuments({ type: 'letter' }))).resolves.toEqual(letters.map(keyOf).sort());
      await expect(keysOf(agent.listDocuments({ agentId: agent.id }))).resolves.toEqual(everything);
      await expect(keysOf(agent.listDocuments({ agentId: LEAST }))).resolves.toEqual([]);
      const { jacsVersionDate } = JSON.parse(others.at(-1));
      const since = new Date(Date.parse(jacsVersionDate) + 1000).toISOString();
      await expect(keysOf(agent.listDocuments({ since }))).resolves.toEqual([]);
      await expect(keysOf(agent.listDocuments({ since: '2020-01-01T00:00:00Z' }))).resolves.toEqual(everything);
    });

    test('of an empty store is empty', async () => {
      const agent = await world.again();
      await expect(keysOf(agent.listDocuments())).resolves.toEqual([]);
      await expect(keysOf(agent.listAgents())).resolves.toEqual([]);
    });

    test('of agents has those that wrote', async () => {
      await create({ title: 'any' });
      const { agent } = world;
      await expect(keysOf(agent.listAgents())).resolves.toEqual([`${agent.id}:${agent.version}`]);
    });
  });
};
