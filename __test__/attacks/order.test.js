'use strict';
// When a promise resolves the document is on the disk: file first, then its name, then the directories that hold it.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { succeed } = require('../support/run.js');
const { PASSWORD, agentOn, keyOf } = require('./forge.js');

const NAMES = ['link', 'linkat', 'rename', 'renameat', 'renameat2'];
const TRACED = [...NAMES, 'mkdir', 'mkdirat', 'fsync', 'fdatasync', 'write'].map((name) => `?${name}`).join();
const DONE = 'the promise resolved';

/**
 * The system calls of a child that loads `agent` and does `work` (JavaScript): `{ name, args, begin, end }`, where the
 * two are places in the order of events, and the paths of descriptors stand in the arguments.
 */
async function traced(agent, work) {
  const log = path.join(temporaryFolder(), 'strace');
  const script = `(async () => {
    const agent = new (require(${JSON.stringify(root)}).Agent)();
    await agent.load(${JSON.stringify(agent.configPath)}, { password: ${JSON.stringify(PASSWORD)} });
    ${work}
    require('node:fs').writeSync(1, ${JSON.stringify(DONE)});
  })()`;
  const flags = ['-f', '-y', '-s', '256', '-o', log, '-e', `trace=${TRACED}`];
  const out = await succeed('strace', [...flags, process.execPath, '-e', script]);
  expect(out).toBe(DONE);
  return callsIn(fs.readFileSync(log, 'utf8'));
}

/** A call that another thread interrupted stands on two lines. */
function callsIn(log) {
  const calls = [];
  const open = new Map();
  for (const [place, line] of log.split('\n').entries()) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const call = resumed ? open.get(thread) : { text: '', begin: place };
    if (!rest || !call) continue;
    call.text += resumed ? resumed[1] : rest.replace(/ *<unfinished \.\.\.>$/, '');
    if (rest.endsWith('<unfinished ...>')) {
      open.set(thread, call);
      continue;
    }
    const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call.text) ?? [];
    if (name && Number(result) >= 0) calls.push({ name, args, begin: call.begin, end: place });
  }
  return calls;
}

/** The one call that gave a file its name `target`. */
function publishing(calls, target) {
  const name = path.basename(target);
  const directory = path.dirname(target);
  const found = calls.filter(
    (call) => NAMES.includes(call.name) && call.args.includes(`"${name}"`) && call.args.includes(`<${directory}>`),
  );
  expect(found).toHaveLength(1);
  return found[0];
}

/** The syncs of what `matches` (the call's arguments) that begin after `begin` and end before `end`. */
function syncs(calls, matches, begin, end) {
  return calls.filter(
    (call) => /^f(data)?sync$/.test(call.name) && matches(call.args) && call.begin > begin && call.end < end,
  );
}

const marker = (calls) => calls.find((call) => call.name === 'write' && call.args.includes(DONE)).begin;
const of = (place) => (args) => args.includes(`<${place}>`);

/** The file that a publishing call names is whole and synced before: no write follows the sync. */
function expectSynced(calls, published) {
  const [, number] = /"\/proc\/self\/fd\/(\d+)"/.exec(published.args) ?? [];
  const [, directory, name] = /<([^>]+)>, "(\.tmp-[^"]+)"/.exec(published.args) ?? [];
  const isSource = number ? (args) => args.startsWith(`${number}<`) : of(path.join(directory, name));
  // The same number may have been another file's before that one got its name.
  const earlier = calls.filter((call) => NAMES.includes(call.name) && call.end < published.begin);
  const begin = Math.max(-1, ...earlier.map((call) => call.end));
  const synced = syncs(calls, isSource, begin, published.begin).at(-1);
  expect(synced).toBeDefined();
  const written = calls.filter((call) => call.name === 'write' && isSource(call.args) && call.end < published.begin);
  expect(written.length).toBeGreaterThan(0);
  expect(written.at(-1).end).toBeLessThan(synced.begin);
}

/** The file is synced, then named, then the directories are synced, all before the marker. */
function expectDurable(calls, target, directories) {
  const end = marker(calls);
  const published = publishing(calls, target);
  expect(published.end).toBeLessThan(end);
  expectSynced(calls, published);
  for (const directory of directories) {
    expect([directory, syncs(calls, of(directory), published.end, end).length > 0]).toEqual([directory, true]);
  }
}

