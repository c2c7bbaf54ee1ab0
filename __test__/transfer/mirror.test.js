'use strict';
// A mirror of a store in another folder: it gets what it has not, and keeps what it has.

const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf, loadAgain, newAgent, onCopiedStore, refusal, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  addMass,
  briefly,
  emptyPlace,
  expectDone,
  expectPrivate,
  expectSame,
  fsConfig,
  makeStore,
  objectsOf,
} = require('../support/transfer.js');

let store;
let to;
let size;
let template;
beforeAll(async () => {
  template = await makeStore({ mass: 20, files: 4 });
  ({ size } = objectsOf(template.data));
});
beforeEach(async () => {
  store = await onCopiedStore(template);
  to = emptyPlace();
});

const mirror = (options) => store.agent.mirror(fsConfig(to), options);

test('the first call copies everything, the next only what is new', async () => {
  expectDone(await mirror(), { copied: size });
  await expectSame(store.data, to);
  expectPrivate(to);
  const before = treeOf(to, { times: true });
  expectDone(await mirror(), { copied: 0, same: size });
  expect(treeOf(to, { times: true })).toEqual(before);
  await addMass(store.agent, { mass: 3, files: 2, seed: 50 });
  const { chain } = store.documents;
  await store.agent.updateDocument(keyOf(chain.at(-1)), { version: 'next' });
  const added = objectsOf(store.data).size - size;
  expectDone(await mirror(), { copied: added, same: size });
  await expectSame(store.data, to);
});

test('by the path of a configuration', async () => {
  const folder = temporaryFolder();
  const config = path.join(folder, 'mirror.json');
  fs.writeFileSync(config, JSON.stringify(fsConfig('./mirror')));
  expectDone(await store.agent.mirror(config), { copied: size });
  await expectSame(store.data, path.join(folder, 'mirror'));
});

test('by an agent that reads only, and of a store in memory', async () => {
  const reader = await loadAgain(store, {}, { readOnly: true, password: undefined });
  expectDone(await reader.mirror(fsConfig(to)), { copied: size });
  await expectSame(store.data, to);
  const { agent } = await newAgent({ storage: 'memory' });
  const texts = await addMass(agent, { mass: 5, files: 2 });
  const place = emptyPlace();
  // The agent's document, and two files.
  expectDone(await agent.mirror(fsConfig(place)), { copied: texts.length + 3 });
  for (const text of texts) {
    const [id, version] = keyOf(text).split(':');
    expect(fs.readFileSync(path.join(place, 'documents', id, `${version}.json`), 'utf8')).toBe(text);
  }
});

test('the agents read the mirror like the store', async () => {
  await mirror();
  const there = await loadAgain({ ...store, data: to });
  const told = async (agent) => (await all(agent.listDocuments({ allVersions: true }))).map(({ key }) => key);
  expect(await told(there)).toEqual(await told(store.agent));
  await expect(there.verifyDocument(store.documents.stored, { contents: true })).resolves.toBe(true);
});

test('a dry run writes nothing', async () => {
  const report = await mirror({ dryRun: true });
  expect(report).toMatchObject({ copied: size, same: 0, conflicts: 0, failed: 0, removed: 0 });
  expect(fs.existsSync(to)).toBe(false);
  await mirror();
  const before = treeOf(to, { times: true });
  await store.agent.removeDocument(keyOf(store.documents.raw));
  expect(await mirror({ dryRun: true, removeMissing: true })).toMatchObject({ copied: 0, same: size - 1, removed: 1 });
  expect(treeOf(to, { times: true })).toEqual(before);
});

test('there is no root', async () => {
  expect(await mirror()).not.toHaveProperty('root');
});

test('an object that was cut in the mirror is told, and not overwritten', async () => {
  await mirror();
  const names = [...objectsOf(to).keys()];
  const lengths = new Map(names.map((name) => [name, fs.statSync(path.join(to, name)).size]));
  const [document] = names.filter((name) => name.startsWith('documents/'));
  const [file] = names.filter((name) => name.startsWith('files/') && lengths.get(name) > 10);
  for (const name of [document, file]) fs.truncateSync(path.join(to, name), 5);
  const report = await mirror();
  expect(report).toMatchObject({ copied: 0, same: size - 2, conflicts: 2, failed: 0 });
  expect(briefly(report.failures)).toEqual([`conflict JACS_CONFLICT ${document}`, `conflict JACS_CONFLICT ${file}`]);
  for (const name of [document, file]) expect(fs.statSync(path.join(to, name)).size).toBe(5);
});

test('what is damaged in the store does not come to the mirror', async () => {
  const { raw } = store.documents;
  const name = path.join('documents', `${keyOf(raw).replace(':', '/')}.json`);
  fs.writeFileSync(path.join(store.data, name), raw.replace('"title":"raw"', '"title":"RAW"'));
  const report = await mirror();
  expect(report).toMatchObject({ copied: size - 1, failed: 1 });
  expect(fs.existsSync(path.join(to, name))).toBe(false);
  const damage = report.failures.filter(({ severity }) => severity === 'damage');
  expect(briefly(damage)).toEqual([`hash JACS_HASH ${name}`]);
  expect(await mirror({ keepInvalid: true })).toMatchObject({ copied: 1, same: size - 1, failed: 0 });
  await expectSame(store.data, to);
});

test.each([
  ['an option that does not exist', { removeMising: true }],
  ['a deep that is no boolean', { deep: 'yes' }],
  ['a removeMissing that is no boolean', { removeMissing: 1 }],
  ['a concurrency of 0', { concurrency: 0 }],
])('%s: JACS_INPUT', async (_, options) => {
  await refusal(mirror(options), 'JACS_INPUT');
  expect(fs.existsSync(to)).toBe(false);
});

test.each([[undefined], [null], [7]])('to %p: JACS_INPUT', async (wrong) => {
  await refusal(store.agent.mirror(wrong), 'JACS_INPUT');
});

test('before load and after close: JACS_CONFIG', async () => {
  const { Agent } = require('../../index.js');
  await refusal(new Agent().mirror(fsConfig(to)), 'JACS_CONFIG');
  const closed = await loadAgain(store);
  await closed.close();
  await refusal(closed.mirror(fsConfig(to)), 'JACS_CONFIG');
  expect(fs.existsSync(to)).toBe(false);
});
