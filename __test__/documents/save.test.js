'use strict';
// saveDocument: a signed document of whomever, verified first, stored in canonical form, never over other bytes.

const canonicalize = require('canonicalize');
const fs = require('node:fs');
const path = require('node:path');
const {
  PASSWORD,
  fileOf,
  keyOf,
  loadAgain,
  newAgent,
  onEmptyStore,
  refusal,
  storedText,
  treeOf,
  unsigned,
} = require('../support/agents.js');
const { firstVersion, newAuthor, nextVersion, rehashed, signWithNode, uuidV7 } = require('../support/witness.js');

let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
});

const unsaved = (fields = { title: 'unsaved' }) => agent.createDocument(fields, { noSave: true });

/** Runs what must be refused, and sees that nothing is stored. */
async function refused(attempt, code) {
  const before = treeOf(place.folder);
  const error = await refusal(attempt(), code);
  expect(treeOf(place.folder)).toEqual(before);
  return error;
}

describe('a document of our own', () => {
  test('is stored as it is', async () => {
    const text = await unsaved();
    await expect(agent.saveDocument(text)).resolves.toBe(text);
    expect(storedText(place.data, keyOf(text))).toBe(text);
    expect(fs.statSync(fileOf(place.data, keyOf(text))).mode & 0o777).toBe(0o600);
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  });

  test('again: success, and nothing is written', async () => {
    const text = await agent.createDocument({ title: 'stored' });
    const before = treeOf(place.data);
    await expect(agent.saveDocument(text)).resolves.toBe(text);
    expect(treeOf(place.data)).toEqual(before);
  });

  test.each([
    ['with white space', (document) => JSON.stringify(document, null, 2)],
    ['in another order', (document) => JSON.stringify(Object.fromEntries(Object.entries(document).reverse()))],
    ['with escapes', (document) => JSON.stringify(document).replaceAll('é', '\\u00e9').replaceAll('/', '\\/')],
    ['with other numbers', (document) => JSON.stringify(document).replace('"n":100', '"n":1.0E2')],
  ])('%s: stored and returned in canonical form', async (_, spell) => {
    const text = await unsaved({ title: 'é/', n: 100 });
    const spelled = spell(JSON.parse(text));
    expect(spelled).not.toBe(text);
    await expect(agent.saveDocument(spelled)).resolves.toBe(text);
    expect(storedText(place.data, keyOf(text))).toBe(text);
    await expect(agent.saveDocument(text)).resolves.toBe(text);
  });

  test('that was removed is stored again', async () => {
    const text = await agent.createDocument({ title: 'gone' });
    await agent.removeDocument(keyOf(text));
    await agent.saveDocument(text);
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  });

  test('under a key that has other bytes is a conflict', async () => {
    const text = await agent.createDocument({ title: 'stored' });
    const other = await agent.createDocument(unsigned(text), { noSave: true });
    expect(keyOf(other)).toBe(keyOf(text));
    expect((await refused(() => agent.saveDocument(other), 'JACS_CONFLICT')).key).toBe(keyOf(text));
  });

  test('an older version is allowed, as history', async () => {
    const copy = await onEmptyStore(place);
    const first = await agent.createDocument({ number: 1 });
    const second = await agent.updateDocument(keyOf(first), { number: 2 });
    await copy.agent.saveDocument(second);
    await copy.agent.saveDocument(first);
    await expect(copy.agent.getDocument(JSON.parse(first).jacsId)).resolves.toBe(second);
    await expect(copy.agent.verifyHistory(JSON.parse(first).jacsId)).resolves.toMatchObject({ valid: true, gaps: [] });
  });
});

describe('what is not sound is refused', () => {
  const FORGERIES = {
    'a field changed': [(document) => canonicalize({ ...document, title: 'forged' }), 'JACS_HASH'],
    'a field changed, and hashed again': [(document) => rehashed({ ...document, title: 'forged' }), 'JACS_SIGNATURE'],
    'a field added': [(document) => rehashed({ ...document, added: 1 }), 'JACS_SIGNATURE'],
    'a field removed': [({ title: _, ...document }) => rehashed(document), 'JACS_SIGNATURE'],
    'no signature': [({ jacsSignature: _, ...document }) => rehashed(document), 'JACS_SIGNATURE'],
    'no hash': [({ jacsSha256: _, ...document }) => canonicalize(document), 'JACS_INPUT'],
    'no id': [({ jacsId: _, ...document }) => rehashed(document), 'JACS_INPUT'],
    'another signer': [(document) => rehashed(signedBy(document, { agentID: uuidV7() })), 'JACS_KEY'],
    'another version of the signer': [
      (document) => rehashed(signedBy(document, { agentVersion: uuidV7() })),
      'JACS_KEY',
    ],
    'an agreement': [(document) => rehashed({ ...document, jacsAgreement: {} }), 'JACS_SIGNATURE'],
    'a name twice': [(document) => canonicalize(document).replace('{', '{"title":"forged",'), 'JACS_INPUT'],
  };

  function signedBy(document, changes) {
    return { ...document, jacsSignature: { ...document.jacsSignature, ...changes } };
  }

  test.each(Object.entries(FORGERIES))('%s', async (_, [forge, code]) => {
    const text = await unsaved();
    await refused(() => agent.saveDocument(forge(JSON.parse(text))), code);
    await expect(agent.saveDocument(text)).resolves.toBe(text);
  });

  test.each(
    [
      ['', 'title', '[1]', '{}', '{"title":1}'],
      [undefined, null, 1, true, {}, [], Symbol('x')],
    ].flat(),
  )('%p', async (value) => {
    await refused(() => agent.saveDocument(value), 'JACS_INPUT');
  });

  test('an object, though it is a signed document', async () => {
    const text = await unsaved();
    await refused(() => agent.saveDocument(JSON.parse(text)), 'JACS_INPUT');
  });
});

