'use strict';
// Others write while a store is copied: what arrives is whole at every moment, and nothing is in the way of a second run.

const fs = require('node:fs');
const { loadAgain } = require('../support/agents.js');
const { faultsOf } = require('../support/witness.js');
const { startWriter, watched } = require('../support/writers.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectPrivate,
  expectSame,
  fsConfig,
  lackingFiles,
  migrate,
  objectsOf,
  rootsOf,
  SOAK,
  newStore,
} = require('../support/transfer.js');

const MASS = SOAK ? 5000 : 150;

let store;
beforeAll(async () => {
  store = await newStore();
  await addMass(store.agent, { mass: MASS, files: 20 });
});

const COPY = {
  migrate: (to) => migrate(store.data, to),
  mirror: (to) => store.agent.mirror(fsConfig(to)),
};

test.each(Object.keys(COPY))(
  '%s while a process creates documents with files and updates them',
  async (verb) => {
    const to = emptyPlace();
    const before = objectsOf(store.data);
    const writer = await startWriter(store);
    const { value: report, faults, moments } = await watched(to, COPY[verb](to));
    const made = await writer.stop();
    expect(faults).toEqual([]);
    expect(moments).toBeGreaterThan(1);
    expect(made).toBeGreaterThan(5);
    expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
    expect(lackingFiles(to)).toEqual([]);
    expectPrivate(to);
    const [here, there] = [objectsOf(store.data), objectsOf(to)];
    for (const [name, hash] of there) expect([name, hash]).toEqual([name, here.get(name)]);
    for (const [name, hash] of before) expect([name, there.get(name)]).toEqual([name, hash]);

    const second = await COPY[verb](to);
    expectDone(second, { copied: here.size - there.size, same: there.size });
    await expectSame(store.data, to);
    if (verb === 'migrate') expect(second.root).toEqual(rootsOf(store.data, to));
  },
  120_000,
);

test('two migrations of one store to one target at the same time', async () => {
  const to = emptyPlace();
  const reports = await Promise.all([migrate(store.data, to), migrate(store.data, to)]);
  const { size } = objectsOf(store.data);
  for (const report of reports) {
    expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
    expect(report.copied + report.same).toBe(size);
    expect(report.root).toEqual(rootsOf(store.data, to));
  }
  await expectSame(store.data, to);
});

test('others write to the target meanwhile', async () => {
  const to = emptyPlace();
  const target = await loadAgain({ ...store, data: to });
  const own = Array.from({ length: 40 }, (_, n) =>
    target.createDocument({ n }, { attachments: { path: 'a', contents: Buffer.from(`own ${n}`) } }),
  );
  const [report, ...texts] = await Promise.all([migrate(store.data, to), ...own]);
  expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
  for (const text of texts) {
    expect(faultsOf(text, store.agent.publicKey)).toEqual([]);
    await expect(target.verifyDocument(text, { contents: true })).resolves.toBe(true);
  }
  const [here, there] = [objectsOf(store.data), objectsOf(to)];
  for (const [name, hash] of here) expect([name, there.get(name)]).toEqual([name, hash]);
});

test('a document that is removed meanwhile is no failure', async () => {
  const from = emptyPlace();
  fs.cpSync(store.data, from, { recursive: true });
  const source = await loadAgain({ ...store, data: from });
  const texts = await source.createDocuments(Array.from({ length: 200 }, (_, n) => ({ gone: n })));
  const to = emptyPlace();
  const migration = migrate(from, to, { concurrency: 2 });
  for (const text of texts) {
    const { jacsId } = JSON.parse(text);
    await source.removeDocument(jacsId, { allVersions: true });
  }
  const report = await migration;
  expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
  const [here, there] = [objectsOf(from), objectsOf(to)];
  for (const [name, hash] of here) expect([name, there.get(name)]).toEqual([name, hash]);
});
