'use strict';
// verifyDocument, assertDocument, inspectDocument and verified reads: the table of checks, one code each.

const canonicalize = require('canonicalize');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { FORMS, anotherOn, fileOf, keyOf, loadAgain, newAgent, onEmptyStore, refusal } = require('../support/agents.js');
const {
  faultsOf,
  firstVersion,
  MEMBERS,
  newAuthor,
  publicKeyHash,
  rehashed,
  signWithNode,
  uuidV7,
  verifyWithNode,
} = require('../support/witness.js');

const ABSENT = '00000000-0000-4000-8000-000000000000';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const seconds = (offset) => Math.floor(Date.now() / 1000) + offset;

let place;
let agent;
let author;
let text;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  author = newAuthor();
  await agent.saveDocument(author.document);
  text = await agent.createDocument({ title: 'first', n: 100 });
});

/** All three verbs agree on what is wrong with a text. */
async function expectVerdict(one, code, options) {
  await expect(agent.verifyDocument(one, options)).resolves.toBe(code === undefined);
  expect(agent.verifyDocumentSync(one, options)).toBe(code === undefined);
  if (code === undefined) await expect(agent.assertDocument(one, options)).resolves.toMatchObject({ valid: true });
  else await refusal(agent.assertDocument(one, options), code);
}

describe.each(Object.entries(FORMS))('%s: verifyDocument', (_, call) => {
  const verify = (...args) => call(agent, 'verifyDocument', ...args);

  test.each([
    ['as it is', () => text],
    ['as an object', () => JSON.parse(text)],
    ['with white space', () => JSON.stringify(JSON.parse(text), null, 2)],
    ['in another order', () => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()))],
    ['with other numbers', () => text.replace('"n":100', '"n":1.0e2')],
  ])('%s: true', async (name, form) => {
    await expect(verify(form())).resolves.toBe(true);
  });

  test.each(
    [['', 'title', '[1]', 'null', '{}', '{"title":1}', '{"jacsSignature":{}}', '\ud800', '{"a":"\ud800"}']].flat(),
  )('%j is no signed document: false', async (one) => {
    await expect(verify(one)).resolves.toBe(false);
  });

  test.each([undefined, null, 1, true, Symbol('x')])('%p: not a text: refused', async (one) => {
    await refusal(verify(one), 'JACS_INPUT');
  });

  test('no verdict: rejected, never false', async () => {
    await refusal(call(new Agent(), 'verifyDocument', text), 'JACS_CONFIG');
    const closed = await loadAgain(place);
    await closed.close();
    await refusal(call(closed, 'verifyDocument', text), 'JACS_CONFIG');
    await refusal(verify(text, { signedBy: 'x' }), 'JACS_INPUT');
  });
});

test('the witness by node:crypto sees what the package sees', () => {
  expect(verifyWithNode(text, agent.publicKey)).toBe(true);
  const document = JSON.parse(text);
  const { jacsSignature } = document;
  expect(faultsOf(text, author.raw)).toEqual(['key hash', 'signature']);
  expect(faultsOf(JSON.stringify(document, null, 1), agent.publicKey)).toEqual(['canonical form']);
  expect(faultsOf(text.replace('"first"', '"forged"'), agent.publicKey)).toEqual(['hash', 'signature']);
  expect(faultsOf(rehashed({ ...document, title: 'forged' }), agent.publicKey)).toEqual(['signature']);
  expect(faultsOf(rehashed({ ...document, added: 1 }), agent.publicKey)).toEqual(['fields']);
  const noted = { ...jacsSignature, note: 1 };
  expect(faultsOf(rehashed({ ...document, jacsSignature: noted }), agent.publicKey)).toEqual(['members', 'signature']);
});

