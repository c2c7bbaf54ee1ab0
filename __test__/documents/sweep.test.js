'use strict';
// Temporary files that a killed writer left behind: those older than an hour go when an agent is loaded.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { fileOf, keyOf, loadAgain, newAgent } = require('../support/agents.js');

const HOUR = 3_600_000;

let place;
let folders;
beforeAll(async () => {
  place = await newAgent();
  const text = await place.agent.createDocument({});
  const files = path.join(place.data, 'files');
  fs.mkdirSync(files);
  folders = [path.dirname(fileOf(place.data, keyOf(text))), path.join(place.data, 'agents', place.agent.id), files];
});

const temporary = () => `.tmp-${crypto.randomUUID()}`;

/** Makes a file, or what `make` makes, that was last written to so long ago. */
function left(folder, name, age, make = (file) => fs.writeFileSync(file, 'x')) {
  const file = path.join(folder, name);
  make(file);
  const time = (Date.now() - age) / 1000;
  fs.lutimesSync(file, time, time);
  return file;
}

const exists = (file) => fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;

/** Resolves when none of the files is there any more. */
async function gone(files) {
  for (let tries = 0; files.some(exists); tries++) {
    expect(tries).toBeLessThan(1000);
    await sleep(10);
  }
}

test('those older than an hour go, in every place where there may be one', async () => {
  const old = folders.map((folder) => left(folder, temporary(), 2 * HOUR));
  await loadAgain(place);
  await gone(old);
});

test('nothing else ever does', async () => {
  const [folder, , files] = folders;
  const kept = [
    left(folder, temporary(), HOUR / 2),
    left(files, temporary(), 0),
    left(folder, temporary(), -2 * HOUR),
    left(folder, '.tmp-', 2 * HOUR),
    left(folder, '.tmp-mine', 2 * HOUR),
    left(folder, temporary().toUpperCase(), 2 * HOUR),
    left(folder, `${temporary()}.json`, 2 * HOUR),
    left(folder, 'stray', 2 * HOUR),
    left(folder, temporary(), 2 * HOUR, (file) => fs.mkdirSync(file)),
    left(folder, temporary(), 2 * HOUR, (file) => fs.symlinkSync(place.config, file)),
    left(place.data, temporary(), 2 * HOUR),
    left(path.dirname(folder), temporary(), 2 * HOUR),
    left(place.keys, temporary(), 2 * HOUR),
  ];
  const documents = fs.readdirSync(folder).filter((name) => /^[0-9a-f].*\.json$/.test(name));
  // Swept last, so the others were passed over by then.
  const last = left(folder, temporary(), 2 * HOUR);
  await loadAgain(place);
  await gone([last]);
  await sleep(100);
  expect(kept.filter((file) => !exists(file))).toEqual([]);
  expect(documents).toHaveLength(1);
  expect(fs.readdirSync(folder)).toEqual(expect.arrayContaining(documents));
});

test('an agent that may only read removes nothing', async () => {
  const old = left(folders[0], temporary(), 2 * HOUR);
  await loadAgain(place, {}, { readOnly: true });
  await sleep(300);
  expect(exists(old)).toBe(true);
  await loadAgain(place);
  await gone([old]);
});
