'use strict';
// listDocuments and listAgents: complete, in order, filtered, in pages, and stopped by a signal.

const fs = require('node:fs');
const path = require('node:path');
const { all, anotherOn, fileOf, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { firstVersion, newAuthor, nextVersion, signWithNode, uuidV7 } = require('../support/witness.js');

const MANY = 1100;
const LEAST = '00000000-0000-4000-8000-000000000000';
const QUICK = { jacs_storage_options: { durability: 'none' } };

const keysOf = async (iterable) => (await all(iterable)).map(({ key }) => key);
const numbered = (count, fields = {}) => Array.from({ length: count }, (_, number) => ({ number, ...fields }));
const idOf = (text) => JSON.parse(text).jacsId;
/** A second ahead, so that the version is the greatest. */
const later = () => ({ at: Date.now() + 1000 });
/** What follows an id in the order of ids. */
const afterIn = (keys, id) => keys.filter((key) => key.slice(0, id.length) > id);

describe('many documents', () => {
  let place;
  let agent;
  let keys;

  beforeAll(async () => {
    place = await newAgent({ settings: QUICK });
    agent = place.agent;
    const texts = await agent.createDocuments(numbered(MANY));
    keys = texts.map(keyOf).sort();
  });

  test('are all listed, once, by ascending id', async () => {
    await expect(keysOf(agent.listDocuments())).resolves.toEqual(keys);
  });

  test('an entry says what stands in the store', async () => {
    for (const { key, id, version, bytes, modified } of await all(agent.listDocuments({ limit: 20 }))) {
      expect(key).toBe(`${id}:${version}`);
      const stat = fs.statSync(fileOf(place.data, key));
      expect(bytes).toBe(stat.size);
      expect(Math.abs(Date.parse(modified) - stat.mtimeMs)).toBeLessThan(1000);
    }
  });

  test.each([0, 1, 256, 257, 1001, MANY + 1])('limit %i', async (limit) => {
    await expect(keysOf(agent.listDocuments({ limit }))).resolves.toEqual(keys.slice(0, limit));
  });

  test.each([0, 255, 1000, MANY - 1])('after the document at %i', async (index) => {
    const after = keys[index].split(':')[0];
    await expect(keysOf(agent.listDocuments({ after }))).resolves.toEqual(keys.slice(index + 1));
  });

  test('after an id that is not there', async () => {
    const after = '80000000-0000-4000-8000-000000000000';
    await expect(keysOf(agent.listDocuments({ after }))).resolves.toEqual(afterIn(keys, after));
    await expect(keysOf(agent.listDocuments({ after: LEAST }))).resolves.toEqual(keys);
  });

  test('after and limit page through everything', async () => {
    const paged = [];
    for (let after; ;) {
      const page = await all(agent.listDocuments({ after, limit: 300 }));
      paged.push(...page.map(({ key }) => key));
      if (page.length === 0) break;
      after = page.at(-1).id;
    }
    expect(paged).toEqual(keys);
  });

  test('a listing may be left early, and others run beside it', async () => {
    for await (const { key } of agent.listDocuments()) {
      expect(key).toBe(keys[0]);
      break;
    }
    const listings = await Promise.all([1, 2, 3].map(() => keysOf(agent.listDocuments())));
    for (const listing of listings) expect(listing).toEqual(keys);
  });

  test('what is made and removed meanwhile does no harm to the rest', async () => {
    const made = [];
    const seen = [];
    for await (const { key } of agent.listDocuments()) {
      seen.push(key);
      if (seen.length % 100 === 0) made.push(keyOf(await agent.createDocument({ title: 'meanwhile' })));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort());
    expect(seen.filter((key) => !made.includes(key))).toEqual(keys);
    for (const key of made) await agent.removeDocument(key);
  });

  test('a signal stops between pages', async () => {
    const abort = new AbortController();
    const seen = [];
    const listing = (async () => {
      for await (const { key } of agent.listDocuments({ signal: abort.signal })) {
        if (seen.push(key) === 10) abort.abort();
      }
    })();
    await refusal(listing, 'JACS_ABORTED');
    expect(seen.length).toBeLessThan(MANY);
    await refusal(all(agent.listDocuments({ signal: abort.signal })), 'JACS_ABORTED');
    await refusal(all(agent.listAgents({ signal: AbortSignal.abort() })), 'JACS_ABORTED');
    await expect(keysOf(agent.listDocuments({ signal: new AbortController().signal }))).resolves.toEqual(keys);
  });
});

describe('filters', () => {
  let place;
  let agent;
  let other;
  let invoices;
  let orders;
  let theirs;

  beforeAll(async () => {
    place = await newAgent({ settings: QUICK });
    agent = place.agent;
    other = (await anotherOn(place)).agent;
    invoices = await agent.createDocuments(numbered(5, { jacsType: 'invoice' }));
    orders = await agent.createDocuments(numbered(5, { jacsType: 'order' }));
    theirs = await other.createDocuments(numbered(5, { jacsType: 'invoice' }));
    invoices[0] = await agent.updateDocument(keyOf(invoices[0]), { number: 'again' });
  });

  const listed = (options) => keysOf(agent.listDocuments(options));
  const sorted = (...texts) => texts.flat().map(keyOf).sort();

  test('type', async () => {
    await expect(listed({ type: 'invoice' })).resolves.toEqual(sorted(invoices, theirs));
    await expect(listed({ type: 'order' })).resolves.toEqual(sorted(orders));
    await expect(listed({ type: 'letter' })).resolves.toEqual([]);
  });

  test('agentId', async () => {
    await expect(listed({ agentId: agent.id })).resolves.toEqual(sorted(invoices, orders));
    await expect(listed({ agentId: other.id })).resolves.toEqual(sorted(theirs));
    await expect(listed({ agentId: LEAST })).resolves.toEqual([]);
  });

  test('together, with after and limit', async () => {
    const own = sorted(invoices);
    await expect(listed({ type: 'invoice', agentId: agent.id })).resolves.toEqual(own);
    const options = { type: 'invoice', agentId: agent.id, after: own[0].split(':')[0], limit: 2 };
    await expect(listed(options)).resolves.toEqual(own.slice(1, 3));
    await expect(listed({ type: null, agentId: undefined, after: null, limit: null })).resolves.toHaveLength(15);
  });

  test('allVersions has every version, oldest first within a document', async () => {
    const versions = (await agent.versions(idOf(invoices[0]))).map(({ key }) => key);
    expect(versions).toHaveLength(2);
    const entries = await all(agent.listDocuments({ allVersions: true }));
    expect(entries).toHaveLength(16);
    expect(entries.map(({ key }) => key)).toEqual(
      [...versions.slice(0, 1), ...sorted(invoices, orders, theirs)].sort(),
    );
    await expect(listed({ allVersions: true, type: 'invoice', agentId: agent.id })).resolves.toHaveLength(6);
    await expect(listed({ allVersions: true, limit: 3 })).resolves.toHaveLength(3);
  });

  test('without it, the newest version alone', async () => {
    await expect(listed()).resolves.toEqual(sorted(invoices, orders, theirs));
  });

  test('type and agentId verify: what does not is left out', async () => {
    const text = await agent.createDocument({ jacsType: 'forged' });
    const file = fileOf(place.data, keyOf(text));
    await expect(listed({ type: 'forged' })).resolves.toEqual([keyOf(text)]);
    fs.writeFileSync(file, text.replace('"document"', '"forged"').replace('"artifact"', '"derived"'));
    // One that has not verified it before.
    const reader = await loadAgain(place);
    await expect(keysOf(reader.listDocuments({ type: 'forged' }))).resolves.toEqual([]);
    await expect(listed()).resolves.toContain(keyOf(text));
    fs.rmSync(file);
  });

  test.each([
    ['on top of ours', (ours) => nextVersion(ours, { jacsType: 'letter' }, later())],
    ['of its own original', (ours) => firstVersion({ jacsType: 'letter' }, { id: idOf(ours), ...later() })],
  ])("with type or agentId a stranger's version %s does not hide ours", async (_, version) => {
    const author = newAuthor();
    await agent.saveDocument(author.document);
    const ours = await agent.createDocument({ jacsType: 'memo' });
    await agent.saveDocument(signWithNode(version(ours), author));
    await expect(agent.getDocument(idOf(ours))).resolves.toBe(ours);
    await expect(listed({ type: 'memo' })).resolves.toEqual([keyOf(ours)]);
    await expect(listed({ agentId: agent.id })).resolves.toContain(keyOf(ours));
    await expect(listed({ type: 'letter' })).resolves.toEqual([]);
    await agent.removeDocument(idOf(ours), { allVersions: true });
  });

  test('since compares the times of the versions', async () => {
    const author = newAuthor();
    await agent.saveDocument(author.document);
    const madeAt = async (time) => {
      const version = uuidV7(Date.parse(time));
      return keyOf(await agent.saveDocument(signWithNode(firstVersion({}, { version }), author)));
    };
    const old = await madeAt('2020-01-01T00:00:00.000Z');
    const between = await madeAt('2021-01-01T00:00:00.000Z');
    const theseSince = async (since) => (await listed({ since })).filter((key) => [old, between].includes(key)).sort();
    await expect(theseSince('2019-12-31T23:59:59.999Z')).resolves.toEqual([old, between].sort());
    await expect(theseSince('2020-01-01T00:00:00Z')).resolves.toEqual([old, between].sort());
    await expect(theseSince('2020-01-01T00:00:00.001Z')).resolves.toEqual([between]);
    await expect(theseSince('2021-01-01T01:00:00+01:00')).resolves.toEqual([between]);
    await expect(theseSince('2021-01-01T01:00:00-01:00')).resolves.toEqual([]);
    await expect(listed({ since: '2100-01-01T00:00:00Z' })).resolves.toEqual([]);
    for (const key of [old, between]) await agent.removeDocument(key);
  });

  test('agents are those that wrote, or were saved', async () => {
    const agents = await all(agent.listAgents());
    const expected = [agent, other].map(({ id, version }) => `${id}:${version}`);
    expect(agents.map(({ key }) => key)).toEqual(expect.arrayContaining(expected));
    expect(agents.map(({ id }) => id)).toEqual(agents.map(({ id }) => id).sort());
    for (const { key, bytes } of agents) expect(bytes).toBe(fs.statSync(fileOf(place.data, key, 'agents')).size);
  });
});

describe('what is no document is not listed', () => {
  test('files and folders of others', async () => {
    const { agent, data } = await newAgent();
    const text = await agent.createDocument({ title: 'listed' });
    const documents = path.join(data, 'documents');
    const own = path.join(documents, idOf(text));
    for (const name of ['README', '.tmp-1', 'x.json', `${LEAST.toUpperCase()}.JSON`, `${LEAST}`, `${LEAST}.json.bak`]) {
      fs.writeFileSync(path.join(own, name), 'other');
      fs.writeFileSync(path.join(documents, `${name}-`), 'other');
    }
    for (const name of ['folder', '67E55044-10B1-426F-9247-BB680E5FE0C8', '.tmp-2', LEAST]) {
      fs.mkdirSync(path.join(documents, name));
    }
    await expect(keysOf(agent.listDocuments())).resolves.toEqual([keyOf(text)]);
    await expect(keysOf(agent.listDocuments({ allVersions: true }))).resolves.toEqual([keyOf(text)]);
    await expect(agent.versions(idOf(text))).resolves.toHaveLength(1);
  });

  test('an empty store', async () => {
    const { agent, data } = await newAgent();
    await expect(all(agent.listDocuments())).resolves.toEqual([]);
    await expect(all(agent.listAgents())).resolves.toEqual([]);
    expect(fs.existsSync(data)).toBe(false);
  });
});

describe('bad options', () => {
  let agent;

  beforeAll(async () => {
    ({ agent } = await newAgent());
    await agent.createDocument({});
  });

  test.each([
    [{ limit: -1 }],
    [{ limit: 1.5 }],
    [{ limit: '1' }],
    [{ limit: NaN }],
    [{ after: '../x' }],
    [{ after: 1 }],
    [{ after: `${LEAST}:${LEAST}` }],
    [{ since: 'yesterday' }],
    [{ since: 1 }],
    [{ since: new Date(NaN) }],
    [{ agentId: 'x' }],
    [{ agentId: [LEAST] }],
    [{ type: 1 }],
    [{ allVersions: 'yes' }],
    [{ allversions: true }],
    [{ signal: {} }],
    [[]],
    ['options'],
    [1],
  ])('%j', async (options) => {
    await refusal(all(agent.listDocuments(options)), 'JACS_INPUT');
    await expect(all(agent.listDocuments())).resolves.toHaveLength(1);
  });

  test.each([[{ limit: 1 }], [{ type: 'agent' }], [[]], [1]])('of agents: %j', async (options) => {
    await refusal(all(agent.listAgents(options)), 'JACS_INPUT');
  });
});

describe('a listing that is left early', () => {
  const open = () => fs.readdirSync('/proc/self/fd').length;

  test.each([
    ['by its limit', { limit: 1 }],
    ['by whoever reads it', {}],
  ])('%s holds nothing', async (_, options) => {
    const place = await newAgent({ settings: QUICK });
    await place.agent.createDocuments(numbered(20));
    const before = open();
    for (let times = 0; times < 50; times++) {
      for await (const { key } of place.agent.listDocuments(options)) {
        expect(key).toEqual(expect.any(String));
        break;
      }
    }
    expect(open()).toBeLessThan(before + 10);
  });
});
