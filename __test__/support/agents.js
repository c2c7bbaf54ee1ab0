'use strict';
// Agents in temporary folders of their own, closed after the tests of the file that asked for them.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { temporaryFolder } = require('./folder.js');

const PASSWORD = 'Bearing-6203';
const made = [];

/**
 * A new agent in a fresh folder: `{ agent, folder, config, data, keys, password }`, all of it paths but the first and
 * the last. `settings` are keys of its configuration; other options are those of `Agent.create`.
 */
async function newAgent({ settings, ...options } = {}) {
  const folder = temporaryFolder();
  const place = {
    folder,
    config: at(folder, 'jacs.config.json'),
    data: at(folder, 'jacs_data'),
    keys: at(folder, 'jacs_keys'),
  };
  if (settings) fs.writeFileSync(place.config, JSON.stringify(settings));
  const directories = { configPath: place.config, dataDirectory: place.data, keyDirectory: place.keys };
  const agent = register(await Agent.create({ ...directories, password: PASSWORD, env: {}, ...options }));
  return { agent, ...place, password: options.password ?? PASSWORD };
}

/** The same agent once more. `settings` replace keys of its configuration; `options` are those of `load`. */
async function loadAgain({ config, password, data, keys }, settings = {}, options = {}) {
  const agent = register(new Agent());
  const own = JSON.parse(fs.readFileSync(config, 'utf8'));
  const names = Object.keys(own).filter((name) => name.startsWith('jacs_'));
  const kept = Object.fromEntries(names.map((name) => [name, own[name]]));
  const directories = { jacs_data_directory: data, jacs_key_directory: keys };
  await agent.load({ ...kept, ...directories, ...settings }, { password, env: {}, ...options });
  return agent;
}

/** The same agent on a copy of its store: `{ agent, data, ... }`. Both can replace one version, and so make a fork. */
async function onCopiedStore(place, settings = {}) {
  const data = at(temporaryFolder(), 'jacs_data');
  fs.cpSync(place.data, data, { recursive: true });
  return { ...place, data, agent: await loadAgain({ ...place, data }, settings) };
}

/** The same agent on a store that is empty. */
async function onEmptyStore(place, settings = {}) {
  const data = at(temporaryFolder(), 'jacs_data');
  return { ...place, data, agent: await loadAgain({ ...place, data }, settings) };
}

/** Another agent, with keys of its own, on the store of this one. */
async function anotherOn(place, settings) {
  const other = await newAgent({ settings });
  await other.agent.close();
  const shared = { ...other, data: place.data };
  return { ...shared, agent: await loadAgain(shared) };
}

/** `id:version` of a document's text. */
function keyOf(text) {
  const { jacsId, jacsVersion } = JSON.parse(text);
  return `${jacsId}:${jacsVersion}`;
}

/** The author's fields of a document's text. */
function fieldsOf(text) {
  const own = Object.entries(JSON.parse(text)).filter(([name]) => name !== '$schema' && !name.startsWith('jacs'));
  return Object.fromEntries(own);
}

/** The object of a document without signature and hash: the input of the migration recipe. */
function unsigned(text) {
  const document = JSON.parse(text);
  delete document.jacsSignature;
  delete document.jacsSha256;
  return document;
}

/** Where a version lies in a data directory. */
function fileOf(data, key, kind = 'documents') {
  return path.join(data, kind, `${key.replace(':', path.sep)}.json`);
}

/** The stored text, by node:fs. */
function storedText(data, key, kind) {
  return fs.readFileSync(fileOf(data, key, kind), 'utf8');
}

/** What a folder holds: mode and SHA-256 by path. With `times`, also whether anything was touched. */
function treeOf(folder, { times = false } = {}) {
  if (!fs.existsSync(folder)) return {};
  const entries = fs.readdirSync(folder, { recursive: true }).map(String).sort();
  return Object.fromEntries(entries.map((name) => [name, traceOf(path.join(folder, name), times)]));
}

function traceOf(file, times) {
  const { mode, mtimeNs, ctimeNs } = fs.lstatSync(file, { bigint: true });
  return [mode.toString(8), contentOf(file), ...(times ? [`${mtimeNs} ${ctimeNs}`] : [])].join(' ');
}

function contentOf(file) {
  const found = fs.lstatSync(file);
  if (found.isSymbolicLink()) return fs.readlinkSync(file);
  return found.isFile() ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : '';
}

/** The two forms of a verb. A synchronous throw of the promise form is not caught here: it fails the test. */
const FORMS = {
  async: (agent, verb, ...args) => agent[verb](...args),
  sync: async (agent, verb, ...args) => agent[`${verb}Sync`](...args),
};

/** The error of a promise that must be refused with this code; what an error must have is checked. */
async function refusal(promise, code) {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`not refused: ${JSON.stringify(outcome.value)?.slice(0, 100)}`);
  const { error } = outcome;
  if (!(error instanceof Error) || error.code === undefined) throw error;
  if (error.code !== code) throw new Error(`${error.code} in place of ${code}`, { cause: error });
  expect(error).toMatchObject({ name: 'JacsError', retryable: expect.any(Boolean), message: expect.any(String) });
  return error;
}

/** Everything that an async iterable gives. */
async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

function register(agent) {
  made.push(agent);
  return agent;
}

function at(folder, name) {
  return path.join(folder, name);
}

afterAll(async () => {
  await Promise.all(made.splice(0).map((agent) => agent.close()));
});

module.exports = {
  PASSWORD,
  newAgent,
  register,
  loadAgain,
  onCopiedStore,
  onEmptyStore,
  anotherOn,
  keyOf,
  fieldsOf,
  unsigned,
  fileOf,
  storedText,
  treeOf,
  FORMS,
  refusal,
  all,
};
