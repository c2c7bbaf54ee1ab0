'use strict';
// What every backend does alike, through the public interface. A backend's own test calls this with its name and
// `makeAgent`, which resolves to
// - `agent`: an agent with an empty store there;
// - `again()`, which resolves to the same agent with another empty store of the same kind;
// - `raw`: the stored bytes of `agent`, as support/raw.js has them; a store that nobody else reaches is not `reachable`.

const { fieldsOf, keyOf, refusal, unsigned } = require('./support/agents.js');
const archives = require('./suite/archives.js');
const attachments = require('./suite/attachments.js');
const kept = require('./suite/attachments.kept.js');
const check = require('./suite/check.js');
const concurrency = require('./suite/concurrency.js');
const listing = require('./suite/listing.js');
const tampering = require('./suite/tampering.js');
const { faultsOf } = require('./support/witness.js');

const ABSENT = '00000000-0000-4000-8000-000000000000';

module.exports = (name, makeAgent, { reachable = true } = {}) =>
  describe(`storage: ${name}`, () => {
    const world = {};
    let agent;
    let again;

    beforeAll(async () => {
      Object.assign(world, await makeAgent());
      ({ agent, again } = world);
    });

    const create = (fields = { title: 'first' }) => agent.createDocument(fields);
    const idOf = (text) => JSON.parse(text).jacsId;
    const updated = (text, fields) => agent.updateDocument(keyOf(text), fields);

    describe('create and get', () => {
      test('what was created is read back, by key and as the newest', async () => {
        const text = await create();
        expect(faultsOf(text, agent.publicKey)).toEqual([]);
        await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
        await expect(agent.getDocument(idOf(text))).resolves.toBe(text);
      });

      test.each([
        ['of other scripts', { title: 'Zürich \u{1f600} ﬀ 日本 \u0000 "\\/' }],
        ['of two megabytes', { text: 'long '.repeat(400_000) }],
        ['without fields', {}],
      ])('a document %s survives', async (_, fields) => {
        const text = await create(fields);
        await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
        expect(fieldsOf(text)).toEqual(fields);
      });

      test('what is not stored is not found', async () => {
        const text = await create();
        for (const key of [ABSENT, `${ABSENT}:${ABSENT}`, `${idOf(text)}:${ABSENT}`]) {
          const error = await refusal(agent.getDocument(key), 'JACS_NOT_FOUND');
          expect(error.key).toBe(key);
        }
      });

      test('noSave stores nothing', async () => {
        const text = await agent.createDocument({ title: 'aside' }, { noSave: true });
        await expect(agent.verifyDocument(text)).resolves.toBe(true);
        await refusal(agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
      });

      test('a batch is stored in its order', async () => {
        const texts = await agent.createDocuments(Array.from({ length: 50 }, (_, number) => ({ number })));
        expect(texts.map((text) => fieldsOf(text).number)).toEqual(Array.from({ length: 50 }, (_, number) => number));
        await expect(Promise.all(texts.map((text) => agent.getDocument(keyOf(text))))).resolves.toEqual(texts);
      });
    });

    describe('update', () => {
      test('makes the newest version, and keeps the one before', async () => {
        const first = await create();
        const second = await updated(first, { title: 'second' });
        await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
        await expect(agent.getDocument(keyOf(first))).resolves.toBe(first);
        expect((await agent.versions(idOf(first))).map(({ key }) => key)).toEqual([first, second].map(keyOf));
      });

      test('of a version that is no longer the newest is refused, and names the newest', async () => {
        const first = await create();
        const second = await updated(first, { title: 'second' });
        const error = await refusal(updated(first, { title: 'late' }), 'JACS_CONFLICT');
        expect(error).toMatchObject({ current: keyOf(second), heads: [keyOf(second)] });
        await expect(agent.versions(idOf(first))).resolves.toHaveLength(2);
      });
    });

    describe('save', () => {
      const unsaved = (fields) => agent.createDocument(fields, { noSave: true });
      /** Another signature under the same key. */
      const signedAgain = (text) => agent.createDocument(unsigned(text), { noSave: true, resign: true });

      test('stores a signed document; the same bytes again are success', async () => {
        const text = await unsaved({ title: 'saved' });
        await expect(agent.saveDocument(text)).resolves.toBe(text);
        await expect(agent.saveDocument(text)).resolves.toBe(text);
        await expect(agent.getDocument(idOf(text))).resolves.toBe(text);
      });

      test('never puts other bytes under a key', async () => {
        const text = await create();
        const error = await refusal(agent.saveDocument(await signedAgain(text)), 'JACS_CONFLICT');
        expect(error.key).toBe(keyOf(text));
        await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
      });

      test('of an older version makes it part of the history', async () => {
        const first = await create();
        const second = await updated(first, { title: 'second' });
        await agent.removeDocument(keyOf(first));
        await agent.saveDocument(first);
        await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
        await expect(agent.versions(idOf(first))).resolves.toHaveLength(2);
      });
    });

    describe('a fork', () => {
      async function fork() {
        const first = await create();
        const elsewhere = await again();
        await elsewhere.saveDocument(first);
        const theirs = await elsewhere.updateDocument(keyOf(first), { title: 'theirs' });
        const ours = await updated(first, { title: 'ours' });
        await agent.saveDocument(theirs);
        const heads = [ours, theirs].map(keyOf).sort().reverse();
        return { first, heads, winner: heads[0] === keyOf(ours) ? ours : theirs };
      }

      test('has the greatest head as its winner, and shows all heads', async () => {
        const { first, heads, winner } = await fork();
        await expect(agent.getDocument(idOf(first))).resolves.toBe(winner);
        const error = await refusal(agent.getDocument(idOf(first), { onFork: 'error' }), 'JACS_CONFLICT');
        expect(error).toMatchObject({ current: heads[0], heads });
        await expect(agent.inspectDocument(idOf(first))).resolves.toMatchObject({ valid: true, heads });
      });

      test('is closed by an update that merges the other head', async () => {
        const { first, heads, winner } = await fork();
        const merged = await agent.updateDocument(heads[0], { title: 'merged' }, { merges: [heads[1]] });
        await expect(agent.getDocument(idOf(first), { onFork: 'error' })).resolves.toBe(merged);
        expect(JSON.parse(merged).jacsPreviousVersion).toBe(JSON.parse(winner).jacsVersion);
      });
    });

    describe('history', () => {
      test('chains every version to the one before', async () => {
        let text = await create({ number: 0 });
        for (let number = 1; number < 4; number++) text = await updated(text, { number });
        const history = await agent.verifyHistory(idOf(text));
        expect(history).toMatchObject({ valid: true, owner: agent.id, heads: [keyOf(text)], gaps: [] });
        expect(history.versions.map(({ chain }) => chain)).toEqual(['first', 'linked', 'linked', 'linked']);
      });
    });

    describe('remove', () => {
      test('takes one version: the one before is the newest again', async () => {
        const first = await create();
        const second = await updated(first, { title: 'second' });
        await agent.removeDocument(keyOf(second));
        await expect(agent.getDocument(idOf(first))).resolves.toBe(first);
        await refusal(agent.getDocument(keyOf(second)), 'JACS_NOT_FOUND');
      });

      test('takes a whole document', async () => {
        const first = await create();
        await updated(first, { title: 'second' });
        await agent.removeDocument(idOf(first), { allVersions: true });
        await refusal(agent.getDocument(idOf(first)), 'JACS_NOT_FOUND');
        await refusal(agent.versions(idOf(first)), 'JACS_NOT_FOUND');
        await refusal(agent.removeDocument(idOf(first), { allVersions: true }), 'JACS_NOT_FOUND');
      });
    });

    // Before the stores are full: every byte is read.
    check(world, { reachable });
    listing(world);
    concurrency(world);
    attachments(world, { reachable });
    kept(world, { reachable });
    archives(world);
    if (reachable) tampering(world);
  });
