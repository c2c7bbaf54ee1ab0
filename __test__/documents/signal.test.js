'use strict';
// AbortSignal: a call that is aborted rejects with JACS_ABORTED; a document is stored whole or not at all.

const fs = require('node:fs');
const { setTimeout } = require('node:timers/promises');
const { FORMS, all, keyOf, newAgent, refusal, storedText, treeOf } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');

let place;
let agent;
let text;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  text = await agent.createDocument({ title: 'first' });
});

const idOf = () => JSON.parse(text).jacsId;
const VERBS = {
  createDocument: (signal) => [{ title: 'x' }, { signal }],
  createDocuments: (signal) => [[{ title: 'x' }], { signal }],
  updateDocument: (signal) => [keyOf(text), { title: 'x' }, { signal }],
  getDocument: (signal) => [keyOf(text), { signal }],
  verifyDocument: (signal) => [text, { signal }],
  assertDocument: (signal) => [text, { signal }],
  inspectDocument: (signal) => [keyOf(text), { signal }],
  verifyHistory: (signal) => [idOf(), { signal }],
};
const TWINS = ['createDocument', 'updateDocument', 'getDocument', 'verifyDocument'];

describe('aborted before the call', () => {
  test.each(Object.keys(VERBS))('%s', async (verb) => {
    const before = treeOf(place.folder);
    await refusal(agent[verb](...VERBS[verb](AbortSignal.abort())), 'JACS_ABORTED');
    await refusal(agent[verb](...VERBS[verb](AbortSignal.abort(new Error('mine')))), 'JACS_ABORTED');
    expect(treeOf(place.folder)).toEqual(before);
  });

  test.each(TWINS)('%sSync', async (verb) => {
    const before = treeOf(place.folder);
    await refusal(FORMS.sync(agent, verb, ...VERBS[verb](AbortSignal.abort())), 'JACS_ABORTED');
    expect(treeOf(place.folder)).toEqual(before);
  });

  test('listings', async () => {
    const signal = AbortSignal.abort();
    await refusal(all(agent.listDocuments({ signal })), 'JACS_ABORTED');
    await refusal(all(agent.listAgents({ signal })), 'JACS_ABORTED');
  });
});

describe('not aborted', () => {
  test.each(Object.keys(VERBS).filter((verb) => verb !== 'updateDocument'))('%s', async (verb) => {
    await expect(agent[verb](...VERBS[verb](new AbortController().signal))).resolves.toBeDefined();
  });

  test('or only after the call', async () => {
    const abort = new AbortController();
    const made = await agent.createDocument({ title: 'made' }, { signal: abort.signal });
    abort.abort();
    await expect(agent.getDocument(keyOf(made))).resolves.toBe(made);
  });

  test('null and undefined are no signal', async () => {
    for (const signal of [null, undefined])
      await expect(agent.getDocument(keyOf(text), { signal })).resolves.toBe(text);
  });

  test.each([{}, true, 'abort', 1, new AbortController()].map((signal) => [signal]))(
    '%p is none either: refused',
    async (signal) => {
      for (const verb of Object.keys(VERBS)) await refusal(agent[verb](...VERBS[verb](signal)), 'JACS_INPUT');
      for (const verb of TWINS) await refusal(FORMS.sync(agent, verb, ...VERBS[verb](signal)), 'JACS_INPUT');
    },
  );
});

describe('one signal for many calls', () => {
  test('ends those that come after it', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const made = await Promise.all(Array.from({ length: 20 }, () => agent.createDocument({}, { signal })));
    expect(made.map((one) => storedText(place.data, keyOf(one)))).toEqual(made);
    abort.abort();
    for (const verb of Object.keys(VERBS)) await refusal(agent[verb](...VERBS[verb](signal)), 'JACS_ABORTED');
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  });

  test('does not gather listeners', async () => {
    const { signal } = new AbortController();
    const warnings = [];
    const note = (warning) => warnings.push(warning.name);
    process.on('warning', note);
    for (let call = 0; call < 50; call++) await agent.getDocument(keyOf(text), { signal });
    await setTimeout(10);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  test('made by AbortSignal.any and AbortSignal.timeout', async () => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]);
    await expect(agent.getDocument(keyOf(text), { signal })).resolves.toBe(text);
    abort.abort();
    await refusal(agent.getDocument(keyOf(text), { signal }), 'JACS_ABORTED');
    const elapsed = AbortSignal.timeout(1);
    while (!elapsed.aborted) await setTimeout(1);
    await refusal(agent.getDocument(keyOf(text), { signal: elapsed }), 'JACS_ABORTED');
  });
});

describe('on the way', () => {
  /** Begins a call and aborts it after so many milliseconds. */
  async function aborted(verb, args, delay) {
    const abort = new AbortController();
    const outcome = agent[verb](...args(abort.signal)).then(
      (value) => ({ value }),
      (error) => ({ error }),
    );
    if (delay > 0) await setTimeout(delay);
    abort.abort();
    return outcome;
  }

  test('a document is stored whole or not at all, and the error says which key it would have', async () => {
    const large = { text: 'x'.repeat(100_000) };
    const delays = Array.from({ length: 24 }, (_, index) => (index % 4) * 3);
    const errors = [];
    for (const delay of delays) {
      const { value, error } = await aborted('createDocument', (signal) => [large, { signal }], delay);
      if (error) errors.push(error);
      else expect(storedText(place.data, keyOf(value))).toBe(value);
    }
    expect(errors.length).toBeGreaterThan(0);
    for (const { code, key, document } of errors) {
      expect(code).toBe('JACS_ABORTED');
      if (key === undefined) continue; // before it was signed
      expect(keyOf(document)).toBe(key);
      await expect(agent.saveDocument(document)).resolves.toBe(document);
      expect(storedText(place.data, key)).toBe(document);
    }
    const stored = await all(agent.listDocuments());
    for (const { key } of stored) expect((await agent.inspectDocument(key)).valid).toBe(true);
    expect(filesUnder(place.data).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  test('a copy is there whole or not at all', async () => {
    const folder = temporaryFolder();
    for (let round = 0; round < 20; round++) {
      const filename = `${folder}/${round}.json`;
      const { value } = await aborted('createDocument', (signal) => [{ round }, { filename, signal }], round % 5);
      if (value !== undefined) expect(fs.readFileSync(filename, 'utf8')).toBe(value);
    }
    const copies = filesUnder(folder);
    expect(copies.filter((name) => !/^\d+\.json$/.test(name))).toEqual([]);
    for (const name of copies)
      await expect(agent.verifyDocument(fs.readFileSync(`${folder}/${name}`, 'utf8'))).resolves.toBe(true);
  });

  test('the agent goes on working', async () => {
    const calls = Array.from({ length: 50 }, (_, number) =>
      aborted('createDocument', (signal) => [{ number }, { signal }], 0),
    );
    const outcomes = await Promise.all(calls);
    for (const { error } of outcomes) if (error) expect(error.code).toBe('JACS_ABORTED');
    const made = await agent.createDocument({ title: 'after' });
    await expect(agent.getDocument(keyOf(made))).resolves.toBe(made);
  });
});
