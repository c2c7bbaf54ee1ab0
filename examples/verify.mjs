// Verifies a stored document with node:crypto and nothing of this package: docs/format.md as a program.
// node examples/verify.mjs DOCUMENT PUBLIC-KEY-FILE     without arguments: a document made on the spot
import { createHash, createPublicKey, verify } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [documentFile, keyFile] = process.argv[3] ? process.argv.slice(2) : await makeOne();
const document = JSON.parse(fs.readFileSync(documentFile, 'utf8'));
const { jacsSha256, ...hashed } = document;
const { signature, ...signatureMetadata } = document.jacsSignature;

const hashHolds = createHash('sha256').update(canonical(hashed)).digest('hex') === jacsSha256;
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

console.log({ hashHolds, unsigned, signatureHolds });
process.exitCode = hashHolds && signatureHolds && unsigned.length === 0 ? 0 : 1;

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
  const { jacsId, jacsVersion } = JSON.parse(await agent.createDocument({ title: 'Order 1042' }));
  await agent.close();
  return [
    path.join(folder, 'jacs_data', 'documents', jacsId, `${jacsVersion}.json`),
    path.join(folder, 'jacs_keys', 'jacs.public.pem'),
  ];
}
