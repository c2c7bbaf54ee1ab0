'use strict';
// Uploads to S3 that meet a fault at each of their steps: stored once and whole, or refused with nothing left behind.

const { attached, LARGE, newSource, onlyFor, SMALL, STEPS } = require('../support/attached.js');
const { BACKENDS } = require('../support/faulty.js');
const { describeWith } = require('../support/needs.js');

const backend = BACKENDS.find(({ name }) => name === 'aws');

const xml = (status, code) => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
});
const PAGE = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please sign in.<br></body></html>',
};

/** A small file goes in one request, a large one in several. */
const SIZES = { look: SMALL, put: SMALL, initiate: LARGE, part: LARGE, complete: LARGE };
const NAMES = Object.keys(SIZES);

describeWith(['rgw'], 'aws: an upload', () => {
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
    ['500', { answer: xml(500, 'InternalError') }],
    ['503 SlowDown', { answer: xml(503, 'SlowDown') }],
    ['500 when the server did it', { instead: xml(500, 'InternalError') }],
  ];
  const CUT = [
    ['an end after some bytes of the body', { cutRequest: 30_000 }],
    ['400 RequestTimeout', { answer: xml(400, 'RequestTimeout') }],
  ];
  const SAYING_YES = [
    ['a page with status 200', { answer: PAGE }],
    ['status 200 with an error in the body', { answer: xml(200, 'InternalError') }],
  ];
  const MORE = { put: CUT, part: CUT, initiate: SAYING_YES, complete: SAYING_YES };
  /** One upload for each of the faults, all at once. */
  const each = (step, faults, upload) =>
    Promise.all(
      faults.map(async ([fault, answer, ...rest]) => {
        const source = newSource(SIZES[step]);
        const rule = place.proxy.fail({ ...onlyFor(source, STEPS[step]), ...answer });
        return { fault, source, rest, ...(await upload(source)), hits: rule.hits };
      }),
    );

  const eachStep = (title, body) => {
    for (const step of NAMES) test(title.replace('%s', step), () => body(step));
  };

  eachStep('that meets a fault at its step "%s" is tried again and stored once', async (step) => {
    const before = await place.stored();
    const faults = [...PASSING, ...(MORE[step] ?? [])];
    const made = await each(step, faults, async (source) => ({ text: await at.create(place.agent, source) }));
    expect(made.map(({ fault, hits }) => [fault, hits])).toEqual(faults.map(([fault]) => [fault, 1]));
    await at.expectAllStored(made, before);
    // Nobody knows the name of an upload whose beginning was not answered; the bucket's lifecycle ends it.
    const lost = faults.filter(([, { reset, instead }]) => step === 'initiate' && (reset === 'after' || instead));
    expect(await at.uploads()).toHaveLength(lost.length);
  });

  test('whose end is lost, and is then not known any more, is stored once', async () => {
    const source = newSource(LARGE);
    const before = await place.stored();
    const faults = [{ reset: 'after' }, { answer: xml(404, 'NoSuchUpload') }].map((rule) =>
      place.proxy.fail({ ...STEPS.complete, ...rule }),
    );
    const text = await at.create(place.agent, source);
    expect(faults.map(({ hits }) => hits)).toEqual([1, 1]);
    await at.expectStored(text, source, before);
    expect(await at.uploads()).toEqual([]);
  });

  test('that somebody else ends while it goes on is refused, or made anew', async () => {
    const source = newSource(LARGE);
    const before = await place.stored();
    place.proxy.fail({ ...STEPS.complete, answer: xml(404, 'NoSuchUpload') });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    if (outcome instanceof Error) {
      expect(outcome.code).not.toBe('JACS_NOT_FOUND');
      await at.expectNothing(before);
    } else {
      await at.expectStored(outcome, source, before);
    }
  });

  const LASTING = [
    ['403 AccessDenied', xml(403, 'AccessDenied'), ['JACS_PERMISSION']],
    ['404 NoSuchUpload', xml(404, 'NoSuchUpload'), ['JACS_UNAVAILABLE', 'JACS_CONFIG']],
    ['404 NoSuchBucket', xml(404, 'NoSuchBucket'), ['JACS_CONFIG']],
    ['412 PreconditionFailed', xml(412, 'PreconditionFailed'), ['JACS_UNAVAILABLE', 'JACS_CONFLICT']],
    ['500 InternalError', xml(500, 'InternalError'), ['JACS_UNAVAILABLE']],
    ['503 SlowDown', xml(503, 'SlowDown'), ['JACS_UNAVAILABLE']],
    ['a page', PAGE, ['JACS_UNAVAILABLE']],
    ['status 200 with an error in the body', xml(200, 'InternalError'), ['JACS_UNAVAILABLE']],
  ].map(([fault, answer, codes]) => [fault, { answer, times: Infinity }, codes]);
  // What is not there is looked for with success; a condition on a look means nothing; its answer has no body.
  const ofStep = (fault, step) => step !== 'look' || /^(403|500|503)/.test(fault);

  eachStep('that always meets a fault at its step "%s" is refused, and nothing is left', async (step) => {
    const before = await place.stored();
    const faults = LASTING.filter(([fault]) => ofStep(fault, step));
    const outcomes = await each(step, faults, async (source) => ({
      error: await at.create(impatient, source).catch((error) => error),
    }));
    for (const { fault, rest, hits, error } of outcomes) {
      expect([fault, hits > 0, rest[0]]).toEqual([fault, true, expect.arrayContaining([error.code])]);
      place.expectNoSecret(error);
      // Its files come before the document is signed.
      expect([fault, error.document]).toEqual([fault, undefined]);
    }
    await at.expectNothing(before);
  });

  test.each(NAMES)('that was refused at its step "%s" is stored by the next call', async (step) => {
    const source = newSource(SIZES[step]);
    const before = await place.stored();
    place.proxy.fail({ ...STEPS[step], answer: xml(403, 'AccessDenied') });
    await place.refused(at.create(impatient, source), 'JACS_PERMISSION');
    await at.expectStored(await at.create(impatient, source), source, before);
  });

  test('that was stored although the end is never answered is refused, and found by the next call', async () => {
    const source = newSource(LARGE);
    const before = await place.stored();
    place.proxy.fail({ ...STEPS.complete, times: Infinity, reset: 'after' });
    const outcome = await at.create(impatient, source).catch((error) => error);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
      await at.expectNothing(before, source);
      place.proxy.clear();
      const asked = place.proxy.requests.length;
      const text = await at.create(impatient, source);
      await at.expectStored(text, source, before);
      expect(place.proxy.requests.slice(asked).filter(({ path }) => path.includes('uploadId'))).toEqual([]);
    } else {
      await at.expectStored(outcome, source, before);
    }
  });

  test('of several files of which one is refused leaves no document', async () => {
    const sources = [SMALL, LARGE, SMALL].map((length, index) => newSource(length, `${index}.bin`));
    const before = await place.stored();
    place.proxy.fail({ ...STEPS.part, times: Infinity, answer: xml(403, 'AccessDenied') });
    const paths = sources.map((source) => source.path);
    await place.refused(impatient.createDocument({ title: 'several' }, { attachments: paths }), 'JACS_PERMISSION');
    await at.expectNothing(before, sources[0], sources[2]);
  });

  test('of a new version that is refused leaves the one before the newest', async () => {
    const source = newSource(LARGE);
    const first = await place.agent.createDocument({ title: 'first' });
    const before = await place.stored();
    place.proxy.fail({ ...STEPS.complete, times: Infinity, answer: xml(403, 'AccessDenied') });
    const { jacsId, jacsVersion } = JSON.parse(first);
    const update = impatient.updateDocument(`${jacsId}:${jacsVersion}`, {}, { attachments: source.path });
    await place.refused(update, 'JACS_PERMISSION');
    await at.expectNothing(before);
    await expect(impatient.getDocument(jacsId, { cache: false })).resolves.toBe(first);
  });
});
