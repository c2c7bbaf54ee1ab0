'use strict';
// mirror with `deep` reads both sides: what was altered in the mirror is found, told and left, and the roots are told.

const fs = require('node:fs');
const path = require('node:path');
const { briefly, emptyPlace, expectDone, fsConfig, makeStore, objectsOf, rootsOf } = require('../support/transfer.js');

let store;
let to;
let size;
beforeAll(async () => {
  store = await makeStore({ mass: 20, files: 4 });
  ({ size } = objectsOf(store.data));
});
beforeEach(async () => {
  to = emptyPlace();
  await store.agent.mirror(fsConfig(to));
});

const mirror = (options) => store.agent.mirror(fsConfig(to), options);

/** Alters one byte of an object, and leaves its length and its time. */
function alter(name) {
  const file = path.join(to, name);
  const { atime, mtime } = fs.statSync(file);
  const bytes = fs.readFileSync(file);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  fs.writeFileSync(file, bytes);
  fs.utimesSync(file, atime, mtime);
  return bytes;
}

const first = (kind) =>
  [...objectsOf(to).keys()].find((name) => name.startsWith(`${kind}/`) && fs.statSync(path.join(to, name)).size > 0);

test('a sound mirror: everything is the same, and the roots are', async () => {
  const report = await mirror({ deep: true });
  expectDone(report, { copied: 0, same: size });
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(report.root.from).toBe(report.root.to);
});

test('of a mirror that is empty yet', async () => {
  const place = emptyPlace();
  const report = await store.agent.mirror(fsConfig(place), { deep: true });
  expectDone(report, { copied: size });
  expect(report.root).toEqual(rootsOf(store.data, place));
});

test.each(['agents', 'documents', 'files'])('one altered byte among the %s is a conflict', async (kind) => {
  const name = first(kind);
  const bytes = alter(name);
  expectDone(await mirror(), { copied: 0, same: size });
  const report = await mirror({ deep: true });
  expect(report).toMatchObject({ copied: 0, same: size - 1, conflicts: 1, failed: 0 });
  expect(briefly(report.failures.filter(({ severity }) => severity === 'damage'))).toEqual([
    `conflict JACS_CONFLICT ${name}`,
  ]);
  expect(fs.readFileSync(path.join(to, name))).toEqual(bytes);
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(report.root.from).not.toBe(report.root.to);
});

test('what was altered in the store is not called a fault of the mirror alone, and nothing is overwritten', async () => {
  const copy = await makeStore({ mass: 3, files: 1, foreign: false });
  const place = emptyPlace();
  await copy.agent.mirror(fsConfig(place));
  const before = objectsOf(place);
  const name = [...before.keys()].find((each) => each.startsWith('files/'));
  fs.writeFileSync(path.join(copy.data, name), 'other bytes');
  const report = await copy.agent.mirror(fsConfig(place), { deep: true });
  expect(report.same).toBe(before.size - 1);
  expect(report.conflicts + report.failed).toBe(1);
  expect(report.failures.some(({ severity, path: told }) => severity === 'damage' && told === name)).toBe(true);
  expect(objectsOf(place)).toEqual(before);
  expect(report.root).toEqual(rootsOf(copy.data, place));
});

test('deep and dryRun write nothing', async () => {
  fs.rmSync(path.join(to, first('documents')));
  const before = objectsOf(to);
  expect(await mirror({ deep: true, dryRun: true })).toMatchObject({ copied: 1, same: size - 1, conflicts: 0 });
  expect(objectsOf(to)).toEqual(before);
});
