'use strict';
// Uploads to WebDAV that meet a fault at each of their steps: stored once and whole, or refused with nothing left behind.

const { attached, FILE, newSource } = require('../support/attached.js');
const { BACKENDS } = require('../support/faulty.js');
const { describeWith } = require('../support/needs.js');

const backend = BACKENDS.find(({ name }) => name === 'hai');

const LENGTH = 3_000_000;
const plain = (status) => ({ status, body: 'no' });
const PAGE = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please sign in.<br></body></html>',
};

const STEPS = {
  look: { path: FILE, when: ({ method }) => method !== 'PUT' },
  collection: { method: 'MKCOL', path: '/files' },
  put: { method: 'PUT', path: FILE },
};

describeWith(['dav'], 'hai: an upload', () => {
  let place;
  let impatient;
  let at;
  beforeAll(async () => {
    place = await backend.start();
    impatient = await place.again({ jacs_storage_options: { retries: 1 } });
    at = attached(place);
  });
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  const PASSING = [
    ['a reset before the server heard', { reset: 'before' }],
    ['a reset after the server did it', { reset: 'after' }],
    ['503', { answer: plain(503) }],
    ['500 when the server did it', { instead: plain(500) }],
  ];
  const OF_PUT = [
    ...[0, 1000, LENGTH - 1].map((cutRequest) => [`an end after ${cutRequest} bytes of the body`, { cutRequest }]),
    ['423', { answer: plain(423) }],
    ['409', { answer: plain(409) }],
  ];
  const passing = ['look', 'put'].flatMap((step) =>
    [...PASSING, ...(step === 'put' ? OF_PUT : [])].map(([fault, rule]) => ({ step, fault, rule })),
  );

  test.each(passing)('that meets $fault at its step "$step" is tried again and stored once', async ({ step, rule }) => {
    const source = newSource(LENGTH);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...STEPS[step], ...rule });
    const text = await at.create(place.agent, source);
    expect(fault.hits).toBe(1);
    await at.expectStored(text, source, before);
  });

  test.each(PASSING)('whose collection meets %s is tried again and stored once', async (_, rule) => {
    // In a place where there is none yet.
    const fresh = await backend.start();
    const here = attached(fresh);
    const source = newSource(1000);
    const before = await fresh.stored();
    const fault = fresh.proxy.fail({ ...STEPS.collection, ...rule });
    const text = await here.create(fresh.agent, source);
    expect(fault.hits).toBe(1);
    await here.expectStored(text, source, before);
  });

  const LASTING = [
    ['401', plain(401), 'JACS_PERMISSION', false],
    ['403', plain(403), 'JACS_PERMISSION', false],
    ['405', plain(405), 'JACS_UNSUPPORTED', false],
    ['409', plain(409), 'JACS_UNAVAILABLE', true],
    ['500', plain(500), 'JACS_UNAVAILABLE', true],
    ['507', plain(507), 'JACS_UNAVAILABLE', true],
    ['a page', PAGE, 'JACS_UNAVAILABLE', false],
  ].map(([fault, answer, code, retryable]) => ({ fault, answer, code, retryable }));

  test.each(LASTING)(
    'that always meets $fault is refused, and nothing is left',
    async ({ answer, code, retryable }) => {
      const source = newSource(LENGTH);
      const before = await place.stored();
      const fault = place.proxy.fail({ ...STEPS.put, times: Infinity, answer });
      const error = await place.refused(at.create(impatient, source), code);
      expect(fault.hits).toBeGreaterThan(0);
      expect([error.retryable, error.document]).toEqual([retryable, undefined]);
      await at.expectNothing(before);
      place.proxy.clear();
      const text = await at.create(impatient, source);
      await at.expectStored(text, source, before);
    },
  );

  test.each([401, 403, 500])(
    'whose look is always answered with %d is refused, or made all the same',
    async (status) => {
      const source = newSource(LENGTH);
      const before = await place.stored();
      const fault = place.proxy.fail({ ...STEPS.look, times: Infinity, answer: plain(status) });
      const outcome = await at.create(impatient, source).catch((error) => error);
      expect(fault.hits).toBeGreaterThan(0);
      place.proxy.clear();
      if (outcome instanceof Error) {
        expect(outcome.code).toBe(status === 500 ? 'JACS_UNAVAILABLE' : 'JACS_PERMISSION');
        await at.expectNothing(before);
      } else {
        await at.expectStored(outcome, source, before);
      }
    },
  );

  test('that is always cut is refused, and nobody ever sees a part of it', async () => {
    const source = newSource(LENGTH);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...STEPS.put, times: Infinity, cutRequest: LENGTH / 2 });
    const seen = [];
    const looking = setInterval(async () => seen.push(...(await at.files().catch((error) => [error]))), 20);
    const error = await place.refused(at.create(impatient, source), 'JACS_UNAVAILABLE');
    clearInterval(looking);
    expect([fault.hits, error.retryable, error.document]).toEqual([2, true, undefined]);
    expect(seen).toEqual([]);
    await at.expectNothing(before);
  });
});
