'use strict';
// The vectors that `jacs` 0.15.0 made: its agents load here, its documents verify here, given as text and read from the
// store, and every tampered one is refused with the code of the table in documents.md.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { all, fileOf, keyOf, newAgent, refusal, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');

const PASSWORD = 'TestP@ss123!#';
const vectors = path.join(root, '__test__', 'vectors');

const DOCUMENTS = ['embedded-attachment', 'empty', 'long', 'nested', 'numbers', 'order', 'plain', 'typed', 'unicode'];

// The first check that refuses, from the vectors' README, and its code for a text from a caller and from the store.
const TAMPERED = {
  'duplicate-key': ['JACS_INPUT', 'JACS_HASH'],
  'field-changed': ['JACS_HASH', 'JACS_HASH'],
  'hash-zeroed': ['JACS_HASH', 'JACS_HASH'],
  'signature-missing-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'algorithm-none-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'signer-changed-and-rehashed': ['JACS_KEY', 'JACS_KEY'],
  'fields-emptied-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'signed-field-removed-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'unsigned-field-added-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'field-changed-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'signature-bit-flipped-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
  'signature-date-changed-and-rehashed': ['JACS_SIGNATURE', 'JACS_SIGNATURE'],
};
// The check that the report names as the one that failed.
const FAILED_CHECK = {
  'duplicate-key': 'format',
  'field-changed': 'hash',
  'hash-zeroed': 'hash',
  'signature-missing-and-rehashed': 'signature members',
  'algorithm-none-and-rehashed': 'signature members',
  'signer-changed-and-rehashed': 'key',
  'fields-emptied-and-rehashed': 'fields',
  'signed-field-removed-and-rehashed': 'fields',
  'unsigned-field-added-and-rehashed': 'fields',
  'field-changed-and-rehashed': 'signature',
  'signature-bit-flipped-and-rehashed': 'signature',
  'signature-date-changed-and-rehashed': 'signature',
};

const LOADS = [
  ['with its password', { password: PASSWORD }],
  ['read-only', { readOnly: true }],
];

