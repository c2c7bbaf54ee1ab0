'use strict';
// A document with a long history: every version is told once and in order, and the newest is found.

const fs = require('node:fs');
const { anotherOn, fileOf, keyOf, loadAgain, newAgent } = require('../support/agents.js');

const COUNT = process.env.JACS_TEST_SOAK === '1' ? 10_000 : 1000;
const QUICK = { jacs_storage_options: { durability: 'none' } };

let place;
let texts;
let id;
beforeAll(async () => {
  place = await newAgent({ settings: QUICK });
  texts = [await place.agent.createDocument({ number: 0 })];
  while (texts.length < COUNT) {
    texts.push(await place.agent.updateDocument(keyOf(texts.at(-1)), { number: texts.length }));
  }
  id = JSON.parse(texts[0]).jacsId;
}, 600_000);

const keys = () => texts.map(keyOf);

test('versions and verifyHistory tell every one of them, oldest first, and one head', async () => {
  const reader = await loadAgain(place);
  for (let reads = 0; reads < 2; reads++) {
    const versions = await reader.versions(id);
    expect(versions.map(({ key }) => key)).toEqual(keys());
    expect(versions.every(({ accepted }) => accepted)).toBe(true);
    expect(versions.filter(({ head }) => head).map(({ key }) => key)).toEqual([keyOf(texts.at(-1))]);
  }
  const history = await reader.verifyHistory(id);
  expect(history).toMatchObject({ valid: true, heads: [keyOf(texts.at(-1))], gaps: [] });
  expect(history.versions.map(({ chain }) => chain)).toEqual(['first', ...Array(COUNT - 1).fill('linked')]);
}, 600_000);

test('the newest is found, by its author from two of them, and by others from all', async () => {
  const unread = fileOf(place.data, keyOf(texts[COUNT >> 1]));
  const reader = await loadAgain(place, { jacs_cache_bytes: 0 });
  const stored = fs.readFileSync(unread);
  fs.writeFileSync(unread, 'damaged');
  await expect(reader.getDocument(id)).resolves.toBe(texts.at(-1));
  fs.writeFileSync(unread, stored);
  const other = await anotherOn(place);
  for (let reads = 0; reads < 2; reads++) await expect(other.agent.getDocument(id)).resolves.toBe(texts.at(-1));
  await expect(place.agent.listDocuments().next()).resolves.toMatchObject({ value: { key: keyOf(texts.at(-1)) } });
}, 600_000);
