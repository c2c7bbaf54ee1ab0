'use strict';
// createDocuments: in order, each a success or a failure of its own.

const fs = require('node:fs');
const { all, fieldsOf, fileOf, keyOf, newAgent, refusal, storedText, treeOf } = require('../support/agents.js');
const { faultsOf } = require('../support/witness.js');

let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
});

const numbered = (count) => Array.from({ length: count }, (_, number) => ({ number }));
const numberOf = (text) => fieldsOf(text).number;
const isStored = (text) => fs.existsSync(fileOf(place.data, keyOf(text)));

test('texts and objects, in their order, each stored and signed', async () => {
  const input = numbered(200).map((fields, index) => (index % 2 ? fields : JSON.stringify(fields)));
  const texts = await agent.createDocuments(input);
  expect(texts.map(numberOf)).toEqual(numbered(200).map(({ number }) => number));
  expect(new Set(texts.map(keyOf)).size).toBe(200);
  for (const text of texts) {
    expect(storedText(place.data, keyOf(text))).toBe(text);
    expect(faultsOf(text, agent.publicKey)).toEqual([]);
  }
});

test('none', async () => {
  await expect(agent.createDocuments([])).resolves.toEqual([]);
});

test.each([1, 2, 64, 100_000])('concurrency %i', async (concurrency) => {
  const texts = await agent.createDocuments(numbered(50), { concurrency });
  expect(texts.map(numberOf)).toEqual(numbered(50).map(({ number }) => number));
});

test('noSave: signed, not stored', async () => {
  const before = treeOf(place.folder, { times: true });
  const texts = await agent.createDocuments(numbered(100), { noSave: true });
  expect(treeOf(place.folder, { times: true })).toEqual(before);
  expect(texts.map(numberOf)).toEqual(numbered(100).map(({ number }) => number));
  for (const text of texts) expect(faultsOf(text, agent.publicKey)).toEqual([]);
});

test.each([
  ['no list', { 0: {} }, undefined],
  ['a text', '[{}]', undefined],
  ['nothing', undefined, undefined],
  ['no concurrency', [{}], { concurrency: 0 }],
  ['a fraction of one', [{}], { concurrency: 1.5 }],
  ['progress that is no function', [{}], { onProgress: true }],
  ['a filename', [{}], { filename: 'x.json' }],
  ['a list for options', [{}], []],
  ['a signal that is none', [{}], { signal: {} }],
])('%s: refused as a whole', async (_, documents, options) => {
  const before = treeOf(place.folder);
  const error = await refusal(agent.createDocuments(documents, options), 'JACS_INPUT');
  expect(error).not.toHaveProperty('documents');
  expect(treeOf(place.folder)).toEqual(before);
});

describe('some fail', () => {
  const cycle = {};
  cycle.self = cycle;

  test.each([
    ['not JSON', 'title', 'JACS_INPUT'],
    ['a list', [1], 'JACS_INPUT'],
    ['a system field', { jacsId: 'x' }, 'JACS_INPUT'],
    ['a lone surrogate', '{"a":"\ud800"}', 'JACS_INPUT'],
    ['no text', undefined, 'JACS_INPUT'],
    ['a number', 1, 'JACS_INPUT'],
    ['NaN in an object', { a: NaN }, 'JACS_INPUT'],
    ['a cycle', cycle, 'JACS_INPUT'],
    ['a BigInt', { a: 1n }, 'JACS_INPUT'],
  ])('%s: the others are stored', async (_, bad, code) => {
    const input = [...numbered(3), bad, ...numbered(2)];
    const error = await refusal(agent.createDocuments(input), code);
    expect(error.failures).toEqual([{ index: 3, code, message: expect.any(String) }]);
    expect(error.documents).toHaveLength(6);
    expect(error.documents[3]).toBeNull();
    const made = error.documents.filter((text) => text !== null);
    expect(made.map(numberOf)).toEqual([0, 1, 2, 0, 1]);
    expect(made.every(isStored)).toBe(true);
  });

  test('by a schema', async () => {
    const schema = { properties: { number: { maximum: 5 } } };
    const error = await refusal(agent.createDocuments(numbered(10), { schema }), 'JACS_SCHEMA');
    expect(error.failures.map(({ index, code }) => [index, code])).toEqual(
      [6, 7, 8, 9].map((index) => [index, 'JACS_SCHEMA']),
    );
    expect(error.documents.map((text) => text && numberOf(text))).toEqual([0, 1, 2, 3, 4, 5, null, null, null, null]);
  });

  test('all of them, for different reasons: failures in their order', async () => {
    const error = await refusal(
      agent.createDocuments(['x', { amount: -1 }], { schema: { required: ['n'] } }),
      'JACS_INPUT',
    );
    expect(error.failures.map(({ code }) => code)).toEqual(['JACS_INPUT', 'JACS_SCHEMA']);
    expect(error.documents).toEqual([null, null]);
  });
});

describe('progress', () => {
  test('never goes back, and ends with everything', async () => {
    const seen = [];
    const texts = await agent.createDocuments(numbered(300), { onProgress: (progress) => seen.push(progress) });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(seen.at(-1)).toEqual({ done: 300, total: 300, bytes, failed: 0 });
    for (const [index, { done, total }] of seen.entries()) {
      expect(total).toBe(300);
      expect(done).toBeGreaterThan(index === 0 ? 0 : seen[index - 1].done);
    }
  });

  test('counts what failed', async () => {
    const seen = [];
    const onProgress = (progress) => seen.push(progress);
    await refusal(agent.createDocuments([{}, 'x', {}, 'y'], { onProgress }), 'JACS_INPUT');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(seen.at(-1)).toMatchObject({ done: 4, total: 4, failed: 2 });
  });
});

describe('a signal', () => {
  test('aborted before: nothing is made', async () => {
    const before = treeOf(place.folder);
    await refusal(agent.createDocuments(numbered(10), { signal: AbortSignal.abort() }), 'JACS_ABORTED');
    expect(treeOf(place.folder)).toEqual(before);
  });

  test('aborted on the way: what was made is told, and nothing else is stored', async () => {
    const stored = async () => new Set((await all(agent.listDocuments())).map(({ key }) => key));
    const before = await stored();
    const abort = new AbortController();
    const onProgress = () => abort.abort();
    const options = { signal: abort.signal, onProgress, concurrency: 1 };
    const error = await refusal(agent.createDocuments(numbered(2000), options), 'JACS_ABORTED');
    const made = error.documents.filter((text) => text !== null);
    expect(error.documents).toHaveLength(2000);
    expect(made.length).toBeLessThan(2000);
    expect(error.failures).toHaveLength(2000 - made.length);
    expect(new Set(error.failures.map(({ code }) => code))).toEqual(new Set(['JACS_ABORTED']));
    const after = await stored();
    expect([...after].filter((key) => !before.has(key)).sort()).toEqual(made.map(keyOf).sort());
  });
});
