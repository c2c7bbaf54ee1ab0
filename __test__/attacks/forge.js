'use strict';
// Hostile but well-formed documents, signed outside of the package, from the written format alone, with keys that the
// test holds: any id, version, dates, previous version and signer. And a real agent to attack with them.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const canonicalize = require('canonicalize');
const { Agent } = require('../../index.js');
const { temporaryFolder } = require('../support/folder.js');

const PASSWORD = 'Correct-Horse-7';

/** A UUIDv7 of a time in ms. */
function v7(at = Date.now()) {
  const bytes = crypto.randomBytes(16);
  bytes.writeUIntBE(at, 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Somebody with a key of their own and an agent document in `text`. `id` may be somebody else's; `fields` go into it. */
function forger({ id = crypto.randomUUID(), version = v7(), at = Date.now(), ...fields } = {}) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const agent = { id, version, privateKey, raw };
  const own = {
    $schema: 'https://hai.ai/schemas/agent/v1/agent.schema.json',
    jacsId: id,
    jacsVersion: version,
    jacsType: 'agent',
    jacsLevel: 'config',
    jacsAgentType: 'ai',
    jacsPublicKey: raw.toString('base64'),
  };
  agent.text = forge(agent, { ...own, ...fields }, { at });
  return agent;
}

/** A signed document's text. `fields` are added to those of a first version, made at `at` (ms); `claims` to the signature. */
function forge(signer, fields = {}, { at = Date.now(), ...claims } = {}) {
  const version = fields.jacsVersion ?? v7(at);
  const date = new Date(at).toISOString();
  const document = {
    $schema: 'https://hai.ai/schemas/header/v1/header.schema.json',
    jacsId: crypto.randomUUID(),
    jacsVersion: version,
    jacsVersionDate: date,
    jacsOriginalVersion: version,
    jacsOriginalDate: date,
    jacsType: 'document',
    jacsLevel: 'artifact',
    ...fields,
  };
  const metadata = {
    agentID: signer.id,
    agentVersion: signer.version,
    date,
    iat: Math.floor(at / 1000),
    jti: v7(at),
    publicKeyHash: publicKeyHash(signer.raw),
    signingAlgorithm: 'ring-Ed25519',
    fields: Object.keys(document).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    signatureContentVersion: 'jacs-signature-v2',
    ...claims,
  };
  const signed = canonicalize({
    domain: 'jacs.signature.v2',
    placementKey: 'jacsSignature',
    fields: metadata.fields.map((name) => ({ name, value: document[name] })),
    signatureMetadata: metadata,
  });
  const signature = crypto.sign(null, Buffer.from(signed), signer.privateKey).toString('base64');
  return rehashed({ ...document, jacsSignature: { ...metadata, signature } });
}

/** The fields that make a version the next one after `text`. */
function after(text) {
  const { jacsId, jacsVersion, jacsOriginalVersion, jacsOriginalDate, jacsSha256 } = JSON.parse(text);
  const previous = { jacsPreviousVersion: jacsVersion, jacsPreviousSha256: jacsSha256 };
  return { jacsId, jacsVersion: later(jacsVersion), jacsOriginalVersion, jacsOriginalDate, ...previous };
}

/** A version that is greater, where versions have a time. */
function later(version) {
  const time = parseInt(version.replaceAll('-', '').slice(0, 12), 16);
  return v7(version[14] === '7' ? Math.max(Date.now(), time + 1) : Date.now());
}

/** The document's canonical text with a hash that holds. */
function rehashed({ jacsSha256: _, ...document }) {
  const jacsSha256 = sha256(canonicalize(document));
  return canonicalize({ ...document, jacsSha256 });
}

function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

// Unicode's White_Space, which `\s` is not: U+FEFF is not in it, U+0085 is.
const SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const ENDS = new RegExp(`^${SPACE}+|${SPACE}+$`, 'g');

/** `publicKeyHash` of raw key bytes: the hash of the text that they are taken for. */
function publicKeyHash(raw) {
  const mark = raw.toString('hex', 0, 2);
  const encoding = { fffe: 'utf-16le', feff: 'utf-16be' }[mark] ?? 'utf-8';
  const text = new TextDecoder(encoding).decode(raw);
  return sha256(text.replace(ENDS, '').replaceAll('\r', ''));
}

/** `id:version` of a document's text. */
function keyOf(text) {
  const { jacsId, jacsVersion } = JSON.parse(text);
  return `${jacsId}:${jacsVersion}`;
}

/** Where a document's file lies. */
function fileOf(data, key, kind = 'documents') {
  const [id, version] = key.split(':');
  return path.join(data, kind, id, `${version}.json`);
}

/** Puts a text where the layout has it, past the package; its key. */
function plant(data, text, kind = 'documents') {
  const file = fileOf(data, keyOf(text), kind);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, text, { mode: 0o600 });
  return keyOf(text);
}

/** A loaded agent with keys of its own on `data`, a folder that several may share; `settings` go into its configuration. */
async function agentOn(data, settings = {}) {
  const folder = temporaryFolder();
  const configPath = path.join(folder, 'jacs.config.json');
  const keyDirectory = path.join(folder, 'keys');
  fs.writeFileSync(configPath, JSON.stringify(settings));
  const agent = await Agent.create({ configPath, dataDirectory: data, keyDirectory, password: PASSWORD, env: {} });
  return Object.assign(agent, { configPath });
}

/** The same agent once more, on another copy of its data. */
async function again({ configPath }, data) {
  const agent = new Agent();
  await agent.load(configPath, { password: PASSWORD, env: { JACS_DATA_DIRECTORY: data } });
  return agent;
}

/** A forger's key, loaded read-only on `data`, as its owner would: its documents are those of `self`. */
async function loadedForger(signer, data) {
  const keys = temporaryFolder();
  fs.writeFileSync(path.join(keys, 'jacs.public.pem'), signer.raw);
  plant(keys, signer.text, 'agents');
  const agent = new Agent();
  await agent.load({ jacs_data_directory: data, jacs_key_directory: keys }, { readOnly: true, env: {} });
  return agent;
}

/** Whether the agent still does its work: what it makes now is stored and read back. */
async function goesOn(agent) {
  const text = await agent.createDocument({ still: 'at work' });
  return text === (await agent.getDocument(keyOf(text))) && text === (await agent.getDocument(JSON.parse(text).jacsId));
}

/** The entries of a listing. */
async function all(iterable) {
  const entries = [];
  for await (const entry of iterable) entries.push(entry);
  return entries;
}

module.exports = {
  ...{ PASSWORD, v7, forger, forge, after, rehashed, sha256, keyOf, fileOf, plant },
  ...{ agentOn, again, loadedForger, goesOn, all },
};
