'use strict';
// A disk that takes seconds to sync: everything but the saves goes on, and the saves are done in the end.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');

const SLOW = 10;
const LESS_SLOW = 2;

describeWith(['strace -p'], 'a slow disk', () => {
  let place;
  let child;
  let texts;
  beforeEach(async () => {
    place = await newAgent();
    texts = await place.agent.createDocuments([{ n: 0 }, { n: 1 }, { n: 2 }]);
    child = await startAgent(place);
    await child.call('createDocument', { n: 3 });
  });

  const documents = () => path.join(place.data, 'documents');
  const slow = (seconds) => `fsync:delay_enter=${seconds * 1_000_000}`;

  /** Runs in the process. In `events` stands the order in which things were done. */
  async function meanwhile({ agent, attempt, all, require }, documents, texts) {
    const { readdirSync } = require('node:fs');
    const { setTimeout: sleep } = require('node:timers/promises');
    const events = [];
    const noted = (name, promise) => attempt(promise).finally(() => events.push(name));
    const abort = new AbortController();
    const before = readdirSync(documents).length;
    const saves = [
      noted('saved', agent.createDocument({ title: 'slow' })),
      noted('saved', agent.createDocument({ title: 'aborted' }, { signal: abort.signal })),
    ];
    // Both have their names and wait for the disk.
    while (readdirSync(documents).length < before + 2) await sleep(5);
    const ticks = [];
    const timer = setInterval(() => ticks.push(events.length), 5);
    while (ticks.length < 50) await sleep(5);
    const keys = texts.map((text) => `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`);
    const read = await Promise.all(keys.map((key) => agent.getDocument(key)));
    const newest = await agent.getDocument(keys[0].split(':')[0]);
    const listed = (await all(agent.listDocuments())).length;
    const versions = (await agent.versions(keys[1].split(':')[0])).length;
    abort.abort();
    const late = await attempt(agent.createDocument({ title: 'late' }, { signal: abort.signal }));
    const verified = await agent.verifyDocument(texts[2]);
    const signed = await agent.createDocument({ title: 'signed' }, { noSave: true });
    events.push('went on');
    const closing = noted('closed', agent.close());
    const [plain, aborted] = await Promise.all(saves);
    clearInterval(timer);
    await closing;
    return { events, read, newest, listed, versions, late, verified, signed, plain, aborted };
  }

  test(`of ${SLOW} s a sync holds up neither the event loop nor reads; the saves resolve, and close waits for them`, async () => {
    const work = () => child.run(meanwhile, documents(), texts);
    const { outcome, hits } = await withFault(child.pid, slow(SLOW), [documents()], work);
    expect(hits).toBeGreaterThan(0);
    const { value } = outcome;
    expect(value.events).toEqual(['went on', 'saved', 'saved', 'closed']);
    expect(value).toMatchObject({ read: texts, newest: texts[0], versions: 1, verified: true });
    expect(value.listed).toBeGreaterThanOrEqual(4);
    expect(value.late.error).toMatchObject({ code: 'JACS_ABORTED' });
    expect(JSON.parse(value.signed)).toMatchObject({ title: 'signed' });

    const found = soundDocuments(place.data, [place.agent]);
    expect(found).toContain(keyOf(value.plain.value));
    expect(await place.agent.getDocument(keyOf(value.plain.value))).toBe(value.plain.value);
    // A signal is looked at between steps: a document on its way to the disk is stored, or the error has it.
    const { value: stored, error } = value.aborted;
    if (error) expect(error).toMatchObject({ code: 'JACS_ABORTED', key: keyOf(error.document) });
    else expect(found).toContain(keyOf(stored));
    const text = stored ?? error.document;
    expect(await place.agent.saveDocument(text)).toBe(text);
    expect(soundDocuments(place.data, [place.agent])).toHaveLength(6);
  }, 120_000);

  test('ends a batch that is aborted after the document that is on its way', async () => {
    const aborted = async ({ agent, require }, documents) => {
      const { readdirSync } = require('node:fs');
      const { setTimeout: sleep } = require('node:timers/promises');
      const abort = new AbortController();
      const before = readdirSync(documents).length;
      const options = { signal: abort.signal, concurrency: 1 };
      const batch = agent.createDocuments([{ n: 'first' }, { n: 'second' }, { n: 'third' }], options);
      batch.catch(() => {}); // it is awaited below
      while (readdirSync(documents).length === before) await sleep(5);
      abort.abort();
      return batch;
    };
    const work = () => child.run(aborted, documents());
    const { outcome, hits } = await withFault(child.pid, slow(LESS_SLOW), [documents()], work);
    expect(hits).toBeGreaterThan(0);
    const { code, documents: made, failures } = outcome.error;
    expect(code).toBe('JACS_ABORTED');
    expect(made).toEqual([expect.any(String), null, null]);
    expect(failures.map((failure) => [failure.index, failure.code])).toEqual([
      [1, 'JACS_ABORTED'],
      [2, 'JACS_ABORTED'],
    ]);
    const found = soundDocuments(place.data, [place.agent]);
    expect(found).toHaveLength(5);
    expect(found).toContain(keyOf(made[0]));
  }, 60_000);

  test('keeps a second process that updates the same document waiting, and then tells it of the conflict', async () => {
    const second = await startAgent(place);
    const id = JSON.parse(texts[0]).jacsId;
    const directory = path.join(documents(), id);
    const update = (process) => process.call('updateDocument', keyOf(texts[0]), { by: process.pid });
    const both = async () => {
      const first = update(child);
      while (fs.readdirSync(directory).length < 2) await sleep(5);
      return Promise.all([first, update(second)]);
    };
    const { outcome, hits } = await withFault(child.pid, slow(LESS_SLOW), [directory], both);
    expect(hits).toBeGreaterThan(0);
    const [{ value: won }, { error: lost }] = outcome;
    expect(lost).toMatchObject({ code: 'JACS_CONFLICT', current: keyOf(won), heads: [keyOf(won)] });
    expect(await place.agent.getDocument(id, { onFork: 'error' })).toBe(won);
  }, 60_000);
});