describe('the table of checks', () => {
  const own = (fields = {}, changes = {}) => signWithNode(firstVersion({ title: 'x', ...fields }), author, changes);
  const changed = (change) => rehashed({ ...JSON.parse(text), ...change(JSON.parse(text)) });
  const signature = (change) => changed(({ jacsSignature }) => ({ jacsSignature: { ...jacsSignature, ...change } }));
  const without = (name) => () => {
    const document = JSON.parse(text);
    delete document[name];
    return rehashed(document);
  };
  const withoutMember = (name) => () => {
    const document = JSON.parse(text);
    delete document.jacsSignature[name];
    return rehashed(document);
  };
  const HEADER = [
    '$schema',
    'jacsId',
    'jacsVersion',
    'jacsVersionDate',
    'jacsOriginalVersion',
    'jacsOriginalDate',
    'jacsType',
    'jacsLevel',
  ];

  test.each([
    ...HEADER.map((name) => [`1: no ${name}`, 'JACS_INPUT', without(name)]),
    ['1: no hash', 'JACS_INPUT', () => text.replace('"jacsSha256"', '"sha256"')],
    ['1: a name twice', 'JACS_INPUT', () => text.replace('{', '{"title":"first",')],
    ['1: a header field of another type', 'JACS_INPUT', () => changed(() => ({ jacsId: 1 }))],
    ['1: an id that is none', 'JACS_INPUT', () => changed(() => ({ jacsId: '../../x' }))],
    ['1: a date that is none', 'JACS_INPUT', () => changed(() => ({ jacsVersionDate: 'yesterday' }))],
    ['1: a number that is none', 'JACS_INPUT', () => text.replace('"n":100', '"n":1e21')],
    ['2: a field changed', 'JACS_HASH', () => text.replace('"first"', '"forged"')],
    ['2: the hash changed', 'JACS_HASH', () => canonicalize({ ...JSON.parse(text), jacsSha256: '0'.repeat(64) })],
    ['3: no signature', 'JACS_SIGNATURE', without('jacsSignature')],
    ['3: a signature that is no object', 'JACS_SIGNATURE', () => changed(() => ({ jacsSignature: 'signed' }))],
    ...MEMBERS.map((name) => [`3: no ${name}`, 'JACS_SIGNATURE', withoutMember(name)]),
    ['3: a member more', 'JACS_SIGNATURE', () => own({}, { note: 'x' })],
    ['3: version 1', 'JACS_SIGNATURE', () => own({}, { signatureContentVersion: undefined })],
    ['3: another version', 'JACS_SIGNATURE', () => own({}, { signatureContentVersion: 'jacs-signature-v3' })],
    ['3: no algorithm', 'JACS_SIGNATURE', () => own({}, { signingAlgorithm: 'none' })],
    ['3: another algorithm', 'JACS_SIGNATURE', () => own({}, { signingAlgorithm: 'RSA-PSS' })],
    ['3: a fraction for iat', 'JACS_SIGNATURE', () => own({}, { iat: 1.5 })],
    ['4: an unknown agent', 'JACS_KEY', () => signWithNode(firstVersion({}), newAuthor())],
    ['4: an unknown version of ours', 'JACS_KEY', () => signature({ agentVersion: ABSENT })],
    ['4: an unknown version of theirs', 'JACS_KEY', () => own({}, { agentVersion: ABSENT })],
    ['4: another key', 'JACS_KEY', () => own({}, { publicKeyHash: '0'.repeat(64) })],
    ['4: the algorithm of another key', 'JACS_KEY', () => own({}, { signingAlgorithm: 'pq2025' })],
    ['6: a field that is not signed', 'JACS_SIGNATURE', () => changed(() => ({ added: 1 }))],
    ['6: a field that is gone', 'JACS_SIGNATURE', without('title')],
    ['6: no fields', 'JACS_SIGNATURE', () => own({}, { fields: [] })],
    ['6: a field left out', 'JACS_SIGNATURE', () => own({}, { fields: ['$schema', 'title'] })],
    ['6: an agreement', 'JACS_SIGNATURE', () => changed(() => ({ jacsAgreement: {} }))],
    ['7: before 1970', 'JACS_SIGNATURE', () => own({}, { iat: -1 })],
    ['7: 310 seconds ahead', 'JACS_SIGNATURE', () => own({}, { iat: seconds(310) })],
    [
      '7: a version later than its signature',
      'JACS_SIGNATURE',
      () => own({ jacsVersion: uuidV7(Date.now() + 310_000) }),
    ],
    ['8: a field changed, and hashed again', 'JACS_SIGNATURE', () => changed(() => ({ title: 'forged' }))],
    ['8: a date of the signature changed', 'JACS_SIGNATURE', () => signature({ date: '2026-01-01T00:00:00Z' })],
    [
      '8: a signature of another document',
      'JACS_SIGNATURE',
      () => signature({ signature: JSON.parse(own()).jacsSignature.signature }),
    ],
    ['8: a signature that is no base64', 'JACS_SIGNATURE', () => signature({ signature: '*' })],
    ['8: half a signature', 'JACS_SIGNATURE', () => signature({ signature: Buffer.alloc(32).toString('base64') })],
    ['9: an attachment with another hash', 'JACS_ATTACHMENT', () => own({ jacsFiles: [attached('0'.repeat(64))] })],
    [
      '9: an attachment that is no base64',
      'JACS_ATTACHMENT',
      () => own({ jacsFiles: [{ ...attached(''), contents: '*' }] }),
    ],
  ])('%s: %s', async (_, code, make) => {
    await expectVerdict(make(), code);
  });

  const bytes = Buffer.from('hello attachment\n');
  const attached = (hash) => ({
    mimetype: 'text/plain',
    path: 'a.txt',
    embed: true,
    sha256: hash,
    contents: bytes.toString('base64'),
  });

  test.each([
    ['by an agent that the store knows', () => own()],
    ['with the other name of the algorithm', () => own({}, { signingAlgorithm: 'ed25519' })],
    ['with fields in another order', () => own({}, { fields: JSON.parse(own()).jacsSignature.fields.reverse() })],
    ['with a response', () => own({}, { response: 'yes', responseType: 'agree' })],
    ['290 seconds ahead', () => own({}, { iat: seconds(290) })],
    ['of 1970', () => own({ jacsVersion: uuidV7(0) }, { iat: 0 })],
    ['with a version of another kind', () => own({ jacsVersion: crypto.randomUUID() })],
    ['with an attachment', () => own({ jacsFiles: [attached(sha256(bytes))] })],
  ])('accepted: %s', async (_, make) => {
    await expectVerdict(make());
  });

  test('the first check that fails gives the code', async () => {
    const document = JSON.parse(text);
    const forged = { ...document, added: 1, jacsSignature: { ...document.jacsSignature, agentVersion: ABSENT } };
    await expectVerdict(canonicalize(forged), 'JACS_HASH');
    await expectVerdict(rehashed(forged), 'JACS_KEY');
    await expectVerdict(canonicalize({ ...forged, jacsId: 1 }), 'JACS_INPUT');
    await expectVerdict(rehashed({ ...document, added: 1 }), 'JACS_UNTRUSTED', { signedBy: ABSENT });
  });

  test('unsigned fields of others are accepted only when the call says so, and are reported', async () => {
    for (const name of ['jacsAgreement', 'jacsRegistration']) {
      const one = changed(() => ({ [name]: { note: 'x' } }));
      await expectVerdict(one, 'JACS_SIGNATURE');
      await expectVerdict(one, 'JACS_SIGNATURE', { allowUnsigned: false });
      await expectVerdict(one, undefined, { allowUnsigned: true });
      await expect(agent.assertDocument(one, { allowUnsigned: true })).resolves.toMatchObject({ unsigned: [name] });
    }
    await expectVerdict(
      changed(() => ({ added: 1 })),
      'JACS_SIGNATURE',
      { allowUnsigned: true },
    );
  });

  test('a name twice in fields, or one that is never signed', async () => {
    const { fields } = JSON.parse(own()).jacsSignature;
    const signed = (extra) => own({ jacsAgreement: {} }, { fields: [...fields, extra] });
    await expectVerdict(own({}, { fields: [...fields, 'title'] }), 'JACS_SIGNATURE');
    await expectVerdict(own({}, { fields: [...fields, 'absent'] }), 'JACS_SIGNATURE');
    await expectVerdict(signed('jacsAgreement'), 'JACS_SIGNATURE');
    await expectVerdict(signed('jacsAgreement'), 'JACS_SIGNATURE', { allowUnsigned: true });
  });
});

