'use strict';
// Something else stands where the folder of a document, or an object, belongs: nobody is told that all is there.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fileOf, keyOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { addMass, emptyPlace, fsConfig, migrate, newStore } = require('../support/transfer.js');

let store;
let folder;
let text;
beforeEach(async () => {
  store = await newStore();
  [text] = await addMass(store.agent, { mass: 5, files: 1 });
  folder = path.dirname(fileOf(store.data, keyOf(text)));
});

const OTHERS = [
  ['a file', (place) => fs.writeFileSync(place, 'text')],
  ['a link to the folder', (place, aside) => fs.symlinkSync(aside, place)],
  ['a link to nothing', (place) => fs.symlinkSync('nowhere', place)],
  ['a pipe', (place) => execFileSync('mkfifo', [place])],
];

describe.each(OTHERS)('%s in the place of a folder', (_, put) => {
  beforeEach(() => {
    const aside = path.join(temporaryFolder(), 'aside');
    fs.renameSync(folder, aside);
    put(folder, aside);
  });

  const calls = {
    migrate: () => migrate(store.data, emptyPlace()),
    mirror: () => store.agent.mirror(fsConfig(emptyPlace())),
    exportArchive: () => store.agent.exportArchive(path.join(temporaryFolder(), 'archive.tar.gz')),
  };
  test.each(Object.keys(calls))('%s tells of it', async (name) => {
    const report = await calls[name]();
    expect(report.failed).toBe(1);
    expect(report.root).toBeUndefined();
    expect(report.failures).toMatchObject([{ kind: 'not-a-file', severity: 'damage' }]);
    expect(report.failures[0].path).toContain(JSON.parse(text).jacsId);
  });
});

test('a folder in the place of the mirror’s object is no copy of it', async () => {
  const to = emptyPlace();
  await store.agent.mirror(fsConfig(to));
  const place = fileOf(to, keyOf(text));
  fs.rmSync(place);
  fs.mkdirSync(place);
  expect(await store.agent.mirror(fsConfig(to))).toMatchObject({ conflicts: 1, copied: 0 });
});
