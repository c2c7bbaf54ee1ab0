'use strict';
// Part of storage.suite.js: objects that somebody else changed, planted or took away in the store.

const { randomUUID } = require('node:crypto');
const { all, keyOf, refusal } = require('../support/agents.js');
const { nameOf } = require('../support/raw.js');
const { rehashed } = require('../support/witness.js');

const MARK = 'the-bytes-of-the-attacker';

const changed = (text, fields) => rehashed({ ...JSON.parse(text), ...fields });

/** What is put in the place of a document, and the code of every read of it. `other` is another document. */
const ATTACKS = [
  ['changed', 'JACS_HASH', (text) => text.replace('ours', MARK)],
  ['changed and hashed again', 'JACS_SIGNATURE', (text) => changed(text, { from: MARK })],
  ['given another field and hashed again', 'JACS_SIGNATURE', (text) => changed(text, { secret: MARK })],
  ['cut off', 'JACS_HASH', (text) => text.slice(0, -1)],
  ['emptied', 'JACS_HASH', () => ''],
  ['lengthened', 'JACS_HASH', (text) => text + MARK],
  ['replaced by another document', 'JACS_HASH', (_, other) => other],
  ['replaced by bytes that are not UTF-8', 'JACS_HASH', () => Buffer.from([0xff, 0xfe])],
];

module.exports = (world) =>
  describe('what was tampered with', () => {
    const create = (fields = { from: 'ours' }) => world.agent.createDocument(fields);
    const idOf = (text) => JSON.parse(text).jacsId;
    const fresh = { cache: false };

    async function refused(attempt, code) {
      const error = await refusal(attempt, code);
      expect(JSON.stringify({ ...error, message: error.message })).not.toContain(MARK);
    }

    test.each(ATTACKS)('a document %s is refused: %s', async (_, code, spoil) => {
      const { agent, raw } = world;
      const [text, other] = await Promise.all([create(), create({ from: 'another' })]);
      const key = keyOf(text);
      expect((await raw.get(nameOf(key))).toString()).toBe(text);
      await raw.put(nameOf(key), spoil(text, other));
      await refused(agent.getDocument(key, fresh), code);
      await refused(agent.getDocument(idOf(text), fresh), code);
      await refused(agent.updateDocument(key, { from: 'ours', again: true }), code);
      const report = await agent.inspectDocument(key);
      expect(report).toMatchObject({ valid: false, code, key });
      expect(JSON.stringify(report)).not.toContain(MARK);
      await expect(agent.verifyHistory(idOf(text))).resolves.toMatchObject({ valid: false });
      // It stays as it is for whoever looks into it; what was there is not put back over it either.
      await refused(agent.saveDocument(text), 'JACS_CONFLICT');
      // And what is not touched is as it was.
      await expect(agent.getDocument(keyOf(other), fresh)).resolves.toBe(other);
    });

    test('as the newest version it hides no older one behind it', async () => {
      const { agent, raw } = world;
      const first = await create();
      const second = await agent.updateDocument(keyOf(first), { from: 'ours', again: true });
      await raw.put(nameOf(keyOf(second)), second.replace('ours', MARK));
      await refused(agent.getDocument(idOf(first), fresh), 'JACS_HASH');
      await expect(agent.getDocument(keyOf(first), fresh)).resolves.toBe(first);
    });

    test('what was read before is refused once its bytes are others', async () => {
      const { agent, raw } = world;
      const text = await create();
      await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
      await raw.put(nameOf(keyOf(text)), text.replace('ours', MARK));
      await refused(agent.getDocument(keyOf(text), fresh), 'JACS_HASH');
      await raw.put(nameOf(keyOf(text)), text);
      await expect(agent.getDocument(keyOf(text), fresh)).resolves.toBe(text);
    });

    test('a document under the name of another version is refused', async () => {
      const { agent, raw } = world;
      const text = await create();
      const elsewhere = `${idOf(text)}:${randomUUID()}`;
      await raw.put(nameOf(elsewhere), text);
      await refused(agent.getDocument(elsewhere), 'JACS_HASH');
      await expect(agent.getDocument(keyOf(text), fresh)).resolves.toBe(text);
    });

    test('what is not of the layout is in no listing', async () => {
      const { agent, raw } = world;
      const text = await create();
      const list = async (options) => (await all(agent.listDocuments(options))).map(({ key }) => key);
      const before = [await list({}), await list({ allVersions: true })];
      const strangers = [
        'README.txt',
        'documents/README.txt',
        `documents/${idOf(text)}/notes.json`,
        `documents/${idOf(text)}/.tmp-${randomUUID()}`,
        `documents/${idOf(text).toUpperCase().replace(/^./, 'F')}/${randomUUID()}.json`,
        `documents/${idOf(text)}/${randomUUID()}/${randomUUID()}.json`,
        `other/${randomUUID()}/${randomUUID()}.json`,
      ];
      for (const name of strangers) await raw.put(name, MARK);
      expect([await list({}), await list({ allVersions: true })]).toEqual(before);
      expect(before[0]).toContain(keyOf(text));
      await expect(agent.versions(idOf(text))).resolves.toHaveLength(1);
      await expect(agent.getDocument(idOf(text), fresh)).resolves.toBe(text);
      const found = (await raw.names()).filter((name) => strangers.includes(name));
      expect(found).toEqual([...strangers].sort());
    });
  });