describe('the vectors of jacs 0.15', () => {
  const CODES = {
    'duplicate-key': 'JACS_INPUT',
    'field-changed': 'JACS_HASH',
    'hash-zeroed': 'JACS_HASH',
    'signer-changed-and-rehashed': 'JACS_KEY',
  };

  describe.each(['ed25519', 'pq2025'])('%s', (algorithm) => {
    const folder = path.join(__dirname, '..', 'vectors', `jacs-0.15-${algorithm}`);
    const namesIn = (name) => fs.readdirSync(path.join(folder, name));
    const read = (...names) => fs.readFileSync(path.join(folder, ...names), 'utf8');
    let reader;

    beforeAll(async () => {
      const own = await newAgent();
      const document = read('agent.json');
      fs.cpSync(path.join(folder, 'keys'), path.join(own.folder, 'vector_keys'), { recursive: true });
      const beside = fileOf(path.join(own.folder, 'vector_keys'), keyOf(document), 'agents');
      fs.mkdirSync(path.dirname(beside), { recursive: true });
      fs.writeFileSync(beside, document);
      const keys = {
        jacs_key_directory: path.join(own.folder, 'vector_keys'),
        jacs_agent_id_and_version: keyOf(document),
      };
      const kind = { jacs_agent_key_algorithm: algorithm === 'pq2025' ? 'pq2025' : 'ring-Ed25519' };
      reader = await loadAgain(own, { ...keys, ...kind }, { readOnly: true });
    });

    test.each(namesIn('documents'))('%s is valid', async (name) => {
      const report = await reader.assertDocument(read('documents', name));
      expect(report).toMatchObject({ valid: true, keySource: 'self', agentId: reader.id });
      expect(report.keySha256).toBe(sha256(fs.readFileSync(path.join(folder, 'keys', 'jacs.public.pem'))));
    });

    test.each(namesIn('tampered'))('%s is refused', async (name) => {
      const code = CODES[path.basename(name, '.json')] ?? 'JACS_SIGNATURE';
      await expect(reader.verifyDocument(read('tampered', name))).resolves.toBe(false);
      await refusal(reader.assertDocument(read('tampered', name)), code);
    });

    test('its key has the hash that its documents say', () => {
      const { jacsSignature } = JSON.parse(read('documents', 'plain.json'));
      expect(publicKeyHash(fs.readFileSync(path.join(folder, 'keys', 'jacs.public.pem')))).toBe(
        jacsSignature.publicKeyHash,
      );
    });
  });
});

