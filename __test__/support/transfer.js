'use strict';
// Stores with something of everything, and what became of them elsewhere, seen without the package.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { root: repository } = require('./addon.js');
const { anotherOn, fileOf, keyOf, newAgent } = require('./agents.js');
const { noise, sha256 } = require('./attachments.js');
const { filesUnder, temporaryFolder } = require('./folder.js');
const { run } = require('./run.js');
const { firstVersion, newAuthor, signWithNode } = require('./witness.js');

const SOAK = process.env.JACS_TEST_SOAK === '1';
const OBJECT = /^(?:(?:agents|documents)\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.json|files\/[0-9a-f]{64})$/;

const range = (length) => Array.from({ length }, (_, number) => number);
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The configuration of a folder as a store, without any agent. */
const fsConfig = (data, settings = {}) => ({
  jacs_default_storage: 'fs',
  jacs_data_directory: data,
  ...settings,
});

/** A path where nothing is yet. */
const emptyPlace = () => path.join(temporaryFolder(), 'jacs_data');

// Whether the source would survive a power cut is not asked here.
const QUICK = { jacs_storage_options: { durability: 'none' } };

/** A new agent, whose store is filled quickly. */
const newStore = () => newAgent({ settings: QUICK });

/** Migrates from one folder to another. */
const migrate = (from, to, options = {}) =>
  Agent.migrate({ from: fsConfig(from), to: fsConfig(to), env: {}, ...options });

/**
 * A new store: the place of the agent that made most of it, with
 * - `other`, the place of an agent with pq2025 keys;
 * - `documents`: texts by what they are: `chain` (a list), `merged`, `fork` (three texts), `raw`, `stored`, `embedded`, `referenced`, ...;
 * - `unknown`: names of the objects whose signer's key is nowhere;
 * - `unreferenced`: the hash of a file that no document names.
 *
 * `mass` documents without and `files` with a stored file come on top. `foreign: false` leaves out what others made.
 */
async function makeStore({ mass = 40, files = 8, foreign = true } = {}) {
  const place = await newStore();
  const { agent, data } = place;
  const other = await anotherOn(place, { ...QUICK, jacs_agent_key_algorithm: 'pq2025' });
  await addMass(agent, { mass, files });
  const documents = { ...(await versioned(agent)), ...(await withAttachments(agent)) };
  documents.others = await other.agent.createDocument({ title: 'of the other agent' });
  documents.raw = await agent.createDocument({ title: 'raw', jacsLevel: 'raw' });
  // It does not count, and it is there.
  const theirs = await agent.createDocument({ title: 'mine' });
  documents.strangers = await other.agent.updateDocument(keyOf(theirs), { title: 'no longer' });
  const unreferenced = putFile(data, noise(3000, 77));
  const unknown = foreign ? addForeign(data) : [];
  return { ...place, other, documents, unknown, unreferenced };
}

/** Documents in a batch, and each of `files` others with a stored file of its own, one of them of two megabytes. */
async function addMass(agent, { mass = 0, files = 0, seed = 0 }) {
  const texts = await agent.createDocuments(range(mass).map((number) => ({ number, seed })));
  const withFile = async (n) => {
    const contents = noise(n === 0 ? 2_000_000 : 500 + 1000 * n, 100 + n + seed);
    return agent.createDocument({ n, seed }, { attachments: { path: `file ${n}.bin`, contents } });
  };
  return [...texts, ...(await Promise.all(range(files).map(withFile)))];
}

/** A document of several versions, one with a fork, and one with a fork that was closed. */
async function versioned(agent) {
  const chain = [await agent.createDocument({ version: 0 })];
  for (let version = 1; version < 4; version++) {
    chain.push(await agent.updateDocument(keyOf(chain.at(-1)), { version }));
  }
  const fork = await forked(agent);
  const closed = await forked(agent);
  const [loser, winner] = closed.slice(1).map(keyOf).sort();
  const merged = await agent.updateDocument(winner, { title: 'merged' }, { merges: [loser] });
  return { chain, fork, closed, merged };
}

/** Three texts: a first version and two that replace it. */
async function forked(agent) {
  const first = await agent.createDocument({ title: 'forked' });
  const one = await agent.updateDocument(keyOf(first), { side: 1 });
  await agent.removeDocument(keyOf(one));
  const two = await agent.updateDocument(keyOf(first), { side: 2 });
  await agent.saveDocument(one);
  return [first, one, two];
}

async function withAttachments(agent) {
  const folder = temporaryFolder();
  const local = path.join(folder, 'report.txt');
  fs.writeFileSync(local, noise(1500, 9));
  const make = (title, options) => agent.createDocument({ title }, { attachments: local, ...options });
  const common = [
    { path: 'empty', contents: Buffer.alloc(0) },
    { path: 'shared.bin', contents: noise(700, 5) },
  ];
  const stored = await make('stored', { attachments: [local, ...common] });
  return {
    stored,
    shared: await make('shared', { attachments: common }),
    embedded: await make('embedded', { embed: true }),
    jacsForm: await make('in the form of jacs', { embed: true, attachmentForm: 'jacs' }),
    // Only what lies in the working directory can be referenced.
    referenced: await make('referenced', { attachments: path.join(repository, 'package.json'), embed: false }),
    inherited: await agent.updateDocument(keyOf(await make('to replace')), { title: 'inherited' }),
  };
}

