// The same work in JavaScript: node:crypto and npm's `canonicalize`, nothing else. What it makes verifies in jacs-agent, and
// it makes the same checks. It leaves out what JavaScript cannot do without a JSON parser of its own (duplicate keys).
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import canonicalize from 'canonicalize';

const HEADER_SCHEMA = 'https://hai.ai/schemas/header/v1/header.schema.json';
const AGENT_SCHEMA = 'https://hai.ai/schemas/agent/v1/agent.schema.json';
const CONTENT_VERSION = 'jacs-signature-v2';
const ALGORITHM = 'ring-Ed25519';
const CLOCK_TOLERANCE_SECONDS = 300;

const NEVER_SIGNED = ['jacsAgreement', 'jacsRegistration'];
const IDS = ['jacsId', 'jacsVersion', 'jacsOriginalVersion'];
const DATES = ['jacsVersionDate', 'jacsOriginalDate'];
const LEVELS = ['raw', 'config', 'artifact', 'derived'];
const OF_SYSTEM = [...IDS, ...DATES, 'jacsPreviousVersion', 'jacsPreviousSha256', 'jacsMergedVersions', 'jacsFiles'];
const REFUSED = [...OF_SYSTEM, 'jacsFilesStored', 'jacsSignature', 'jacsSha256', ...NEVER_SIGNED];
const MEMBERS = ['agentID', 'agentVersion', 'date', 'fields', 'iat', 'jti', 'publicKeyHash', 'signature'];
const SIGNATURE_MEMBERS = new Set([...MEMBERS, 'signatureContentVersion', 'signingAlgorithm']);
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** A signer with a new Ed25519 key, and a verifier of the signers that it was told of. */
export class Peer {
  #keys = new Map();

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.privateKey = privateKey;
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
    this.publicKeyHash = publicKeyHash(this.publicKey);
    this.id = randomUUID();
    this.version = uuidV7();
    this.know(this.id, this.version, this.publicKey);
  }

  /** Believes that an agent's version has this key (raw bytes). */
  know(id, version, raw) {
    const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') } });
    this.#keys.set(`${id}:${version}`, { key, hash: publicKeyHash(raw) });
  }

  /** The document that tells others this signer's key. */
  agentDocument() {
    const own = { $schema: AGENT_SCHEMA, jacsType: 'agent', jacsLevel: 'config', jacsAgentType: 'ai', name: 'peer' };
    const document = { ...own, jacsPublicKey: this.publicKey.toString('base64') };
    return this.#sign(document, this.id, this.version, new Date());
  }

  createDocument(json) {
    const document = typeof json === 'string' ? JSON.parse(json) : { ...json };
    for (const name of REFUSED) if (Object.hasOwn(document, name)) throw new Error(`the input has ${name}`);
    document.$schema ??= HEADER_SCHEMA;
    document.jacsType ??= 'document';
    document.jacsLevel ??= 'artifact';
    if (document.jacsType === 'agent' || document.jacsType === 'config') throw new Error('a type of the system');
    if (!LEVELS.includes(document.jacsLevel)) throw new Error('an unknown level');
    return this.#sign(document, randomUUID(), uuidV7(), new Date());
  }

  #sign(document, id, version, now) {
    const date = now.toISOString();
    document.jacsId = id;
    document.jacsVersion = document.jacsOriginalVersion = version;
    document.jacsVersionDate = document.jacsOriginalDate = date;
    const metadata = {
      agentID: this.id,
      agentVersion: this.version,
      date,
      iat: Math.floor(now.getTime() / 1000),
      jti: uuidV7(),
      publicKeyHash: this.publicKeyHash,
      signingAlgorithm: ALGORITHM,
      fields: Object.keys(document).sort(),
      signatureContentVersion: CONTENT_VERSION,
    };
    const signature = sign(null, Buffer.from(signedText(document, metadata)), this.privateKey);
    document.jacsSignature = { ...metadata, signature: signature.toString('base64') };
    document.jacsSha256 = sha256(canonicalize(document));
    return canonicalize(document);
  }

  /** Whether every check holds. */
  verifyDocument(text) {
    let document;
    try {
      document = JSON.parse(text);
    } catch {
      return false;
    }
    const { jacsSha256, ...hashed } = document;
    const { jacsSignature, ...unsigned } = hashed;
    if (!isHeader(document) || sha256(canonicalize(hashed)) !== jacsSha256 || !isSignature(jacsSignature)) return false;
    const { signature, ...metadata } = jacsSignature;
    const signer = this.#keys.get(`${metadata.agentID}:${metadata.agentVersion}`);
    if (!signer || signer.hash !== metadata.publicKeyHash || !areFields(metadata.fields, unsigned)) return false;
    if (!isTime(metadata.iat, document.jacsVersion)) return false;
    return verify(null, Buffer.from(signedText(unsigned, metadata)), signer.key, Buffer.from(signature, 'base64'));
  }
}

function signedText(document, metadata) {
  const fields = metadata.fields.map((name) => ({ name, value: document[name] }));
  const placementKey = 'jacsSignature';
  return canonicalize({ domain: 'jacs.signature.v2', placementKey, fields, signatureMetadata: metadata });
}

function isHeader(document) {
  return (
    typeof document.$schema === 'string' &&
    typeof document.jacsType === 'string' &&
    LEVELS.includes(document.jacsLevel) &&
    SHA256.test(document.jacsSha256) &&
    IDS.every((name) => UUID.test(document[name])) &&
    DATES.every((name) => isDate(document[name]))
  );
}

function isSignature(signature) {
  if (typeof signature !== 'object' || signature === null) return false;
  const names = Object.keys(signature);
  return (
    names.length === SIGNATURE_MEMBERS.size &&
    names.every((name) => SIGNATURE_MEMBERS.has(name)) &&
    signature.signatureContentVersion === CONTENT_VERSION &&
    signature.signingAlgorithm === ALGORITHM &&
    UUID.test(signature.agentID) &&
    UUID.test(signature.agentVersion) &&
    isDate(signature.date) &&
    Number.isSafeInteger(signature.iat) &&
    Array.isArray(signature.fields) &&
    typeof signature.signature === 'string'
  );
}

/** Every member is signed, everything signed is there, once. */
function areFields(fields, unsigned) {
  const signed = new Set(fields);
  const names = Object.keys(unsigned);
  const all = signed.size === fields.length && names.length === signed.size && names.every((name) => signed.has(name));
  return all && !NEVER_SIGNED.some((name) => signed.has(name));
}

function isTime(iat, version) {
  if (iat < 0 || iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS) return false;
  if (version[14] !== '7') return true;
  return parseInt(version.slice(0, 8) + version.slice(9, 13), 16) < (iat + CLOCK_TOLERANCE_SECONDS + 1) * 1000;
}

function isDate(text) {
  return RFC3339.test(text) && !Number.isNaN(Date.parse(text));
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function publicKeyHash(raw) {
  const mark = raw.readUInt16BE(0);
  const encoding = { 0xfffe: 'utf-16le', 0xfeff: 'utf-16be' }[mark] ?? 'utf-8';
  const text = new TextDecoder(encoding).decode(raw);
  return sha256(text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '').replaceAll('\r', ''));
}

function uuidV7() {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
