'use strict';
// What was removed from the store stays in the mirror unless told otherwise; and what is removed there is only that.

const fs = require('node:fs');
const path = require('node:path');
const { fileOf, keyOf, loadAgain, onCopiedStore, refusal, storedText } = require('../support/agents.js');
const { noise } = require('../support/attachments.js');
const { watched } = require('../support/writers.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  lackingFiles,
  makeStore,
  objectsOf,
  putFile,
  range,
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
  await store.agent.mirror(fsConfig(to));
});

const mirror = (options) => store.agent.mirror(fsConfig(to), options);
const idOf = (text) => JSON.parse(text).jacsId;

/** Removes a document with its file, another one of several versions, and a file alone; how many objects that are. */
async function removeSome() {
  const { chain, raw, inherited } = store.documents;
  for (const text of [chain[0], raw, inherited]) {
    await store.agent.removeDocument(idOf(text), { allVersions: true });
  }
  fs.rmSync(path.join(store.data, 'files', store.unreferenced));
  return size - objectsOf(store.data).size;
}

test('it is kept by default', async () => {
  const removed = await removeSome();
  expect(removed).toBe(8);
  const before = objectsOf(to);
  const report = await mirror();
  expectDone(report, { copied: 0, same: size - removed });
  expect(report.removed).toBe(0);
  expect(objectsOf(to)).toEqual(before);
  expectDone(await mirror({ deep: true }), { copied: 0, same: size - removed });
  expect(objectsOf(to)).toEqual(before);
});

test('with removeMissing it goes, and the mirror is the store', async () => {
  const removed = await removeSome();
  const report = await mirror({ removeMissing: true });
  expectDone(report, { copied: 0, same: size - removed });
  expect(report.removed).toBe(removed);
  expect([...objectsOf(to)]).toEqual([...objectsOf(store.data)]);
  expect(await mirror({ removeMissing: true })).toMatchObject({ removed: 0, copied: 0 });
});

test('what is new comes at the same time', async () => {
  const removed = await removeSome();
  await addMass(store.agent, { mass: 2, files: 1, seed: 60 });
  const added = objectsOf(store.data).size - (size - removed);
  expect(await mirror({ removeMissing: true })).toMatchObject({ copied: added, removed });
  expect([...objectsOf(to)]).toEqual([...objectsOf(store.data)]);
});