/** What `jacs` 0.15 made, and a document of an agent that is not there; names of the objects whose key is nowhere. */
function addForeign(data) {
  const vectors = ['jacs-0.15-ed25519', 'jacs-0.15-pq2025'].flatMap((vector) => {
    const folder = path.join(repository, '__test__', 'vectors', vector);
    const documents = fs.readdirSync(path.join(folder, 'documents')).map((name) => path.join('documents', name));
    // Its agent documents carry no key.
    const agent = putVersion(data, fs.readFileSync(path.join(folder, 'agent.json'), 'utf8'), 'agents');
    return [agent, ...documents.map((name) => putVersion(data, fs.readFileSync(path.join(folder, name), 'utf8')))];
  });
  return [...vectors, putVersion(data, strangersDocument())].sort();
}

/** A document whose signer nobody knows. */
const strangersDocument = (fields = { title: 'whose is it' }) => signWithNode(firstVersion(fields), newAuthor());

/** Puts a text into a data directory past the package, under its own key unless said otherwise; its name there. */
function putVersion(data, text, kind = 'documents', key = keyOf(text)) {
  const file = fileOf(data, key, kind);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, text, { mode: 0o600 });
  return path.relative(data, file).replaceAll('\\', '/');
}

/** The same of a file; its hash. */
function putFile(data, bytes, hash = sha256(bytes)) {
  fs.mkdirSync(path.join(data, 'files'), { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(data, 'files', hash), bytes, { mode: 0o600 });
  return hash;
}

/** The name of a text's object. */
const nameOf = (text, kind = 'documents') => `${kind}/${keyOf(text).replace(':', '/')}.json`;

/** The objects of a folder: SHA-256 by path, in the order of the paths. */
function objectsOf(data) {
  const names = fs.existsSync(data) ? filesUnder(data).filter((name) => OBJECT.test(name)) : [];
  return new Map(names.map((name) => [name, sha256(fs.readFileSync(path.join(data, name)))]));
}

/** The Merkle tree hash of RFC 6962, 2.1, hex. */
function treeHash(leaves) {
  const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const of = (list) => {
    if (list.length === 1) return hash(Buffer.of(0), list[0]);
    let left = 1;
    while (left * 2 < list.length) left *= 2;
    return hash(Buffer.of(1), of(list.slice(0, left)), of(list.slice(left)));
  };
  return (leaves.length === 0 ? hash() : of(leaves)).toString('hex');
}

/** The root over objects as `objectsOf` gives them. */
const rootOf = (objects) => treeHash([...objects].sort().map(([name, digest]) => Buffer.from(`${name}\0${digest}`)));

/** What `report.root` must be: over what the source has, and over what of it the target has. */
function rootsOf(from, to) {
  const [here, there] = [objectsOf(from), objectsOf(to)];
  return { from: rootOf(here), to: rootOf([...there].filter(([name]) => here.has(name))) };
}

/** Two folders are the same, says diff. */
async function expectSame(one, two) {
  const { code, stdout, stderr } = await run('diff', ['-r', one, two]);
  expect({ code, stdout: stdout.slice(0, 2000), stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
}

/** Directories are 0700 and files 0600, and nothing is there but objects. */
function expectPrivate(data) {
  for (const entry of fs.readdirSync(data, { recursive: true, withFileTypes: true })) {
    const place = path.join(entry.parentPath ?? entry.path, entry.name);
    const mode = fs.lstatSync(place).mode & 0o777;
    expect([place, mode.toString(8)]).toEqual([place, entry.isDirectory() ? '700' : '600']);
  }
  expect(filesUnder(data).filter((name) => !OBJECT.test(name))).toEqual([]);
}

/** A report that says that all is there: so many were copied, and so many were there. */
function expectDone(report, { copied, same = 0 }) {
  const { bytes, failures, createOnce, root, ...counts } = report;
  expect(counts).toMatchObject({ copied, same, conflicts: 0, failed: 0 });
  expect(failures.filter(({ severity }) => severity === 'damage')).toEqual([]);
  expect(['atomic', 'checked']).toContain(createOnce);
  if (copied === 0) expect(bytes).toBe(0);
  if (root) expect(root.to).toBe(root.from);
}

/** Findings in short, sorted: `kind code`, and the object's name where it is told. */
const briefly = (findings) => findings.map(({ kind, code, path: name }) => `${kind} ${code} ${name}`).sort();

/** The documents of a folder that name a file which is not there, as sentences. */
function lackingFiles(data) {
  const documents = filesUnder(path.join(data, 'documents'));
  return documents.flatMap((name) => {
    const { jacsFilesStored = [] } = JSON.parse(fs.readFileSync(path.join(data, 'documents', name), 'utf8'));
    const missing = jacsFilesStored.filter((hash) => !fs.existsSync(path.join(data, 'files', hash)));
    return missing.map((hash) => `${name} lacks ${hash}`);
  });
}

module.exports = {
  SOAK,
  ...{ range, sum, fsConfig, emptyPlace, migrate, newStore, makeStore, addMass, forked, strangersDocument },
  ...{ putVersion, putFile, nameOf, objectsOf, treeHash, rootOf, rootsOf },
  ...{ expectSame, expectPrivate, expectDone, briefly, lackingFiles },
};
