'use strict';
// The target has other bytes under a name of the source: they are told, and neither side changes.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, unsigned } = require('../support/agents.js');
const { noise } = require('../support/attachments.js');
const {
  addMass,
  briefly,
  emptyPlace,
  migrate,
  objectsOf,
  putFile,
  putVersion,
  rootsOf,
  newStore,
} = require('../support/transfer.js');

let store;
let texts;
beforeAll(async () => {
  store = await newStore();
  texts = await addMass(store.agent, { mass: 10, files: 2 });
});

const read = (data, name) => fs.readFileSync(path.join(data, name));

/** A valid document under the key of another one. */
const signedAgain = (text) => store.agent.createDocument(unsigned(text), { noSave: true, resign: true });

/** What stands at the target before: of equal length, and of other lengths. */
const OTHERS = {
  'a document signed again': async (to) => putVersion(to, await signedAgain(texts[0])),
  'a document cut short': async (to) => putVersion(to, texts[1].slice(0, 200), 'documents', keyOf(texts[1])),
  'a document of the same length': async (to) => {
    const changed = texts[2].replace('"number":2', '"number":7');
    expect([changed.length, changed === texts[2]]).toEqual([texts[2].length, false]);
    return putVersion(to, changed);
  },
  'a document with a line end more': async (to) => putVersion(to, `${texts[3]}\n`, 'documents', keyOf(texts[3])),
  'an empty document': async (to) => putVersion(to, '', 'documents', keyOf(texts[4])),
  'a file of the same length': async (to) => {
    const [hash] = JSON.parse(texts.at(-1)).jacsFilesStored;
    const { length } = read(store.data, `files/${hash}`);
    return `files/${putFile(to, noise(length, 201), hash)}`;
  },
  'a file of another length': async (to) => {
    const [hash] = JSON.parse(texts.at(-2)).jacsFilesStored;
    return `files/${putFile(to, noise(10, 201), hash)}`;
  },
  'an agent': async (to) => {
    const name = `${store.agent.id}/${store.agent.version}`;
    const text = String(read(store.data, `agents/${name}.json`));
    return putVersion(to, text.replace('"jacsLevel"', ' "jacsLevel"'), 'agents', name.replace('/', ':'));
  },
};

/** What is to be said of them, and that nothing was overwritten and all else copied. */
async function expectConflicts(to, names, options) {
  const before = new Map(names.map((name) => [name, read(to, name)]));
  const source = objectsOf(store.data);
  const report = await migrate(store.data, to, options);
  expect(report).toMatchObject({ conflicts: names.length, failed: 0 });
  expect(report.copied + report.same).toBe(source.size - names.length);
  expect(briefly(report.failures)).toEqual(names.map((name) => `conflict JACS_CONFLICT ${name}`).sort());
  for (const { severity } of report.failures) expect(severity).toBe('damage');
  for (const [name, bytes] of before) expect(read(to, name)).toEqual(bytes);
  expect(objectsOf(store.data)).toEqual(source);
  return report;
}

test.each(Object.keys(OTHERS))('%s is there', async (title) => {
  const to = emptyPlace();
  const report = await expectConflicts(to, [await OTHERS[title](to)]);
  expect(report.root).toEqual(rootsOf(store.data, to));
  expect(report.root.from).not.toBe(report.root.to);
  expect(report.copied).toBe(objectsOf(store.data).size - 1);
});

test('all of them at once, and once more', async () => {
  const to = emptyPlace();
  const names = [];
  for (const put of Object.values(OTHERS)) names.push(await put(to));
  const first = await expectConflicts(to, names);
  const second = await expectConflicts(to, names);
  expect([first.same, second.copied]).toEqual([0, 0]);
  expect(second.root).toEqual(first.root);
});

test('a dry run finds them, too', async () => {
  const to = emptyPlace();
  const names = [];
  for (const put of Object.values(OTHERS)) names.push(await put(to));
  const before = objectsOf(to);
  await expectConflicts(to, names, { dryRun: true });
  expect(objectsOf(to)).toEqual(before);
});

test('keepInvalid overwrites nothing', async () => {
  const to = emptyPlace();
  const name = putVersion(to, 'not a document', 'documents', keyOf(texts[0]));
  await expectConflicts(to, [name], { keepInvalid: true });
});
