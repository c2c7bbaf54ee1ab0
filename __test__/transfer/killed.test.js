'use strict';
// A migration that is killed at random moments, and gone on with: in the end everything is there, byte for byte.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { migrateKilled, migrateKilledAt, startMigration, withCheckpoint } = require('../support/migrations.js');
const {
  addMass,
  emptyPlace,
  expectPrivate,
  expectSame,
  fsConfig,
  lackingFiles,
  makeStore,
  objectsOf,
  range,
  rootsOf,
  SOAK,
} = require('../support/transfer.js');

const DOCUMENTS = SOAK ? 20_000 : 2000;
const FILES = SOAK ? 200 : 40;
const KILLS = SOAK ? 60 : 5;

let store;
let objects;
beforeAll(async () => {
  store = await makeStore({ mass: DOCUMENTS, files: 0 });
  await addMass(store.agent, { files: FILES });
  objects = objectsOf(store.data);
}, 120_000);

const optionsTo = (to) => ({ from: fsConfig(store.data), to: fsConfig(to), env: {} });

/** One that is done came to this, and left this. */
async function expectDone(report, to) {
  expect(report).toMatchObject({ conflicts: 0, failed: 0 });
  expect(report.copied + report.same).toBe(objects.size);
  expect(report.failures).toHaveLength(store.unknown.length);
  expect(report.root).toEqual(rootsOf(store.data, to));
  await expectSame(store.data, to);
  expectPrivate(to);
  fs.rmSync(to, { recursive: true });
}

test(
  `killed ${KILLS} times on its way`,
  async () => {
    const to = emptyPlace();
    const lines = range(KILLS).map(() => Math.floor(Math.random() * 0.9 * objects.size));
    const { report, killed } = await migrateKilledAt(optionsTo(to), lines);
    expect(killed).toBe(KILLS);
    await expectDone(report, to);
  },
  (KILLS + 5) * 60_000,
);

// At any moment: the first and the last ones, too.
const inSoak = SOAK ? test : test.skip;
inSoak(
  `killed ${KILLS} times at any moment`,
  async () => {
    const options = () => optionsTo(emptyPlace());
    const finished = (report, { to }) => expectDone(report, to.jacs_data_directory);
    await migrateKilled({ kills: KILLS, options, finished });
  },
  (KILLS + 5) * 120_000,
);

test('one that was killed left whole objects, and documents with their files', async () => {
  const to = emptyPlace();
  const own = withCheckpoint(optionsTo(to));
  const migration = startMigration(own);
  const documents = path.join(to, 'documents');
  while (!fs.existsSync(documents) || fs.readdirSync(documents).length < 100) await sleep(1);
  migration.kill();
  expect(await migration.ended).toBeUndefined();
  const there = objectsOf(to);
  expect(there.size).toBeLessThan(objects.size);
  for (const [name, hash] of there) expect([name, hash]).toEqual([name, objects.get(name)]);
  expect(lackingFiles(to)).toEqual([]);

  // Without the checkpoint it is the same, but that more is looked at again.
  const again = await startMigration({ ...own, checkpoint: undefined }).ended;
  expect(again).toMatchObject({ copied: objects.size - there.size, same: there.size, conflicts: 0, failed: 0 });
  await expectSame(store.data, to);
  // And the checkpoint, which does not know of that, is still good.
  const last = await startMigration(own).ended;
  expect(last.copied + last.same).toBe(objects.size);
  expect(last.root).toEqual(again.root);
  expect(fs.existsSync(own.checkpoint)).toBe(false);
}, 120_000);