describe('who signed, and how well the key is known', () => {
  let theirs;

  beforeAll(async () => {
    theirs = await agent.saveDocument(signWithNode(firstVersion({ title: 'theirs' }), author));
  });

  test('signedBy: one of these agents', async () => {
    await expectVerdict(text, undefined, { signedBy: agent.id });
    await expectVerdict(text, undefined, { signedBy: [author.id, agent.id] });
    await expectVerdict(text, 'JACS_UNTRUSTED', { signedBy: author.id });
    await expectVerdict(text, 'JACS_UNTRUSTED', { signedBy: [author.id, ABSENT] });
    await expectVerdict(theirs, undefined, { signedBy: [author.id] });
    await expectVerdict(theirs, 'JACS_UNTRUSTED', { signedBy: agent.id });
  });

  test.each(['storage', 'registry', 'dns', 'pinned', 'self'])('minimumTrust %s', async (minimumTrust) => {
    await expectVerdict(text, undefined, { minimumTrust });
    await expectVerdict(theirs, minimumTrust === 'storage' ? undefined : 'JACS_UNTRUSTED', { minimumTrust });
  });

  test('a call never lowers what the configuration asks', async () => {
    const strict = await loadAgain(place, { jacs_minimum_trust: 'pinned' });
    await refusal(strict.assertDocument(theirs, { minimumTrust: 'storage' }), 'JACS_UNTRUSTED');
    await expect(strict.verifyDocument(text, { minimumTrust: 'storage' })).resolves.toBe(true);
  });

  test('reads ask the same', async () => {
    await refusal(agent.getDocument(keyOf(text), { signedBy: author.id }), 'JACS_UNTRUSTED');
    await refusal(agent.getDocument(keyOf(theirs), { minimumTrust: 'pinned' }), 'JACS_UNTRUSTED');
    await expect(agent.getDocument(keyOf(theirs), { signedBy: author.id })).resolves.toBe(theirs);
    await expect(agent.inspectDocument(keyOf(theirs), { minimumTrust: 'self' })).resolves.toMatchObject({
      valid: false,
      code: 'JACS_UNTRUSTED',
    });
  });

  test("another agent of the same store believes our key as the store's", async () => {
    const other = (await anotherOn(place)).agent;
    await expect(other.assertDocument(text)).resolves.toMatchObject({ keySource: 'storage', agentId: agent.id });
    await refusal((await newAgent()).agent.assertDocument(text), 'JACS_KEY');
  });
});

