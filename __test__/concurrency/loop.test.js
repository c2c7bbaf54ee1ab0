'use strict';
// The asynchronous form works beside the event loop. How fast is the bench's question.

const path = require('node:path');
const { Agent } = require('../../index.js');
const { temporaryFolder } = require('../support/folder.js');

const MANY = 1000;

let agent;
beforeAll(async () => {
  const folder = temporaryFolder();
  const configPath = path.join(folder, 'jacs.config.json');
  const directories = { dataDirectory: path.join(folder, 'data'), keyDirectory: path.join(folder, 'keys') };
  agent = await Agent.create({ configPath, ...directories, password: 'Correct-Horse-7', env: {} });
});

/** What `work` resolves to, and how often the event loop turned meanwhile. */
async function turnsDuring(work) {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  const value = await work();
  clearImmediate(next);
  return { value, turns };
}

test.each([
  ['stored', undefined],
  ['only signed', { noSave: true }],
])('%s: a thousand at the same time all resolve, and the event loop turns meanwhile', async (_, options = {}) => {
  const create = (_, n) => agent.createDocument({ n }, options);
  const { value: texts, turns } = await turnsDuring(() => Promise.all(Array.from({ length: MANY }, create)));
  // Results of calls that wait for no disk come back together, many at a turn.
  expect(turns).toBeGreaterThan(options.noSave ? 0 : 2);
  expect(texts.map((text) => JSON.parse(text).n)).toEqual([...texts.keys()]);
  expect(new Set(texts.map((text) => JSON.parse(text).jacsId)).size).toBe(MANY);
  if (!options.noSave) {
    const read = await Promise.all(texts.map((text) => agent.getDocument(JSON.parse(text).jacsId)));
    expect(read).toEqual(texts);
  }
});

test('one document of 4 MB: the event loop turns while it is signed, stored, read and verified', async () => {
  const large = JSON.stringify({ text: 'x'.repeat(4 << 20) });
  const created = await turnsDuring(() => agent.createDocument(large));
  const { jacsId } = JSON.parse(created.value);
  const read = await turnsDuring(() => agent.getDocument(jacsId));
  const verified = await turnsDuring(() => agent.verifyDocument(created.value));
  expect([read.value === created.value, verified.value]).toEqual([true, true]);
  for (const { turns } of [created, read, verified]) expect(turns).toBeGreaterThan(10);
});

test('the synchronous form holds it up, which shows that turns are counted', async () => {
  const { turns } = await turnsDuring(async () => agent.createDocumentSync({ n: 1 }));
  expect(turns).toBe(0);
});
