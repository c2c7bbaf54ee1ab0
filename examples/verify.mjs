// Verifies a stored document with node:crypto and nothing of this package: docs/format.md as a program.
// node examples/verify.mjs DOCUMENT PUBLIC-KEY-FILE     without arguments: a document made on the spot
// Stored attachments are looked for where the document's own data directory has them.
import { createHash, createPublicKey, verify } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const [documentFile, keyFile] = process.argv[3] ? process.argv.slice(2) : await makeOne();
const document = JSON.parse(fs.readFileSync(documentFile, 'utf8'));
const { jacsSha256, ...hashed } = document;
const { signature, ...signatureMetadata } = document.jacsSignature;

const hashHolds = hexOf(canonical(hashed)) === jacsSha256;
const unsigned = Object.keys(hashed).filter(
  (name) => name !== 'jacsSignature' && !signatureMetadata.fields.includes(name),
);
const bytes = canonical({
  domain: 'jacs.signature.v2',
  placementKey: 'jacsSignature',
  fields: signatureMetadata.fields.map((name) => ({ name, value: document[name] })),
  signatureMetadata,
});
const key = createPublicKey({
  key: { kty: 'OKP', crv: 'Ed25519', x: fs.readFileSync(keyFile).toString('base64url') },
  format: 'jwk',
});
const signatureHolds = verify(null, Buffer.from(bytes), key, Buffer.from(signature, 'base64'));

const attachments = Object.fromEntries((document.jacsFiles ?? []).map((file) => [file.path, attachmentHolds(file)]));

console.log({ hashHolds, unsigned, signatureHolds, attachments });
const filesHold = !Object.values(attachments).includes(false);
process.exitCode = hashHolds && signatureHolds && unsigned.length === 0 && filesHold ? 0 : 1;

/** Of a file that is neither in the document nor in the storage only its place is known: undefined. */
function attachmentHolds({ sha256, embed, contents }) {
  if (embed) return hexOf(Buffer.from(contents, 'base64')) === sha256 || isFormOfJacs(contents, sha256);
  if (!document.jacsFilesStored?.includes(sha256)) return undefined;
  const file = path.resolve(documentFile, '../../../files', sha256);
  return fs.existsSync(file) && hexOf(fs.readFileSync(file)) === sha256;
}

function isFormOfJacs(contents, sha256) {
  if (hexOf(contents) !== sha256) return false;
  try {
    gunzipSync(Buffer.from(contents, 'base64'), { maxOutputLength: 2 ** 30 });
    return true;
  } catch {
    return false;
  }
}

function hexOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** RFC 8785, for values that came out of JSON.parse: JavaScript sorts and prints as it demands. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(',')}}`;
}

async function makeOne() {
  const { Agent } = await import('jacs-agent');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jacs-verify-'));
  const agent = await Agent.create({
    configPath: path.join(folder, 'jacs.config.json'),
    dataDirectory: path.join(folder, 'jacs_data'),
    keyDirectory: path.join(folder, 'jacs_keys'),
    password: 'only For this 1 run',
  });
  const attachments = [
    { path: 'drawing.svg', contents: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
    { path: 'notes.txt', contents: Buffer.from('by hand, please') },
  ];
  const { jacsId, jacsVersion } = JSON.parse(await agent.createDocument({ title: 'Order 1042' }, { attachments }));
  await agent.close();
  return [
    path.join(folder, 'jacs_data', 'documents', jacsId, `${jacsVersion}.json`),
    path.join(folder, 'jacs_keys', 'jacs.public.pem'),
  ];
}
