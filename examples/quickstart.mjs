// An agent signs, stores, updates and reads a document; node:crypto then verifies the stored bytes without the package.
// node examples/quickstart.mjs [FOLDER]     a folder that holds an agent already is loaded; default: a new temporary one
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Agent } from 'jacs-agent';

const folder = process.argv[2]
  ? path.resolve(process.argv[2])
  : fs.mkdtempSync(path.join(os.tmpdir(), 'jacs-quickstart-'));
const configuration = path.join(folder, 'jacs.config.json');
const dataDirectory = path.join(folder, 'jacs_data');
const keyDirectory = path.join(folder, 'jacs_keys');
fs.mkdirSync(folder, { recursive: true });

heading('An agent');
const agent = await openAgent();
print(`id         ${agent.id}`, `algorithm  ${agent.algorithm}`, `folder     ${folder}`);

heading('A document, signed and stored');
const order = { title: 'Order 1042', buyer: 'Ada', items: [{ part: 'bearing 6203', count: 12, price: 3.45 }] };
const first = JSON.parse(await agent.createDocument(order));
print(`key        ${first.jacsId}:${first.jacsVersion}`);

heading('Its second version');
const corrected = { ...order, items: [{ ...order.items[0], count: 14 }] };
const second = JSON.parse(await agent.updateDocument(`${first.jacsId}:${first.jacsVersion}`, corrected));
print(`key        ${second.jacsId}:${second.jacsVersion}`, `replaces   ${second.jacsPreviousVersion}`);

heading('The newest, read back');
const newest = await agent.getDocument(first.jacsId);
print(newest);

heading('Verified with node:crypto alone, from the stored file and the public key file');
const { hash, signature } = verifyWithoutThePackage(
  path.join(dataDirectory, 'documents', second.jacsId, `${second.jacsVersion}.json`),
  path.join(keyDirectory, 'jacs.public.pem'),
);
print(`hash       ${hash}`, `signature  ${signature}`);

heading('Verified by the agent');
const report = await agent.inspectDocument(newest);
for (const { name, ok, detail } of report.checks)
  print(`${ok ? 'ok    ' : 'FAILED'} ${name}${detail ? `: ${detail}` : ''}`);
print(`valid ${report.valid}, key from ${report.keySource}, signed at ${report.signedAt}`);

heading('The folder');
printTree(folder);

await agent.close();
const sound = hash && signature && report.valid && JSON.parse(newest).jacsVersion === second.jacsVersion;
if (!sound) throw new Error('the document did not verify');

async function openAgent() {
  const password = readPassword();
  if (!fs.existsSync(configuration))
    return Agent.create({ configPath: configuration, dataDirectory, keyDirectory, password });
  const loaded = new Agent();
  await loaded.load(configuration, { password });
  return loaded;
}

/** From the environment, else from a file that is made here: good for a trial, not for a real key. */
function readPassword() {
  if (process.env.JACS_PRIVATE_KEY_PASSWORD) return process.env.JACS_PRIVATE_KEY_PASSWORD;
  const file = path.join(folder, 'password.txt');
  if (!fs.existsSync(file)) fs.writeFileSync(file, `${randomBytes(18).toString('base64url')}-1aA!`, { mode: 0o600 });
  return fs.readFileSync(file, 'utf8').trim();
}

/** Only the written format: the canonical JSON of RFC 8785, SHA-256 and Ed25519. */
function verifyWithoutThePackage(documentFile, keyFile) {
  const { jacsSha256, ...hashed } = JSON.parse(fs.readFileSync(documentFile, 'utf8'));
  const { signature, ...signatureMetadata } = hashed.jacsSignature;
  const signed = canonical({
    domain: 'jacs.signature.v2',
    placementKey: 'jacsSignature',
    fields: signatureMetadata.fields.map((name) => ({ name, value: hashed[name] })),
    signatureMetadata,
  });
  const x = fs.readFileSync(keyFile).toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return {
    hash: createHash('sha256').update(canonical(hashed)).digest('hex') === jacsSha256,
    signature: verify(null, Buffer.from(signed), key, Buffer.from(signature, 'base64')),
  };
}

/** RFC 8785: JavaScript's own number and string forms, keys in the order of their UTF-16 code units. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

function printTree(directory, indent = '') {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    print(`${indent}${entry.name}${entry.isDirectory() ? '/' : `  ${fs.statSync(file).size} bytes`}`);
    if (entry.isDirectory()) printTree(file, `${indent}  `);
  }
}

function heading(text) {
  console.log(`\n${text}`);
}

function print(...lines) {
  for (const line of lines) console.log(`  ${line}`);
}