test('documents go before their files', async () => {
  const texts = await addMass(store.agent, { mass: 0, files: 40, seed: 70 });
  await mirror();
  for (const text of texts) {
    await store.agent.removeDocument(idOf(text), { allVersions: true });
    for (const hash of JSON.parse(text).jacsFilesStored) fs.rmSync(path.join(store.data, 'files', hash));
  }
  const state = { done: false };
  const faults = [];
  const removal = mirror({ removeMissing: true, concurrency: 2 }).finally(() => (state.done = true));
  while (!state.done) {
    // One that was read and then removed has no file afterwards, and none is needed.
    const lacking = lackingSafely(to);
    faults.push(...lacking.filter((name) => fs.existsSync(path.join(to, 'documents', name))));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  expect((await removal).removed).toBe(80);
  expect(faults).toEqual([]);
});

test('what was written to the mirror after the call began is never removed', async () => {
  // An agent that works on the mirror itself.
  const there = await loadAgain({ ...store, data: to });
  const old = await there.createDocuments(range(200).map((n) => ({ n, only: 'in the mirror' })));
  const made = [];
  let begun;
  const first = new Promise((resolve) => {
    begun = resolve;
  });
  const removal = watched(to, mirror({ removeMissing: true, concurrency: 1, onProgress: begun }));
  await first;
  for (const n of range(20)) made.push(await there.createDocument({ n }));
  const { value: report } = await removal;
  for (const text of made) expect(storedText(to, keyOf(text))).toBe(text);
  expect(report.removed).toBe(old.length);
  for (const text of old) expect(fs.existsSync(fileOf(to, keyOf(text)))).toBe(false);
});

test('a file that was copied while the call went on is not taken for one that is missing', async () => {
  const hash = putFile(to, noise(100, 111));
  const later = new Date(Date.now() + 60_000);
  fs.utimesSync(path.join(to, 'files', hash), later, later);
  const report = await mirror({ removeMissing: true });
  expect(report.removed).toBe(0);
  expect(fs.existsSync(path.join(to, 'files', hash))).toBe(true);
});

test('strays in the mirror are left alone', async () => {
  fs.writeFileSync(path.join(to, 'README'), 'mine');
  fs.mkdirSync(path.join(to, 'more', 'documents'), { recursive: true });
  fs.writeFileSync(path.join(to, 'documents', 'notes.txt'), 'mine');
  const removed = await removeSome();
  expect(await mirror({ removeMissing: true })).toMatchObject({ removed });
  for (const name of ['README', 'more/documents', 'documents/notes.txt']) {
    expect([name, fs.existsSync(path.join(to, name))]).toEqual([name, true]);
  }
});

describe('a store that cannot be listed', () => {
  /** Nothing in the mirror changed; the call may have failed or told it. */
  async function expectKept(attempt) {
    const before = objectsOf(to);
    const outcome = await attempt().catch((error) => error);
    expect(objectsOf(to)).toEqual(before);
    return outcome;
  }

  test('because a part of it is no directory: nothing is removed', async () => {
    const documents = path.join(store.data, 'documents');
    fs.renameSync(documents, `${documents}.aside`);
    fs.writeFileSync(documents, 'not a directory');
    const outcome = await expectKept(() => mirror({ removeMissing: true }));
    expect(outcome instanceof Error || outcome.failed > 0).toBe(true);
    fs.rmSync(documents);
    fs.renameSync(`${documents}.aside`, documents);
    expectDone(await mirror({ removeMissing: true }), { copied: 0, same: size });
    await expectSame(store.data, to);
  });

  test('because one document’s folder is no directory: nothing of that document is removed', async () => {
    const folder = path.dirname(fileOf(store.data, keyOf(store.documents.raw)));
    fs.renameSync(folder, `${folder}.aside`);
    fs.writeFileSync(folder, 'not a directory');
    await mirror({ removeMissing: true }).catch((error) => error);
    expect(fs.existsSync(fileOf(to, keyOf(store.documents.raw)))).toBe(true);
  });

  test('because it is gone altogether, or only its mount point is there: the call is refused', async () => {
    const before = objectsOf(to);
    fs.renameSync(store.data, `${store.data}.aside`);
    await refusal(mirror({ removeMissing: true }), 'JACS_NOT_FOUND');
    fs.mkdirSync(store.data);
    await refusal(mirror({ removeMissing: true }), 'JACS_NOT_FOUND');
    expect(objectsOf(to)).toEqual(before);
  });
});

test('an abort in the middle removes nothing that the store has', async () => {
  await removeSome();
  const abort = new AbortController();
  const removal = mirror({ removeMissing: true, signal: abort.signal, concurrency: 1 });
  setImmediate(() => abort.abort());
  await removal.catch(({ code }) => expect(code).toBe('JACS_ABORTED'));
  const there = objectsOf(to);
  for (const [name, hash] of objectsOf(store.data)) expect([name, there.get(name)]).toEqual([name, hash]);
  await refusal(mirror({ signal: AbortSignal.abort(), removeMissing: true }), 'JACS_ABORTED');
});

/** As `lackingFiles`, beside somebody who removes. */
function lackingSafely(data) {
  try {
    return lackingFiles(data).map((text) => text.split(' ')[0]);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

test('attachments that a document of the mirror names stay, whatever the store has lost', async () => {
  fs.renameSync(path.join(store.data, 'files'), path.join(path.dirname(store.data), 'files.aside'));
  const before = objectsOf(to);
  const { removed } = await mirror({ removeMissing: true });
  // The one that no document names may go.
  expect(removed).toBeLessThanOrEqual(1);
  const there = objectsOf(to);
  const gone = [...before.keys()].filter((name) => !there.has(name));
  expect(gone.filter((name) => name !== `files/${store.unreferenced}`)).toEqual([]);
});