describe('inspectDocument', () => {
  const names = ['format', 'hash', 'signature members', 'key', 'trust', 'fields', 'time', 'signature', 'attachments'];

  test('reports a text, a version and the newest alike', async () => {
    const { jacsId, jacsSignature } = JSON.parse(text);
    const expected = {
      valid: true,
      key: keyOf(text),
      agentId: agent.id,
      agentVersion: agent.version,
      algorithm: 'ring-Ed25519',
      keySource: 'self',
      keySha256: sha256(agent.publicKey),
      unsigned: [],
      attachments: [],
    };
    for (const one of [text, ` ${text}`, keyOf(text), jacsId]) {
      const report = await agent.inspectDocument(one);
      expect(report).toMatchObject(expected);
      expect(report).not.toHaveProperty('code');
      expect(Date.parse(report.signedAt)).toBe(Date.parse(jacsSignature.date));
      expect(report.checks.every(({ ok }) => ok)).toBe(true);
      expect(report.checks.length).toBeGreaterThanOrEqual(names.length);
      expect(report.tried).toContainEqual({ source: 'self', result: expect.any(String) });
    }
    await expect(agent.inspectDocument(jacsId)).resolves.toMatchObject({ heads: [keyOf(text)] });
  });

  test('stops at the first check that fails, and says which', async () => {
    const report = await agent.inspectDocument(rehashed({ ...JSON.parse(text), title: 'forged' }));
    expect(report).toMatchObject({ valid: false, code: 'JACS_SIGNATURE', key: keyOf(text), agentId: agent.id });
    const failed = report.checks.filter(({ ok }) => !ok);
    expect(failed).toHaveLength(1);
    expect(report.checks.at(-1)).toEqual(failed[0]);
    expect(failed[0].detail).toEqual(expect.any(String));
  });

  test.each(['{', '{}', '{"title":1}'])('%j: a report, not a refusal', async (one) => {
    await expect(agent.inspectDocument(one)).resolves.toMatchObject({ valid: false, code: 'JACS_INPUT', tried: [] });
  });
});

describe('what stands in the store', () => {
  let fresh;
  let stored;
  let file;

  beforeEach(async () => {
    fresh = await newAgent();
    stored = await fresh.agent.createDocument({ title: 'first' });
    file = fileOf(fresh.data, keyOf(stored));
  });

  const elsewhere = () => fresh.agent.createDocumentSync({ title: 'other' }, { noSave: true });

  test.each([
    ['changed', 'JACS_HASH', () => stored.replace('"first"', '"forged"')],
    ['changed and hashed again', 'JACS_SIGNATURE', () => rehashed({ ...JSON.parse(stored), title: 'forged' })],
    ['truncated', 'JACS_HASH', () => stored.slice(0, -1)],
    ['empty', 'JACS_HASH', () => ''],
    ['longer', 'JACS_HASH', () => `${stored}x`],
    ['not UTF-8', 'JACS_HASH', () => Buffer.concat([Buffer.from(stored), Buffer.from([0xff])])],
    ['another document', 'JACS_HASH', elsewhere],
    ['no document', 'JACS_HASH', () => '{}'],
  ])('%s: %s', async (_, code, make) => {
    fs.writeFileSync(file, make());
    for (const key of [keyOf(stored), JSON.parse(stored).jacsId]) {
      expect((await refusal(fresh.agent.getDocument(key), code)).key).toBe(keyOf(stored));
      await refusal(FORMS.sync(fresh.agent, 'getDocument', key), code);
    }
    await expect(fresh.agent.inspectDocument(keyOf(stored))).resolves.toMatchObject({ valid: false, code });
    if (code === 'JACS_HASH') await refusal(fresh.agent.getDocument(keyOf(stored), { verify: 'hash' }), code);
    fs.writeFileSync(file, stored);
    await expect(fresh.agent.getDocument(keyOf(stored))).resolves.toBe(stored);
  });

  test('a sound text that is not canonical reads as it is', async () => {
    const spelled = JSON.stringify(JSON.parse(stored), null, 2);
    fs.writeFileSync(file, spelled);
    await expect(fresh.agent.getDocument(keyOf(stored))).resolves.toBe(spelled);
  });

  test("whose signer's key is gone: only its hash can be read", async () => {
    const text = await place.agent.saveDocument(signWithNode(firstVersion({ title: 'theirs' }), author));
    const reader = await onEmptyStore(place);
    fs.cpSync(path.join(place.data, 'documents'), path.join(reader.data, 'documents'), { recursive: true });
    await refusal(reader.agent.getDocument(keyOf(text)), 'JACS_KEY');
    await refusal(reader.agent.getDocument(keyOf(text), { verify: 'full' }), 'JACS_KEY');
    await expect(reader.agent.getDocument(keyOf(text), { verify: 'hash' })).resolves.toBe(text);
    await expect(FORMS.sync(reader.agent, 'getDocument', keyOf(text), { verify: 'hash' })).resolves.toBe(text);
    await expect(reader.agent.verifyDocument(text)).resolves.toBe(false);
  });
});
