'use strict';
// A store copied from one folder to another: all of it, byte for byte, and no key is needed.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { all, keyOf, loadAgain, storedText, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  briefly,
  emptyPlace,
  expectDone,
  expectPrivate,
  expectSame,
  fsConfig,
  makeStore,
  migrate,
  objectsOf,
  rootsOf,
} = require('../support/transfer.js');

let store;
let objects;
beforeAll(async () => {
  store = await makeStore();
  objects = objectsOf(store.data);
});

/** A copy of the whole store. */
async function copied(options) {
  const to = emptyPlace();
  return { to, report: await migrate(store.data, to, options) };
}

test('everything arrives, byte for byte', async () => {
  const before = treeOf(store.data, { times: true });
  const { to, report } = await copied();
  expectDone(report, { copied: objects.size });
  await expectSame(store.data, to);
  expectPrivate(to);
  expect(treeOf(store.data, { times: true })).toEqual(before);
  const lengths = [...objects.keys()].map((name) => fs.statSync(path.join(store.data, name)).size);
  expect(report.bytes).toBe(lengths.reduce((sum, length) => sum + length, 0));
  expect(report).toMatchObject({ removed: 0, resigned: 0, createOnce: 'atomic' });
});

test('the root is that of both folders, computed without the package', async () => {
  const { to, report } = await copied();
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(report.root.from).toBe(report.root.to);
});

test('the agents find in the copy what they had, newest versions, forks and files included', async () => {
  const { to } = await copied();
  const told = async (agent) => {
    const listed = await all(agent.listDocuments());
    return {
      listed: listed.map(({ key, bytes }) => [key, bytes]),
      versions: await Promise.all(listed.map(({ id }) => agent.versions(id))),
      agents: (await all(agent.listAgents())).map(({ key }) => key),
    };
  };
  const here = await loadAgain({ ...store, data: to });
  expect(await told(here)).toEqual(await told(store.agent));
  for (const title of ['stored', 'shared', 'embedded', 'jacsForm', 'inherited', 'merged', 'others']) {
    const text = store.documents[title];
    await expect(here.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
    await expect(here.verifyDocument(text, { contents: true })).resolves.toBe(true);
  }
});

test('a second run copies nothing, and touches nothing', async () => {
  const { to } = await copied();
  const before = treeOf(to, { times: true });
  const report = await migrate(store.data, to);
  expectDone(report, { copied: 0, same: objects.size });
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(treeOf(to, { times: true })).toEqual(before);
});

test('a second run copies what is new since, and what is missing there', async () => {
  const { to } = await copied();
  const lost = [...objects.keys()].filter((_, index) => index % 10 === 0);
  for (const name of lost) fs.rmSync(path.join(to, name));
  expectDone(await migrate(store.data, to), { copied: lost.length, same: objects.size - lost.length });
  await expectSame(store.data, to);
});

test('what else the target has stays, and is no part of the root', async () => {
  const { to } = await copied();
  const other = await loadAgain({ ...store, data: to });
  const text = await other.createDocument({ title: 'only here' });
  const report = await migrate(store.data, to);
  expectDone(report, { copied: 0, same: objects.size });
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(storedText(to, keyOf(text))).toBe(text);
});

test.each([1, 3, 500])('with %d objects at a time', async (concurrency) => {
  const { to, report } = await copied({ concurrency });
  expectDone(report, { copied: objects.size });
  await expectSame(store.data, to);
});

test('objects whose signer’s key is nowhere are copied, and noted', async () => {
  const { report } = await copied();
  const notes = report.failures.filter(({ kind }) => kind === 'key');
  expect(briefly(notes)).toEqual(store.unknown.map((name) => `key JACS_KEY ${name}`));
  expect(new Set(report.failures.map(({ severity }) => severity))).toEqual(new Set(['note']));
  for (const { key, path: name, message } of notes) {
    expect([name, message]).toEqual([expect.stringContaining(key.replace(':', '/')), expect.any(String)]);
  }
});

test('a dry run says what would be done, and writes nothing', async () => {
  const to = emptyPlace();
  const report = await migrate(store.data, to, { dryRun: true });
  expect(report).toMatchObject({ copied: objects.size, same: 0, conflicts: 0, failed: 0 });
  expect(fs.existsSync(to)).toBe(false);
  await migrate(store.data, to);
  const [lost] = objects.keys();
  fs.rmSync(path.join(to, lost));
  const before = treeOf(to, { times: true });
  expect(await migrate(store.data, to, { dryRun: true })).toMatchObject({ copied: 1, same: objects.size - 1 });
  expect(treeOf(to, { times: true })).toEqual(before);
});

test('no key is needed, of neither side', async () => {
  const data = path.join(temporaryFolder(), 'jacs_data');
  fs.cpSync(store.data, data, { recursive: true });
  const folder = temporaryFolder();
  const configs = ['from', 'to'].map((name) => {
    const config = path.join(folder, `${name}.config.json`);
    // As `Agent.create` wrote them, with a key directory and an agent that are gone.
    const own = JSON.parse(fs.readFileSync(store.config, 'utf8'));
    const place = name === 'from' ? data : path.join(folder, 'to');
    fs.writeFileSync(config, JSON.stringify({ ...own, ...fsConfig(place), jacs_key_directory: './gone' }));
    return config;
  });
  const report = await Agent.migrate({ from: configs[0], to: configs[1], env: {} });
  expectDone(report, { copied: objects.size });
  await expectSame(store.data, path.join(folder, 'to'));
  expect(fs.existsSync(path.join(folder, 'gone'))).toBe(false);
  expect(fs.readdirSync(folder).sort()).toEqual(['from.config.json', 'to', 'to.config.json']);
});
