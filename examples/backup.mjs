// Documents, a mirror and an archive of them; damage, found and repaired; all of it restored elsewhere; the roots compared.
// node examples/backup.mjs [FOLDER]     default: a new temporary folder
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Agent } from 'jacs-agent';

const folder = process.argv[2] ? path.resolve(process.argv[2]) : fs.mkdtempSync(path.join(os.tmpdir(), 'jacs-backup-'));
const at = (...names) => path.join(folder, ...names);
const onDisk = (name) => ({ jacs_default_storage: 'fs', jacs_data_directory: at(name) });
fs.mkdirSync(folder, { recursive: true });

const agent = await Agent.create({
  configPath: at('jacs.config.json'),
  dataDirectory: at('jacs_data'),
  keyDirectory: at('jacs_keys'),
  password: `${randomBytes(18).toString('base64url')}-1aA!`,
});
const documents = await agent.createDocuments(Array.from({ length: 20 }, (_, number) => ({ order: 1000 + number })));
const attachments = { path: 'terms.txt', contents: Buffer.from('thirty days') };
const { jacsId, jacsVersion } = JSON.parse(await agent.createDocument({ order: 1020 }, { attachments }));

// It could as well be a bucket: { jacs_default_storage: 'aws', jacs_data_directory: 's3://my-jacs-backup/data' }
const mirrored = await agent.mirror(onDisk('mirror'), { deep: true });
print('mirrored', `${mirrored.copied} objects`, mirrored.root.from === mirrored.root.to);

const archive = at('jacs_backup.tar.gz');
const exported = await agent.exportArchive(archive, { sign: true });
print('exported', `${fs.statSync(archive).size} bytes`, exported.root.from === exported.root.to);
print('signed', 'a receipt', await agent.verifyDocument(exported.signed));

// A bit falls over on the disk.
const file = at('jacs_data', 'documents', jacsId, `${jacsVersion}.json`);
const bytes = fs.readFileSync(file);
bytes[bytes.indexOf('1020') + 3] ^= 1;
fs.writeFileSync(file, bytes);
const { damaged, findings } = await agent.check();
print('checked', `${findings[0]?.kind} at ${findings[0]?.path}`, damaged === 1);
const { repaired } = await agent.check({ repairFrom: onDisk('mirror'), quarantine: at('quarantine') });
print('repaired', `${repaired} object`, (await agent.check()).damaged === 0);
await agent.close();

// All else is lost.
const restored = await Agent.importArchive(onDisk('restored'), archive);
print('restored', `${restored.copied} objects`, restored.failed === 0 && restored.copied === mirrored.copied);
const roots = ['jacs_data', 'mirror', 'restored'].map((name) => rootOf(at(name)));
print('root', roots[0], new Set([...roots, mirrored.root.from, exported.root.from]).size === 1);
print('documents', `${documents.length} of ${documents.length} in both`, documents.every(isRestored));

function isRestored(text) {
  const { jacsId: id, jacsVersion: version } = JSON.parse(text);
  return fs.readFileSync(at('restored', 'documents', id, `${version}.json`), 'utf8') === text;
}

/** The Merkle tree hash of RFC 6962 over a data directory, without the package. */
function rootOf(directory) {
  const names = fs.readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = names
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  const sorted = paths.map((name) => [path.relative(directory, name).split(path.sep).join('/'), name]).sort();
  return tree(
    sorted.map(([name, full]) => sha256(Buffer.of(0), `${name}\0${sha256(fs.readFileSync(full)).toString('hex')}`)),
  ).toString('hex');
}

function tree(hashes) {
  if (hashes.length < 2) return hashes[0] ?? sha256('');
  const half = 2 ** (31 - Math.clz32(hashes.length - 1));
  return sha256(Buffer.of(1), tree(hashes.slice(0, half)), tree(hashes.slice(half)));
}

function sha256(...parts) {
  return parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
}

function print(what, detail, holds) {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${what.padEnd(10)} ${detail}`);
  if (!holds) process.exitCode = 1;
}
