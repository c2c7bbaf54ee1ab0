'use strict';
// Calls with attachments that are aborted: no document, and nothing is left behind.

const fs = require('node:fs');
const { Readable } = require('node:stream');
const { setTimeout: sleep } = require('node:timers/promises');
const { all, keyOf, newAgent, refusal } = require('../support/agents.js');
const { bytesOf, inNewFolder, noise, nothingMade, outcomeOf, soon, written } = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');

const MIB = 1 << 20;
const here = inNewFolder();
let place;
let agent;
let stored;
let before;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  written(here.folder, { 'a.txt': 'a', 'big.bin': noise(32 * MIB) });
  stored = await agent.createDocument({ title: 'stored' }, { attachments: { path: 'kept', contents: noise(MIB, 1) } });
});

beforeEach(() => {
  before = filesUnder(place.data);
});

const create = (attachments, options) => agent.createDocument({ title: 'x' }, { attachments, ...options });

describe('aborted before the call', () => {
  test.each([undefined, true, false])('nothing is read (embed %p)', async (embed) => {
    const signal = AbortSignal.abort();
    await refusal(create('a.txt', { embed, signal }), 'JACS_ABORTED');
    await refusal(create('missing', { embed, signal }), 'JACS_ABORTED');
    await refusal(agent.updateDocument(keyOf(stored), {}, { attachments: 'a.txt', embed, signal }), 'JACS_ABORTED');
    expect(() => agent.createDocumentSync({}, { attachments: 'a.txt', embed, signal })).toThrow(
      expect.objectContaining({ code: 'JACS_ABORTED' }),
    );
    expect(filesUnder(place.data)).toEqual(before);
  });

  test('a stream is not pulled', async () => {
    let pulled = 0;
    async function* chunks() {
      pulled += 1;
      yield noise(10);
    }
    await refusal(create({ path: 'x', contents: chunks() }, { signal: AbortSignal.abort() }), 'JACS_ABORTED');
    expect(pulled).toBe(0);
  });

  test('reading, saving and verifying', async () => {
    const signal = AbortSignal.abort();
    await refusal(bytesOf(agent.readAttachment(stored, 'kept', { signal })), 'JACS_ABORTED');
    await refusal(agent.saveAttachments(stored, 'saved', { signal }), 'JACS_ABORTED');
    expect(fs.existsSync('saved')).toBe(false);
    for (const verb of ['verifyDocument', 'assertDocument', 'inspectDocument']) {
      await refusal(agent[verb](stored, { signal, contents: true }), 'JACS_ABORTED');
    }
  });
});

describe('aborted in mid-way', () => {
  test.each([undefined, true])('by what feeds it (embed %p)', async (embed) => {
    const abort = new AbortController();
    let returned = false;
    async function* chunks() {
      try {
        for (let n = 0; n < 1000; n++) {
          if (n === 3) abort.abort();
          yield noise(MIB, n % 200);
        }
      } finally {
        returned = true;
      }
    }
    await refusal(create({ path: 'x', contents: chunks() }, { embed, signal: abort.signal }), 'JACS_ABORTED');
    nothingMade(place.data, before);
    await soon(() => returned);
  });

  /** Streams that wait for ever; `ended` says whether they were told that nobody waits any more. */
  const SILENT = {
    'a web stream': (told) => new ReadableStream({ cancel: told }),
    'a stream of node': (told) => new Readable({ read() {} }).on('close', told),
  };

  test.each(Object.entries(SILENT))('while %s gives nothing at all', async (_, silent) => {
    const abort = new AbortController();
    const pending = create({ path: 'x', contents: silent(() => {}) }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await refusal(pending, 'JACS_ABORTED');
    nothingMade(place.data, before);
  });

  test.each(Object.entries(SILENT))('while %s gives nothing at all: it is told', async (_, silent) => {
    const abort = new AbortController();
    let ended = false;
    const contents = silent(() => {
      ended = true;
    });
    const pending = create({ path: 'x', contents }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await refusal(pending, 'JACS_ABORTED');
    await soon(() => ended);
  });

  test('of a large file, at any time: no document, or a whole one', async () => {
    const outcomes = [];
    for (let delay = 0; delay < 60; delay += 6) {
      const abort = new AbortController();
      const pending = create('big.bin', { signal: abort.signal }).then(
        (text) => ({ text }),
        (error) => ({ error }),
      );
      if (delay > 0) await sleep(delay);
      abort.abort();
      const { text, error } = await pending;
      outcomes.push(error?.code ?? 'made');
      if (text) expect(await agent.verifyDocument(text, { contents: true })).toBe(true);
      else if (error.document === undefined) expect(error.key).toBeUndefined();
    }
    expect(outcomes).toContain('JACS_ABORTED');
    expect(outcomes.filter((code) => !['JACS_ABORTED', 'made'].includes(code))).toEqual([]);
    for (const { key } of await all(agent.listDocuments())) {
      expect(await agent.inspectDocument(key)).toMatchObject({ valid: true });
    }
    expect(filesUnder(place.data).filter((name) => !/^(agents|documents|files)\/[0-9a-f]/.test(name))).toEqual([]);
  });

  test('of a stream that is read', async () => {
    const text = await create('big.bin');
    const abort = new AbortController();
    const reader = agent.readAttachment(text, 'big.bin', { signal: abort.signal }).getReader();
    await reader.read();
    abort.abort();
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    await refusal(drain(), 'JACS_ABORTED');
  });

  test('of a directory that is written: nothing gets its name', async () => {
    const text = await create(['big.bin', 'a.txt']);
    const target = temporaryFolder();
    const abort = new AbortController();
    const onProgress = () => abort.abort();
    const pending = agent.saveAttachments(text, target, { signal: abort.signal, onProgress });
    const code = await pending.then(
      () => 'saved',
      (error) => error.code,
    );
    // The only report may be the last one.
    if (code === 'saved') expect(filesUnder(target)).toEqual(['a.txt', 'big.bin']);
    else expect([code, filesUnder(target)]).toEqual(['JACS_ABORTED', []]);
  });
});

test('the agent goes on working', async () => {
  const text = await create('a.txt');
  expect(await outcomeOf(agent.readAttachment(text, 'a.txt'))).toEqual({ bytes: Buffer.from('a') });
});
