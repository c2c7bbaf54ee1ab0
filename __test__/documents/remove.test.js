'use strict';
// removeDocument: one version, or a whole document with allVersions; agents stay.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout } = require('node:timers/promises');
const { all, anotherOn, fileOf, keyOf, loadAgain, newAgent, refusal, treeOf } = require('../support/agents.js');

let place;
let agent;

beforeEach(async () => {
  place = await newAgent();
  agent = place.agent;
});

const idOf = (text) => JSON.parse(text).jacsId;
const isStored = (text) => fs.existsSync(fileOf(place.data, keyOf(text)));

/** A document of so many versions, oldest first. */
async function document(count) {
  const texts = [await agent.createDocument({ number: 0 })];
  while (texts.length < count) texts.push(await agent.updateDocument(keyOf(texts.at(-1)), { number: texts.length }));
  return texts;
}

async function refused(attempt, code) {
  const before = treeOf(place.folder);
  const error = await refusal(attempt(), code);
  expect(treeOf(place.folder)).toEqual(before);
  return error;
}

test('a version: its file goes, the others stay', async () => {
  const [first, second, third] = await document(3);
  await expect(agent.removeDocument(keyOf(second))).resolves.toBeUndefined();
  expect([first, second, third].map(isStored)).toEqual([true, false, true]);
  await refused(() => agent.getDocument(keyOf(second)), 'JACS_NOT_FOUND');
  await expect(agent.getDocument(idOf(first))).resolves.toBe(third);
});

test('the newest version: the one before is the newest', async () => {
  const [first, second] = await document(2);
  await agent.removeDocument(keyOf(second));
  await expect(agent.getDocument(idOf(first))).resolves.toBe(first);
  const next = await agent.updateDocument(keyOf(first), { number: 'next' });
  await expect(agent.getDocument(idOf(first))).resolves.toBe(next);
});

test('the only version: the document is gone', async () => {
  const [only] = await document(1);
  await agent.removeDocument(keyOf(only));
  await refused(() => agent.getDocument(idOf(only)), 'JACS_NOT_FOUND');
  await expect(all(agent.listDocuments())).resolves.toEqual([]);
});

test('a bare id needs allVersions', async () => {
  const [first] = await document(2);
  await refused(() => agent.removeDocument(idOf(first)), 'JACS_INPUT');
  await refused(() => agent.removeDocument(idOf(first), {}), 'JACS_INPUT');
  await refused(() => agent.removeDocument(idOf(first), { allVersions: false }), 'JACS_INPUT');
});

test('allVersions: the whole document, and no other', async () => {
  const texts = await document(4);
  const [other] = await document(1);
  await agent.removeDocument(idOf(texts[0]), { allVersions: true });
  expect(texts.some(isStored)).toBe(false);
  expect(isStored(other)).toBe(true);
  await expect(all(agent.listDocuments({ allVersions: true }))).resolves.toMatchObject([{ key: keyOf(other) }]);
});

const onLinux = process.platform === 'linux' ? test : test.skip; // elsewhere the order of events tells nothing
onLinux('allVersions goes oldest first', async () => {
  const texts = await document(5);
  const names = texts.map((text) => path.basename(fileOf(place.data, keyOf(text))));
  const folder = path.dirname(fileOf(place.data, keyOf(texts[0])));
  const removed = [];
  const watcher = fs.watch(folder, (event, name) => names.includes(name) && removed.push(name));
  try {
    await agent.removeDocument(idOf(texts[0]), { allVersions: true });
    for (let wait = 0; wait < 500 && removed.length < names.length; wait++) await setTimeout(10);
  } finally {
    watcher.close();
  }
  expect(removed).toEqual(names);
});

test('what is not there is not found, also the second time', async () => {
  const [first, second] = await document(2);
  await agent.removeDocument(keyOf(second));
  await refused(() => agent.removeDocument(keyOf(second)), 'JACS_NOT_FOUND');
  await agent.removeDocument(idOf(first), { allVersions: true });
  await refused(() => agent.removeDocument(keyOf(first)), 'JACS_NOT_FOUND');
  await refused(() => agent.removeDocument(idOf(first), { allVersions: true }), 'JACS_NOT_FOUND');
});

test('agents are not removed', async () => {
  await document(1);
  const other = await anotherOn(place);
  await other.agent.createDocument({ title: 'theirs' });
  for (const { id, version } of [agent, other.agent]) {
    await refused(() => agent.removeDocument(`${id}:${version}`), 'JACS_INPUT');
    await refused(() => agent.removeDocument(id, { allVersions: true }), 'JACS_INPUT');
  }
});

test.each([
  ['changed', (file, text) => fs.writeFileSync(file, text.replace('"number":0', '"number":9'))],
  ['truncated', (file, text) => fs.writeFileSync(file, text.slice(0, 100))],
  ['empty', (file) => fs.writeFileSync(file, '')],
])('a version whose file is %s can be removed', async (_, damage) => {
  const [only] = await document(1);
  damage(fileOf(place.data, keyOf(only)), only);
  await refusal(agent.getDocument(keyOf(only)), 'JACS_HASH');
  await agent.removeDocument(keyOf(only));
  expect(isStored(only)).toBe(false);
});

test('of one version by many at once: it is gone, and nobody sees another error', async () => {
  const [only] = await document(1);
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => agent.removeDocument(keyOf(only))));
  const codes = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
  expect(codes.length).toBeLessThan(8);
  expect(new Set(codes)).toEqual(new Set(codes.length ? ['JACS_NOT_FOUND'] : []));
  expect(isStored(only)).toBe(false);
});

test('leaves no mark: the same bytes can be saved again', async () => {
  const [first, second] = await document(2);
  await agent.removeDocument(idOf(first), { allVersions: true });
  for (const text of [second, first]) await agent.saveDocument(text);
  await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
  await expect(agent.verifyHistory(idOf(first))).resolves.toMatchObject({ valid: true });
});

test('a document can be created after all were removed', async () => {
  const [only] = await document(1);
  await agent.removeDocument(keyOf(only));
  const [next] = await document(1);
  expect(isStored(next)).toBe(true);
});

test('an agent that may only read removes nothing', async () => {
  const [only] = await document(1);
  const reader = await loadAgain(place, {}, { readOnly: true });
  await refused(() => reader.removeDocument(keyOf(only)), 'JACS_PERMISSION');
  await refused(() => reader.removeDocument(idOf(only), { allVersions: true }), 'JACS_PERMISSION');
});

test('removing all versions leaves none of an update that is under way', async () => {
  for (let round = 0; round < 50; round++) {
    const text = await agent.createDocument({ round });
    const { jacsId: id } = JSON.parse(text);
    const update = agent.updateDocument(keyOf(text), { round, more: true }).catch(({ code }) => code);
    await agent.removeDocument(id, { allVersions: true });
    expect(await update).toEqual(expect.any(String));
    await refusal(agent.versions(id), 'JACS_NOT_FOUND');
  }
});