describe.each(['ed25519', 'pq2025'])('%s', (name) => {
  const vector = path.join(vectors, `jacs-0.15-${name}`);
  const read = (...parts) => fs.readFileSync(path.join(vector, ...parts), 'utf8');
  const document = (title) => read('documents', `${title}.json`);
  const tampered = (title) => read('tampered', `${title}.json`);

  /** A folder with everything where `jacs` has it; its data directory and configuration. */
  function placeOfVector() {
    const folder = temporaryFolder();
    const data = path.join(folder, 'jacs_data');
    fs.cpSync(path.join(vector, 'keys'), path.join(folder, 'jacs_keys'), { recursive: true });
    fs.copyFileSync(path.join(vector, 'jacs.config.json'), path.join(folder, 'jacs.config.json'));
    fs.mkdirSync(path.join(data, 'agent'), { recursive: true });
    fs.copyFileSync(path.join(vector, 'agent.json'), path.join(data, 'agent', `${keyOf(read('agent.json'))}.json`));
    return { folder, data, config: path.join(folder, 'jacs.config.json') };
  }

  async function load({ config }, options) {
    const agent = new Agent();
    await agent.load(config, { env: {}, ...options });
    return agent;
  }

  /** Puts a text under a key, past the package. */
  function put(data, key, text) {
    const file = fileOf(data, key);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }

  test('every document and every tampered one has a test', () => {
    const names = (folder) => fs.readdirSync(path.join(vector, folder)).map((file) => path.basename(file, '.json'));
    expect(names('documents').sort()).toEqual([...DOCUMENTS].sort());
    expect(names('tampered').sort()).toEqual(Object.keys(TAMPERED).sort());
    expect(Object.keys(FAILED_CHECK)).toEqual(Object.keys(TAMPERED));
  });

  describe.each(LOADS)('loaded %s', (_, options) => {
    let place;
    let agent;
    beforeAll(async () => {
      place = placeOfVector();
      agent = await load(place, options);
      for (const title of DOCUMENTS) put(place.data, keyOf(document(title)), document(title));
    });

    test('it is the vector’s agent', async () => {
      const { jacsId, jacsVersion } = JSON.parse(read('agent.json'));
      expect([agent.id, agent.version]).toEqual([jacsId, jacsVersion]);
      expect(agent.publicKey).toEqual(fs.readFileSync(path.join(vector, 'keys', 'jacs.public.pem')));
      expect(agent.algorithm).toBe({ ed25519: 'ring-Ed25519', pq2025: 'pq2025' }[name]);
      expect(await agent.verifyDocument(read('agent.json'))).toBe(true);
    });

    test.each(DOCUMENTS)('%s verifies', async (title) => {
      const text = document(title);
      expect(await agent.verifyDocument(text)).toBe(true);
      expect(agent.verifyDocumentSync(text, { signedBy: agent.id, minimumTrust: 'self' })).toBe(true);
      expect(await agent.assertDocument(text)).toMatchObject({
        valid: true,
        key: keyOf(text),
        agentId: agent.id,
        agentVersion: agent.version,
        keySource: 'self',
        unsigned: [],
      });
    });

    test.each(DOCUMENTS)('%s given as an object verifies', async (title) => {
      expect(await agent.verifyDocument(JSON.parse(document(title)))).toBe(true);
    });

    test.each(DOCUMENTS)('%s reads from the store as it is', async (title) => {
      const text = document(title);
      const { jacsId } = JSON.parse(text);
      expect(await agent.getDocument(keyOf(text))).toBe(text);
      expect(await agent.getDocument(jacsId)).toBe(text);
      expect(agent.getDocumentSync(keyOf(text))).toBe(text);
      expect(await agent.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'self' });
      expect(await agent.versions(jacsId)).toMatchObject([{ key: keyOf(text), head: true, accepted: true }]);
      expect(await agent.verifyHistory(jacsId)).toMatchObject({ valid: true, owner: agent.id, gaps: [] });
    });

    test('the embedded attachment is read in the form of jacs', async () => {
      const report = await agent.assertDocument(document('embedded-attachment'));
      const [file] = JSON.parse(document('embedded-attachment')).jacsFiles;
      expect(report.attachments).toEqual([
        { path: file.path, sha256: file.sha256, where: 'document', present: true, ok: true },
      ]);
    });

    test('all of them are listed', async () => {
      const listed = (await all(agent.listDocuments())).map(({ key }) => key);
      expect(listed).toEqual(DOCUMENTS.map((title) => keyOf(document(title))).sort());
    });

    test.each(Object.entries(TAMPERED))('%s is refused: %j', async (title, [code]) => {
      const text = tampered(title);
      expect(await agent.verifyDocument(text)).toBe(false);
      expect(agent.verifyDocumentSync(text)).toBe(false);
      await refusal(agent.assertDocument(text), code);
      const report = await agent.inspectDocument(text);
      expect(report).toMatchObject({ valid: false, code });
      expect(report.checks.filter(({ ok }) => !ok).map(({ name: check }) => check)).toEqual([FAILED_CHECK[title]]);
      expect(report.checks.at(-1).ok).toBe(false);
    });

    test.each(Object.entries(TAMPERED))('%s is refused from the store: %j', async (title, [, code]) => {
      const own = placeOfVector();
      const key = keyOf(tampered(title));
      put(own.data, key, tampered(title));
      const reader = await load(own, options);
      await refusal(reader.getDocument(key), code);
      await refusal(
        Promise.resolve().then(() => reader.getDocumentSync(key)),
        code,
      );
      expect(await reader.inspectDocument(key)).toMatchObject({ valid: false, code });
      await refusal(reader.getDocument(key.split(':')[0]), code);
      await expect(reader.verifyHistory(key.split(':')[0])).resolves.toMatchObject({ valid: false });
    });
  });

  describe('loaded with its password', () => {
    let place;
    let agent;
    beforeEach(async () => {
      place = placeOfVector();
      agent = await load(place, { password: PASSWORD });
    });

    test.each(DOCUMENTS)('%s is saved in canonical form, and verifies as saved', async (title) => {
      const text = document(title);
      const saved = await agent.saveDocument(text);
      expect(JSON.parse(saved)).toEqual(JSON.parse(text));
      expect(fs.readFileSync(fileOf(place.data, keyOf(text)), 'utf8')).toBe(saved);
      expect(await agent.getDocument(keyOf(text))).toBe(saved);
      expect(await agent.saveDocument(text)).toBe(saved);
    });

    test.each(Object.entries(TAMPERED))('%s is not saved: %j', async (title, [code]) => {
      await refusal(agent.saveDocument(tampered(title)), code);
      expect(fs.existsSync(path.join(place.data, 'documents'))).toBe(false);
    });

    test('it signs, and updates what jacs made', async () => {
      const made = await agent.createDocument({ made: 'here' });
      expect(await agent.verifyDocument(made, { minimumTrust: 'self' })).toBe(true);
      const first = await agent.saveDocument(document('typed'));
      const second = await agent.updateDocument(keyOf(first), { made: 'here' });
      expect(JSON.parse(second)).toMatchObject({ jacsPreviousSha256: JSON.parse(first).jacsSha256, made: 'here' });
      expect(await agent.getDocument(JSON.parse(first).jacsId)).toBe(second);
      expect(await agent.verifyHistory(JSON.parse(first).jacsId)).toMatchObject({ valid: true });
    });

    test('what jacs made at level raw never changes', async () => {
      const text = await agent.saveDocument(document('plain'));
      await refusal(agent.updateDocument(keyOf(text), { changed: true }), 'JACS_INPUT');
      expect(await agent.getDocument(JSON.parse(text).jacsId)).toBe(text);
    });

    test('its first write publishes its agent document, which carries no key: others do not believe it', async () => {
      const text = await agent.createDocument({ made: 'here' });
      const published = fs.readFileSync(fileOf(place.data, `${agent.id}:${agent.version}`, 'agents'), 'utf8');
      expect(JSON.parse(published)).toEqual(JSON.parse(read('agent.json')));
      const { agent: stranger } = await newAgent({ dataDirectory: place.data });
      await refusal(stranger.getDocument(keyOf(text)), 'JACS_KEY');
    });
  });

  test('verifying writes nothing', async () => {
    const place = placeOfVector();
    const before = treeOf(place.folder, { times: true });
    const agent = await load(place, { readOnly: true });
    for (const title of DOCUMENTS) await agent.verifyDocument(document(title));
    for (const title of Object.keys(TAMPERED)) await agent.verifyDocument(tampered(title));
    expect(treeOf(place.folder, { times: true })).toEqual(before);
  });

  test('another agent knows no key for them', async () => {
    const { agent: stranger } = await newAgent();
    for (const title of DOCUMENTS) await refusal(stranger.assertDocument(document(title)), 'JACS_KEY');
  });
});