/** Every directory that was made is synced into the one above it before the marker. */
function expectDirectoriesDurable(calls, folder) {
  const end = marker(calls);
  const made = calls.filter((call) => /^mkdir/.test(call.name) && call.args.includes(folder) && call.end < end);
  for (const call of made) {
    const [, above, , plain] = /^(?:\d+|AT_FDCWD)<([^>]+)>, "([^"]+)"|^"([^"]+)"/.exec(call.args);
    const parent = plain ? path.dirname(plain) : above;
    expect([call.args, syncs(calls, of(parent), call.end, end).length > 0]).toEqual([call.args, true]);
  }
  return made.length;
}

describeWith(['strace'], 'the order of writes and syncs', () => {
  let agent;
  let data;
  beforeEach(async () => {
    data = path.join(temporaryFolder(), 'new', 'data');
    agent = await agentOn(data);
  });

  /** The file of the only document with `count` versions; the newest of them. */
  function stored(count = 1) {
    const documents = path.join(data, 'documents');
    const all = fs.readdirSync(documents).map((id) => path.join(documents, id));
    const directory = all.find((each) => fs.readdirSync(each).length === count);
    return path.join(directory, fs.readdirSync(directory).sort().at(-1));
  }

  test('of the first document of a store: everything that leads to it is synced', async () => {
    const calls = await traced(agent, 'await agent.createDocument({ n: 1 });');
    const file = stored();
    expectDurable(calls, file, [path.dirname(file), path.join(data, 'documents')]);
    const [id] = fs.readdirSync(path.join(data, 'agents'));
    const own = path.join(data, 'agents', id, fs.readdirSync(path.join(data, 'agents', id))[0]);
    expectDurable(calls, own, [path.dirname(own), path.join(data, 'agents')]);
    // new/, data/, agents/, its id, documents/, its id
    expect(expectDirectoriesDurable(calls, path.dirname(path.dirname(data)))).toBe(6);
  });

  test('of a later document: its directory and documents/ are synced', async () => {
    const before = await agent.createDocument({ n: 0 });
    const calls = await traced(agent, 'await agent.createDocument({ n: 1 });');
    const id = fs.readdirSync(path.join(data, 'documents')).find((name) => name !== JSON.parse(before).jacsId);
    const directory = path.join(data, 'documents', id);
    const file = path.join(directory, fs.readdirSync(directory)[0]);
    expectDurable(calls, file, [directory, path.dirname(directory)]);
    expect(expectDirectoriesDurable(calls, data)).toBe(1);
  });

  test('of an update: its directory is synced', async () => {
    const text = await agent.createDocument({ n: 0 });
    const calls = await traced(agent, `await agent.updateDocument('${keyOf(text)}', { n: 1 });`);
    const file = stored(2);
    expectDurable(calls, file, [path.dirname(file)]);
    expect(expectDirectoriesDurable(calls, data)).toBe(0);
  });

  test('of saving what is there already: it is synced all the same, as its writer may not be done', async () => {
    const text = await agent.createDocument({ n: 0 });
    const calls = await traced(agent, `await agent.saveDocument(${JSON.stringify(text)});`);
    const end = marker(calls);
    const file = stored();
    for (const place of [file, path.dirname(file), path.join(data, 'documents')]) {
      expect([place, syncs(calls, of(place), -1, end).length > 0]).toEqual([place, true]);
    }
  });

  test('is not there when `durability` is "none": what is looked at here can be missed', async () => {
    const settings = { jacs_storage_options: { durability: 'none' } };
    const calls = await traced(await agentOn(data, settings), 'await agent.createDocument({ n: 1 });');
    expect(publishing(calls, stored()).end).toBeLessThan(marker(calls));
    expect(syncs(calls, (args) => args.includes(data), -1, Infinity)).toEqual([]);
  });

  test('of a copy under `filename`: it is synced before it has its name, and named after the document is stored', async () => {
    const copy = path.join(temporaryFolder(), 'copy.json');
    const calls = await traced(agent, `await agent.createDocument({ n: 1 }, { filename: ${JSON.stringify(copy)} });`);
    const [end, file] = [marker(calls), stored()];
    expectDurable(calls, file, [path.dirname(file), path.join(data, 'documents')]);
    const folder = path.dirname(copy);
    const [named] = calls.filter((call) => NAMES.includes(call.name) && call.args.includes(copy));
    expect(syncs(calls, (args) => args.includes(`<${folder}/.jacs-tmp-`), -1, named.begin)).not.toHaveLength(0);
    expect(syncs(calls, of(folder), named.end, end)).not.toHaveLength(0);
    expect(publishing(calls, file).end).toBeLessThan(named.begin);
  });
});
