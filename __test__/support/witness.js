'use strict';
// The written format once more, by node:crypto and npm `canonicalize` alone: what the package signs verifies here, and
// what is signed here is a document that the package did not make.

const canonicalize = require('canonicalize');
const {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  verify,
} = require('node:crypto');

const HEADER_SCHEMA = 'https://hai.ai/schemas/header/v1/header.schema.json';
const AGENT_SCHEMA = 'https://hai.ai/schemas/agent/v1/agent.schema.json';
const NOT_SIGNED = ['jacsSignature', 'jacsSha256', 'jacsAgreement', 'jacsRegistration'];
const MEMBERS = [
  'agentID',
  'agentVersion',
  'date',
  'fields',
  'iat',
  'jti',
  'publicKeyHash',
  'signature',
  'signatureContentVersion',
  'signingAlgorithm',
];

/** Whether a document of ours is what the format says, signed with this Ed25519 key (32 raw bytes). */
function verifyWithNode(text, rawPublicKey) {
  return faultsOf(text, rawPublicKey).length === 0;
}

/** What is wrong with a document of ours; nothing when it is sound. */
function faultsOf(text, rawPublicKey) {
  const document = JSON.parse(text);
  const { jacsSignature: signature, jacsSha256 } = document;
  const expected = {
    'canonical form': text === canonicalize(document),
    hash: jacsSha256 === hashOf(document),
    members: sameList(Object.keys(signature).sort(), MEMBERS),
    fields: sameList(signature.fields, fieldsOf(document)),
    'key hash': signature.publicKeyHash === publicKeyHash(rawPublicKey),
    'content version': signature.signatureContentVersion === 'jacs-signature-v2',
    algorithm: signature.signingAlgorithm === 'ring-Ed25519',
    signature: signatureHolds(document, rawPublicKey),
  };
  return Object.keys(expected).filter((name) => !expected[name]);
}

function signatureHolds(document, rawPublicKey) {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(rawPublicKey) }, format: 'jwk' });
  const { signature, ...metadata } = document.jacsSignature;
  return verify(null, signedBytes(document, metadata), key, Buffer.from(signature, 'base64'));
}

function signedBytes(document, signatureMetadata) {
  const fields = signatureMetadata.fields.map((name) => ({ name, value: document[name] }));
  const payload = { domain: 'jacs.signature.v2', placementKey: 'jacsSignature', fields, signatureMetadata };
  return Buffer.from(canonicalize(payload));
}

/** The names that are signed, in the order of their UTF-8 bytes. */
function fieldsOf(document) {
  const names = Object.keys(document).filter((name) => !NOT_SIGNED.includes(name));
  return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** `jacsSha256` of a document. */
function hashOf({ jacsSha256: _, ...document }) {
  return sha256(canonicalize(document));
}

/** A changed document with the hash that it then should have, as text. */
function rehashed(document) {
  return canonicalize({ ...document, jacsSha256: hashOf(document) });
}

/** The lossy hash: over the key's bytes turned into text. */
function publicKeyHash(raw) {
  const mark = raw.subarray(0, 2).toString('hex');
  const encoding = { fffe: 'utf-16le', feff: 'utf-16be' }[mark] ?? 'utf-8';
  const text = new TextDecoder(encoding).decode(raw);
  return sha256(text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '').replaceAll('\r', ''));
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An agent that only node:crypto knows: its keys, and its signed agent document, which `saveDocument` takes. */
function newAuthor() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  const author = { id: randomUUID(), version: uuidV7(), raw, privateKey };
  const fields = { jacsAgentType: 'ai', jacsPublicKey: raw.toString('base64'), name: 'author' };
  const system = { $schema: AGENT_SCHEMA, jacsType: 'agent', jacsLevel: 'config' };
  author.document = signWithNode(firstVersion({ ...system, ...fields }, author), author);
  return author;
}

/** An unsigned first version. `at`: when, in milliseconds. */
function firstVersion(fields, { id = randomUUID(), at = Date.now(), version = uuidV7(at) } = {}) {
  const date = new Date(at).toISOString();
  const own = { jacsId: id, jacsVersion: version, jacsVersionDate: date };
  const original = { jacsOriginalVersion: version, jacsOriginalDate: date };
  return { $schema: HEADER_SCHEMA, jacsType: 'document', jacsLevel: 'artifact', ...own, ...original, ...fields };
}

/** An unsigned version that replaces a signed one. A field that is `undefined` is left out. */
function nextVersion(replaced, fields, { at = Date.now(), version = uuidV7(at) } = {}) {
  const before = JSON.parse(replaced);
  return present({
    ...firstVersion({}, { id: before.jacsId, at, version }),
    jacsOriginalVersion: before.jacsOriginalVersion,
    jacsOriginalDate: before.jacsOriginalDate,
    jacsPreviousVersion: before.jacsVersion,
    jacsPreviousSha256: before.jacsSha256,
    ...fields,
  });
}

/** Signs and hashes; the text. `changes` go into the signature's members before signing; `undefined` drops one. */
function signWithNode(document, author, changes = {}) {
  const metadata = present({
    agentID: author.id,
    agentVersion: author.version,
    date: new Date().toISOString(),
    fields: fieldsOf(document),
    iat: Math.floor(Date.now() / 1000),
    jti: uuidV7(),
    publicKeyHash: publicKeyHash(author.raw),
    signatureContentVersion: 'jacs-signature-v2',
    signingAlgorithm: 'ring-Ed25519',
    ...changes,
  });
  const signature = sign(null, signedBytes(document, metadata), author.privateKey).toString('base64');
  return rehashed({ ...document, jacsSignature: { ...metadata, signature } });
}

function present(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** A UUIDv7 of a time in milliseconds. */
function uuidV7(at = Date.now()) {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(at, 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function base64url(bytes) {
  return Buffer.from(bytes).toString('base64url');
}

function sameList(a, b) {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

module.exports = {
  MEMBERS,
  verifyWithNode,
  faultsOf,
  hashOf,
  rehashed,
  publicKeyHash,
  newAuthor,
  firstVersion,
  nextVersion,
  signWithNode,
  uuidV7,
};