describe('documents by others', () => {
  let author;

  beforeAll(async () => {
    author = newAuthor();
    await agent.saveDocument(author.document);
  });

  test('an agent document goes to agents/', () => {
    expect(storedText(place.data, `${author.id}:${author.version}`, 'agents')).toBe(author.document);
    expect(fs.existsSync(fileOf(place.data, `${author.id}:${author.version}`))).toBe(false);
  });

  test('and then what the agent signed is stored', async () => {
    const text = signWithNode(firstVersion({ title: 'theirs' }), author);
    await expect(agent.saveDocument(text)).resolves.toBe(text);
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
    await expect(agent.inspectDocument(keyOf(text))).resolves.toMatchObject({
      valid: true,
      keySource: 'storage',
      agentId: author.id,
    });
  });

  test('of an agent that nobody knows: no key', async () => {
    const stranger = newAuthor();
    await refused(() => agent.saveDocument(signWithNode(firstVersion({}), stranger)), 'JACS_KEY');
  });

  test('in the name of an agent, by another key: no key', async () => {
    const forger = { ...newAuthor(), id: author.id, version: author.version };
    await refused(() => agent.saveDocument(signWithNode(firstVersion({}), forger)), 'JACS_KEY');
  });

  test("with the hash of the agent's key, by another key: no signature of it", async () => {
    const forger = { ...newAuthor(), id: author.id, version: author.version, raw: author.raw };
    await refused(() => agent.saveDocument(signWithNode(firstVersion({}), forger)), 'JACS_SIGNATURE');
  });

  test('an agent document that another agent signed is refused', async () => {
    const document = unsigned(newAuthor().document);
    await refused(() => agent.saveDocument(signWithNode(document, author)), 'JACS_INPUT');
  });

  test('a second first version of a known agent is refused', async () => {
    const impostor = { ...newAuthor(), id: author.id };
    const fields = { jacsId: author.id, jacsPublicKey: impostor.raw.toString('base64') };
    await refused(
      () => agent.saveDocument(signWithNode({ ...unsigned(impostor.document), ...fields }, impostor)),
      'JACS_KEY',
    );
  });

  test('an attachment of theirs that is not in this store', async () => {
    const sha256 = 'a'.repeat(64);
    const jacsFiles = [{ mimetype: 'text/plain', path: 'a.txt', embed: false, sha256 }];
    const text = signWithNode(firstVersion({ jacsFiles, jacsFilesStored: [sha256] }), author);
    await refused(() => agent.saveDocument(text), 'JACS_ATTACHMENT');
    const reference = signWithNode(firstVersion({ jacsFiles }), author);
    await expect(agent.saveDocument(reference)).resolves.toBe(reference);
  });

  test('a version of theirs on top of ours is stored and does not count', async () => {
    const ours = await agent.createDocument({ title: 'ours' });
    const theirs = signWithNode(nextVersion(ours, { title: 'theirs' }), author);
    await agent.saveDocument(theirs);
    await expect(agent.getDocument(JSON.parse(ours).jacsId)).resolves.toBe(ours);
    await expect(agent.getDocument(keyOf(theirs))).resolves.toBe(theirs);
  });
});

describe('the vectors of jacs 0.15', () => {
  const vectors = path.join(__dirname, '..', 'vectors', 'jacs-0.15-ed25519');
  const names = fs.readdirSync(path.join(vectors, 'documents'));

  test.each(names)('%s is stored in canonical form by its agent', async (name) => {
    const own = await newAgent();
    const settings = { jacs_agent_id_and_version: ownerOf(name), jacs_key_directory: keysOfVectors(own) };
    const theirs = await loadAgain(own, settings, { password: 'TestP@ss123!#' });
    const text = fs.readFileSync(path.join(vectors, 'documents', name), 'utf8');
    const saved = await theirs.saveDocument(text);
    expect(saved).toBe(canonicalize(JSON.parse(text)));
    await expect(theirs.getDocument(keyOf(text))).resolves.toBe(saved);
  });

  function ownerOf(name) {
    const { jacsSignature } = JSON.parse(fs.readFileSync(path.join(vectors, 'documents', name), 'utf8'));
    return `${jacsSignature.agentID}:${jacsSignature.agentVersion}`;
  }

  /** The vectors' keys with their agent document beside them, as load expects it. */
  function keysOfVectors({ folder }) {
    const keys = path.join(folder, 'vector_keys');
    const document = fs.readFileSync(path.join(vectors, 'agent.json'), 'utf8');
    const { jacsId, jacsVersion } = JSON.parse(document);
    fs.cpSync(path.join(vectors, 'keys'), keys, { recursive: true });
    fs.mkdirSync(path.join(keys, 'agents', jacsId), { recursive: true });
    fs.writeFileSync(path.join(keys, 'agents', jacsId, `${jacsVersion}.json`), document);
    return keys;
  }
});

test('an agent that may only read stores nothing', async () => {
  const text = await unsaved();
  const reader = await loadAgain(place, {}, { readOnly: true, password: PASSWORD });
  await refused(() => reader.saveDocument(text), 'JACS_PERMISSION');
});
