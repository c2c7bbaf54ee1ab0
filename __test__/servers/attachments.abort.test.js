'use strict';
// Uploads that are aborted, or given up, in their middle: no document, no part of a file, no unfinished upload where
// ending one is allowed, and always the error that came first.

const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { inspect } = require('node:util');
const { attached, FILE, LARGE, newSource, STEPS } = require('../support/attached.js');
const { BACKENDS, describeBackends } = require('../support/faulty.js');
const { describeWith } = require('../support/needs.js');

const STALL = 60_000;
const CAP = 10_000;
const denied = {
  status: 403,
  headers: { 'content-type': 'application/xml' },
  body: '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>',
};

/** Aborts the call once the proxy holds a request that `fault` chooses; the error of the call. */
async function aborted(place, fault, call) {
  const rule = place.proxy.fail({ times: Infinity, ...fault });
  const abort = new AbortController();
  const outcome = call(abort.signal).catch((error) => error);
  while (rule.hits === 0) await sleep(5);
  // Some bytes are on their way.
  await sleep(50);
  const begun = Date.now();
  abort.abort();
  const result = await outcome;
  expect(Date.now() - begun).toBeLessThan(CAP);
  place.proxy.clear();
  return result;
}

describeBackends('an upload that is aborted', (backend) => {
  let place;
  let at;
  beforeAll(async () => {
    place = await backend.start();
    at = attached(place);
  });
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  const POINTS =
    backend.name === 'aws'
      ? [
          ['while its server is asked for the file', STEPS.look, { delay: STALL }],
          ['before its first part is heard of', { ...STEPS.part, path: 'partNumber=1' }, { delay: STALL }],
          ['in the middle of its parts', { method: 'PUT', path: 'partNumber=' }, { trickleRequest: 1_000_000 }],
          ['when its last part was stored', STEPS.part, { stall: STALL }],
          ['before its end is heard of', STEPS.complete, { delay: STALL }],
        ]
      : [
          ['before its server hears of it', { method: 'PUT', path: FILE }, { delay: STALL }],
          ['in its middle', { method: 'PUT', path: FILE }, { trickleRequest: 1_000_000 }],
        ];

  test.each(POINTS)('%s leaves nothing', async (_, step, fault) => {
    const source = newSource(LARGE);
    const before = await place.stored();
    const create = (signal) => at.create(place.agent, source, { signal });
    const error = await aborted(place, { ...step, ...fault }, create);
    expect(error).toMatchObject({ name: 'JacsError', code: 'JACS_ABORTED' });
    expect(error.document).toBeUndefined();
    place.expectNoSecret(error);
    await at.expectNothing(before);
    // The same file is stored by the next call.
    await at.expectStored(await at.create(place.agent, source), source, before);
  });

  test('of a stream ends the stream', async () => {
    const before = await place.stored();
    const ended = new EventEmitter();
    async function* endless() {
      try {
        for (;;) {
          yield Buffer.alloc(100_000, 'x');
          await sleep(1);
        }
      } finally {
        ended.emit('end');
      }
    }
    const end = once(ended, 'end');
    const abort = new AbortController();
    const attachments = { path: 'endless.bin', contents: endless() };
    const create = place.agent.createDocument({}, { attachments, signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await place.refused(create, 'JACS_ABORTED');
    await end;
    await at.expectNothing(before);
  });

  test('before it began asks for nothing', async () => {
    const source = newSource(1000);
    const asked = place.proxy.requests.length;
    await place.refused(at.create(place.agent, source, { signal: AbortSignal.abort() }), 'JACS_ABORTED');
    expect(place.proxy.requests.length).toBe(asked);
  });

  test('of which the file is stored, but not yet the document, leaves the file for the next', async () => {
    const source = newSource(1000);
    const before = await place.stored();
    const create = (signal) => at.create(place.agent, source, { signal });
    const error = await aborted(place, { ...backend.write, delay: STALL }, create);
    expect(['JACS_ABORTED', 'JACS_UNAVAILABLE']).toContain(error.code);
    // Signed by then: its text is not lost.
    await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
    await at.expectStored(error.document, source, before);
  });
});

describeWith(['rgw'], 'aws: an upload that may not be ended', () => {
  const backend = BACKENDS.find(({ name }) => name === 'aws');
  let place;
  let impatient;
  let at;
  beforeAll(async () => {
    place = await backend.start();
    impatient = await place.again({ jacs_storage_options: { retries: 0 } });
    at = attached(place);
  });
  beforeEach(() => place.proxy.fail({ ...STEPS.abort, times: Infinity, answer: denied }));
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  /** The error is the first one, and says nothing of the second. */
  async function expectFirst(error, code, before) {
    expect(error).toMatchObject({ name: 'JacsError', code });
    place.expectNoSecret(error);
    expect(inspect(error, { depth: Infinity })).not.toContain('AccessDenied');
    expect(await place.stored()).toEqual(before);
    expect(await at.files()).toEqual(new Map());
    // Else this test shows nothing.
    expect(await at.uploads()).toHaveLength(1);
  }

  test('because the server is busy: unavailable', async () => {
    const before = await place.stored();
    place.proxy.fail({ ...STEPS.part, times: Infinity, answer: { status: 503, body: 'no' } });
    const error = await at.create(impatient, newSource(LARGE)).catch((error) => error);
    await expectFirst(error, 'JACS_UNAVAILABLE', before);
    expect(error.retryable).toBe(true);
  });

  test('because its source changed: that', async () => {
    const before = await place.stored();
    // Longer than what is held back: the upload has begun when its end is read.
    const source = newSource(2 * LARGE);
    place.proxy.fail({ ...STEPS.look, when: () => fs.appendFileSync(source.path, 'more') ?? true });
    const error = await at.create(impatient, source).catch((error) => error);
    await expectFirst(error, 'JACS_ATTACHMENT', before);
    expect(error.path).toBe(source.path);
  });

  test('because of a signal: aborted', async () => {
    const before = await place.stored();
    const source = newSource(LARGE);
    place.proxy.fail({ ...STEPS.abort, times: Infinity, answer: denied });
    const abort = new AbortController();
    const rule = place.proxy.fail({ ...STEPS.part, stall: STALL, times: Infinity });
    const outcome = at.create(place.agent, source, { signal: abort.signal }).catch((error) => error);
    while (rule.hits === 0) await sleep(5);
    abort.abort();
    await expectFirst(await outcome, 'JACS_ABORTED', before);
  });
});
