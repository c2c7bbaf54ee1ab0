'use strict';
// One store on a server, and several who use it: other instances, other processes, other agents.

const { setTimeout: sleep } = require('node:timers/promises');
const { all, fieldsOf, keyOf, refusal, unsigned } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { describeWith } = require('../support/needs.js');
const { nameOf, rawBucket, rawFolder } = require('../support/raw.js');
const { againOn, agentOnDav, agentOnS3 } = require('../support/remote.js');
const { firstVersion, newAuthor, signWithNode } = require('../support/witness.js');

const idOf = (text) => JSON.parse(text).jacsId;
const valueOf = ({ value, error }) => {
  if (error) throw Object.assign(new Error(error.stack), error);
  return value;
};

const BACKENDS = [
  ['S3', 'rgw', agentOnS3, ({ bucket, prefix }) => ({ bucket, prefix }), rawBucket],
  ['WebDAV', 'dav', agentOnDav, ({ collection }) => ({ collection }), ({ stored }) => rawFolder(stored)],
];

describe.each(BACKENDS)('%s', (_, server, make, shared, rawOf) => {
  describeWith([server], 'another process', () => {
    let place;
    let other;

    beforeAll(async () => {
      place = await make();
      other = await startAgent(place);
    });

    test('sees what was written at once, and the other way round', async () => {
      const { agent } = place;
      const first = await agent.createDocument({ title: 'first' });
      expect(valueOf(await other.call('getDocument', idOf(first)))).toBe(first);
      const second = valueOf(await other.call('updateDocument', keyOf(first), { title: 'second' }));
      await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
      const third = await agent.updateDocument(keyOf(second), { title: 'third' });
      expect(valueOf(await other.call('getDocument', idOf(first)))).toBe(third);
      const error = await refusal(agent.updateDocument(keyOf(second), { title: 'late' }), 'JACS_CONFLICT');
      expect(error.current).toBe(keyOf(third));
      const listed = valueOf(await other.call('listDocuments')).map(({ key }) => key);
      expect(listed).toContain(keyOf(third));
    });

    test('may be allowed to see a newer version later, and then does', async () => {
      const late = await againOn(place, { settings: { jacs_latest_ttl_ms: 1000 } });
      const first = valueOf(await other.call('createDocument', { title: 'first' }));
      await expect(late.getDocument(idOf(first))).resolves.toBe(first);
      const second = valueOf(await other.call('updateDocument', keyOf(first), { title: 'second' }));
      expect([first, second]).toContain(await late.getDocument(idOf(first)));
      await expect(late.getDocument(idOf(first), { cache: false })).resolves.toBe(second);
      await sleep(1100);
      await expect(late.getDocument(idOf(first))).resolves.toBe(second);
    });

    test('has removed what is then gone: at once for who asks the store, else after the time of the cache', async () => {
      const reader = await againOn(place, { settings: { jacs_cache_ttl_ms: 1000 } });
      const [kept, gone] = await place.agent.createDocuments([{ title: 'kept' }, { title: 'gone' }]);
      for (const text of [kept, gone]) await expect(reader.getDocument(keyOf(text))).resolves.toBe(text);
      valueOf(await other.call('removeDocument', keyOf(gone)));
      await refusal(reader.getDocument(keyOf(gone), { cache: false }), 'JACS_NOT_FOUND');
      // The newest is looked for in the store.
      await refusal(reader.getDocument(idOf(gone)), 'JACS_NOT_FOUND');
      await refusal(reader.versions(idOf(gone)), 'JACS_NOT_FOUND');
      await sleep(1100);
      await refusal(reader.getDocument(keyOf(gone)), 'JACS_NOT_FOUND');
      await expect(reader.getDocument(keyOf(kept))).resolves.toBe(kept);
    });

    test('creates beside this one: everybody lists everything', async () => {
      const { agent } = place;
      const before = (await all(agent.listDocuments())).length;
      const numbered = Array.from({ length: 40 }, (_, number) => ({ number }));
      const [here, there] = await Promise.all([
        agent.createDocuments(numbered),
        other.call('createDocuments', numbered).then(valueOf),
      ]);
      const made = [...here, ...there].map(keyOf);
      expect(new Set(made).size).toBe(80);
      const listed = (await all(agent.listDocuments())).map(({ key }) => key);
      expect(listed).toHaveLength(before + 80);
      expect(made.filter((key) => !listed.includes(key))).toEqual([]);
      expect(valueOf(await other.call('listDocuments')).map(({ key }) => key)).toEqual(listed);
    });
  });

  describeWith([server], 'another agent, with keys of its own', () => {
    let places;
    let raw;

    beforeAll(async () => {
      const first = await make();
      places = [first, await make(shared(first))];
      raw = rawOf(first);
    });

    test('reads and verifies what the first wrote, and the other way round', async () => {
      const [one, two] = places.map(({ agent }) => agent);
      const [ours, theirs] = await Promise.all([
        one.createDocument({ title: 'of one' }),
        two.createDocument({ title: 'of two' }),
      ]);
      const checks = [
        [one, two, theirs],
        [two, one, ours],
      ];
      for (const [reader, author, text] of checks) {
        await expect(reader.getDocument(idOf(text), { signedBy: author.id })).resolves.toBe(text);
        await refusal(reader.getDocument(idOf(text), { signedBy: reader.id }), 'JACS_UNTRUSTED');
        await expect(reader.verifyDocument(text)).resolves.toBe(true);
        const report = await reader.inspectDocument(keyOf(text));
        expect(report).toMatchObject({ valid: true, agentId: author.id, keySource: 'storage' });
        await expect(reader.verifyHistory(idOf(text))).resolves.toMatchObject({ valid: true, owner: author.id });
        const own = (await all(reader.listDocuments({ agentId: author.id }))).map(({ key }) => key);
        expect(own).toContain(keyOf(text));
      }
      const agents = (await all(two.listAgents())).map(({ key }) => key);
      expect(agents).toEqual([one, two].map(({ id, version }) => `${id}:${version}`).sort());
    });

    test('replaces none of them where only the owner counts, and does where any counts', async () => {
      const [one, two] = places;
      const text = await one.agent.createDocument({ title: 'of one' });
      const settings = { jacs_update_policy: 'any' };
      const [eager, anyone] = await Promise.all([againOn(two, { settings }), againOn(one, { settings })]);
      const theirs = await eager.updateDocument(keyOf(text), { title: 'of two' });
      await expect(one.agent.getDocument(idOf(text))).resolves.toBe(text);
      await expect(anyone.getDocument(idOf(text))).resolves.toBe(theirs);
      const versions = await one.agent.versions(idOf(text));
      expect(versions.map(({ accepted }) => accepted)).toEqual([true, false]);
      expect(versions.map(({ agentId }) => agentId)).toEqual(places.map(({ agent }) => agent.id));
    });

    test('who only reads needs no key and writes nothing', async () => {
      const [one] = places;
      const text = await one.agent.createDocument({ title: 'of one' });
      const before = await raw.names();
      const reader = await againOn(one, { readOnly: true, password: undefined });
      await expect(reader.getDocument(idOf(text))).resolves.toBe(text);
      expect((await all(reader.listDocuments())).length).toBeGreaterThan(0);
      await refusal(reader.createDocument({}), 'JACS_PERMISSION');
      await refusal(reader.updateDocument(keyOf(text), {}), 'JACS_PERMISSION');
      await refusal(reader.removeDocument(keyOf(text)), 'JACS_PERMISSION');
      await expect(reader.doctor()).resolves.toMatchObject({ agent: { readOnly: true } });
      expect(await raw.names()).toEqual(before);
    });

    test('gets no bytes beyond what a document may have', async () => {
      const [{ agent }, two] = places;
      const [text, other] = await agent.createDocuments([{ title: 'grown' }, { title: 'not grown' }]);
      await raw.put(nameOf(keyOf(text)), text + ' '.repeat(200_000));
      const reader = await againOn(two, { settings: { jacs_max_document_bytes: 100_000 } });
      await refusal(reader.getDocument(keyOf(text)), 'JACS_HASH');
      await refusal(reader.getDocument(idOf(text)), 'JACS_HASH');
      await expect(reader.getDocument(keyOf(other))).resolves.toBe(other);
    });

    test('is known by the document that was published, and a changed one vouches for nobody', async () => {
      const author = newAuthor();
      const text = signWithNode(firstVersion({ title: 'by node alone' }), author);
      const own = nameOf(`${author.id}:${author.version}`, 'agents');
      await raw.put(nameOf(keyOf(text)), text);
      await refusal((await againOn(places[0])).getDocument(keyOf(text)), 'JACS_KEY');
      // Another's key under this name.
      const { raw: strange, privateKey } = newAuthor();
      const impostor = { ...author, raw: strange, privateKey };
      const forged = signWithNode(
        { ...unsigned(author.document), jacsPublicKey: strange.toString('base64') },
        impostor,
      );
      await raw.put(own, forged);
      await expect((await againOn(places[0])).verifyDocument(text)).resolves.toBe(false);
      await raw.put(own, author.document);
      const reader = await againOn(places[1]);
      expect(fieldsOf(await reader.getDocument(keyOf(text)))).toEqual({ title: 'by node alone' });
      await expect(reader.verifyDocument(text)).resolves.toBe(true);
    });
  });
});
