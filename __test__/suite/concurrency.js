'use strict';
// Part of storage.suite.js: many calls at once of one agent.

const { all, fieldsOf, keyOf, unsigned } = require('../support/agents.js');

const idOf = (text) => JSON.parse(text).jacsId;
const codesOf = (outcomes) => outcomes.flatMap(({ reason }) => reason?.code ?? []);
const valuesOf = (outcomes) => outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);

module.exports = (world) =>
  describe('at the same time', () => {
    const create = (fields = { title: 'first' }) => world.agent.createDocument(fields);

    test('creates all succeed, each with its own document', async () => {
      const texts = await Promise.all(Array.from({ length: 128 }, (_, number) => create({ number })));
      expect(texts.map((text) => fieldsOf(text).number)).toEqual([...texts.keys()]);
      expect(new Set(texts.map(idOf)).size).toBe(128);
      const read = await Promise.all(texts.map((text) => world.agent.getDocument(keyOf(text), { cache: false })));
      expect(read).toEqual(texts);
    });

    test('updates of one version have one winner', async () => {
      const { agent } = world;
      const first = await create();
      const attempts = Array.from({ length: 12 }, (_, number) => agent.updateDocument(keyOf(first), { number }));
      const outcomes = await Promise.allSettled(attempts);
      const [winner, ...others] = valuesOf(outcomes);
      expect(others).toEqual([]);
      expect(codesOf(outcomes)).toEqual(Array(11).fill('JACS_CONFLICT'));
      await expect(agent.getDocument(idOf(first))).resolves.toBe(winner);
    });

    test('saves of different texts under one key have one winner', async () => {
      const { agent } = world;
      const fields = unsigned(await agent.createDocument({ title: 'contended' }, { noSave: true }));
      const sign = () => agent.createDocument(fields, { noSave: true, resign: true });
      const texts = await Promise.all(Array.from({ length: 32 }, sign));
      expect(new Set(texts).size).toBe(32);
      const outcomes = await Promise.allSettled(texts.map((one) => agent.saveDocument(one)));
      const won = valuesOf(outcomes);
      expect(won).toHaveLength(1);
      expect(codesOf(outcomes)).toEqual(Array(31).fill('JACS_CONFLICT'));
      await expect(agent.getDocument(keyOf(texts[0]), { cache: false })).resolves.toBe(won[0]);
    });

    test('saves of the same bytes all succeed', async () => {
      const { agent } = world;
      const text = await agent.createDocument({ title: 'same' }, { noSave: true });
      const saved = await Promise.all(Array.from({ length: 16 }, () => agent.saveDocument(text)));
      expect(new Set(saved)).toEqual(new Set([text]));
      await expect(agent.versions(idOf(text))).resolves.toHaveLength(1);
    });

    test('reads beside updates give whole versions, and never an older one again', async () => {
      const { agent } = world;
      const made = [await create({ number: 0 })];
      const [seen, stop] = [[], { now: false }];
      const reader = async () => {
        while (!stop.now) seen.push(await agent.getDocument(idOf(made[0])));
      };
      const reading = reader();
      for (let number = 1; number <= 10; number++) {
        made.push(await agent.updateDocument(keyOf(made.at(-1)), { number }));
      }
      stop.now = true;
      await reading;
      const places = seen.map((text) => made.indexOf(text));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(places.length).toBeGreaterThan(1);
    });

    test('removals of one document: it is gone, and one of them did it', async () => {
      const { agent } = world;
      const text = await create();
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => agent.removeDocument(keyOf(text))));
      expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
      expect(codesOf(outcomes).filter((code) => code !== 'JACS_NOT_FOUND')).toEqual([]);
      const listed = (await all(agent.listDocuments())).map(({ id }) => id);
      expect(listed).not.toContain(idOf(text));
    });
  });
