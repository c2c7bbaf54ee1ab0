'use strict';
// A signal ends a migration, before it began or in the middle, and what it has done stays; progress and findings are told.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  lackingFiles,
  makeStore,
  migrate,
  objectsOf,
  putVersion,
  newStore,
} = require('../support/transfer.js');

let store;
let count;
beforeAll(async () => {
  store = await newStore();
  await addMass(store.agent, { mass: 200, files: 10 });
  count = objectsOf(store.data).size;
});

/** Migrates, and aborts once some documents have arrived. */
async function abortedMidway(to, options) {
  const abort = new AbortController();
  const migration = migrate(store.data, to, { signal: abort.signal, concurrency: 4, ...options });
  const error = refusal(migration, 'JACS_ABORTED');
  const documents = path.join(to, 'documents');
  while (!fs.existsSync(documents) || fs.readdirSync(documents).length < 50) await sleep(1);
  abort.abort();
  return error;
}

test('aborted before it begins, it does nothing', async () => {
  const to = emptyPlace();
  const checkpoint = path.join(temporaryFolder(), 'checkpoint');
  await refusal(migrate(store.data, to, { signal: AbortSignal.abort(), checkpoint }), 'JACS_ABORTED');
  await refusal(store.agent.mirror(fsConfig(to), { signal: AbortSignal.abort() }), 'JACS_ABORTED');
  expect([fs.existsSync(to), fs.existsSync(checkpoint)]).toEqual([false, false]);
});

test('aborted in the middle, it leaves whole objects and goes on with the next call', async () => {
  const to = emptyPlace();
  const error = await abortedMidway(to);
  expect(error.path).toBeUndefined();
  const arrived = objectsOf(to);
  expect(arrived.size).toBeLessThan(count);
  const source = objectsOf(store.data);
  for (const [name, hash] of arrived) expect([name, source.get(name)]).toEqual([name, hash]);
  expect(lackingFiles(to)).toEqual([]);
  expectDone(await migrate(store.data, to), { copied: count - arrived.size, same: arrived.size });
  await expectSame(store.data, to);
});

test('aborted with a checkpoint, it says where to go on', async () => {
  const to = emptyPlace();
  const checkpoint = path.join(temporaryFolder(), 'checkpoint');
  const error = await abortedMidway(to, { checkpoint });
  expect(error.path).toBe(checkpoint);
  expect(fs.statSync(checkpoint).mode & 0o777).toBe(0o600);
  const report = await migrate(store.data, to, { checkpoint });
  expect(report.copied + report.same).toBe(count);
  expect(report).toMatchObject({ conflicts: 0, failed: 0 });
  await expectSame(store.data, to);
  expect(fs.existsSync(checkpoint)).toBe(false);
});

test('nothing goes on after the refusal', async () => {
  const to = emptyPlace();
  await abortedMidway(to);
  const { size } = objectsOf(to);
  await sleep(200);
  expect(objectsOf(to).size).toBe(size);
});

test('progress counts every object, and ends with all of them', async () => {
  const told = [];
  const report = await migrate(store.data, emptyPlace(), { onProgress: (progress) => told.push(progress) });
  expect(told.length).toBeGreaterThan(0);
  for (const [index, { done, total, bytes, failed }] of told.entries()) {
    expect([done >= (told[index - 1]?.done ?? 0), bytes >= (told[index - 1]?.bytes ?? 0)]).toEqual([true, true]);
    expect([done <= count, total === undefined || total >= done, failed]).toEqual([true, true, 0]);
  }
  expect(told.at(-1)).toMatchObject({ done: count, total: count, bytes: report.bytes, failed: 0 });
});

test('progress counts what is there already, and what failed', async () => {
  const small = await makeStore({ mass: 5, files: 2, foreign: false });
  const { size } = objectsOf(small.data);
  const to = emptyPlace();
  await migrate(small.data, to);
  putVersion(
    small.data,
    'not a document',
    'documents',
    '00000000-0000-4000-8000-000000000000:00000000-0000-4000-8000-000000000001',
  );
  const told = [];
  await migrate(small.data, to, { onProgress: (progress) => told.push(progress) });
  expect(told.at(-1)).toMatchObject({ done: size + 1, total: size + 1, failed: 1 });
});

test('every finding is told when it is found, and stands in the report', async () => {
  const small = await makeStore({ mass: 5, files: 2 });
  const told = [];
  const report = await migrate(small.data, emptyPlace(), { onFinding: (finding) => told.push(finding) });
  expect(told.length).toBeGreaterThanOrEqual(small.unknown.length);
  const sorted = (findings) => [...findings].sort((a, b) => (a.path < b.path ? -1 : 1));
  expect(sorted(report.failures)).toEqual(sorted(told));
});

test('more than 10,000 findings are told, and 10,000 stand in the report', async () => {
  const from = emptyPlace();
  // Short, and found to be wrong at once.
  for (let n = 0; n < 10_050; n++) putVersion(from, '{}', 'documents', `${randomUUID()}:${randomUUID()}`);
  let told = 0;
  const report = await migrate(from, emptyPlace(), { onFinding: () => told++ });
  expect([told, report.failed, report.failures.length]).toEqual([10_050, 10_050, 10_000]);
}, 60_000);
