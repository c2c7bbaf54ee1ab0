'use strict';
// Servers that refuse: what passes is tried again, what does not is told at once, with its code.

const { inspect } = require('node:util');
const { all, keyOf, unsigned } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');

const ATTEMPTS = 4;
const xml = (status, code) => ({
  status,
  headers: { 'content-type': 'application/xml', 'x-amz-request-id': 'tx-1' },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
});
const plain = (status) => ({ status, body: 'no' });

/** Two at a time, one after the other. Of both backends, and of each. */
const PASSING = [
  ['500, 502', plain(500), plain(502)],
  ['503, 504', plain(503), plain(504)],
  ['429, 408', plain(429), plain(408)],
];
const PASSING_ON = {
  aws: [
    ['503 SlowDown, 500 InternalError', xml(503, 'SlowDown'), xml(500, 'InternalError')],
    ['400 RequestTimeout, 503 ServiceUnavailable', xml(400, 'RequestTimeout'), xml(503, 'ServiceUnavailable')],
  ],
  hai: [['423, 425', plain(423), plain(425)]],
};
const LONG = {
  aws: [['503 SlowDown', xml(503, 'SlowDown')]],
  hai: [['503', plain(503)]],
};
/** Of conditional writes: two at once, of which S3 lets neither be the first. */
const CONTENDED = {
  aws: [
    [409, 'OperationAborted'],
    [409, 'ConditionalRequestConflict'],
  ].map(([status, code]) => [`${status} ${code}`, xml(status, code)]),
  // A collection above it was removed meanwhile, or so it seems.
  hai: [['409', plain(409)]],
};
const LASTING = [
  ['403', plain(403), 'JACS_PERMISSION'],
  ['401', plain(401), 'JACS_PERMISSION'],
  ['301', { ...plain(301), headers: { location: 'http://127.0.0.1:1/' } }, 'JACS_CONFIG'],
  ['405', plain(405), 'JACS_UNSUPPORTED'],
  ['400', plain(400), 'JACS_UNAVAILABLE'],
];
const LASTING_ON = {
  aws: [
    ['403 AccessDenied', xml(403, 'AccessDenied'), 'JACS_PERMISSION'],
    ['403 InvalidAccessKeyId', xml(403, 'InvalidAccessKeyId'), 'JACS_PERMISSION'],
    ['403 SignatureDoesNotMatch', xml(403, 'SignatureDoesNotMatch'), 'JACS_PERMISSION'],
    ['404 NoSuchBucket', xml(404, 'NoSuchBucket'), 'JACS_CONFIG'],
    ['301 PermanentRedirect', xml(301, 'PermanentRedirect'), 'JACS_CONFIG'],
    ['400 AuthorizationHeaderMalformed', xml(400, 'AuthorizationHeaderMalformed'), 'JACS_CONFIG'],
    ['400 KMS.DisabledException', xml(400, 'KMS.DisabledException'), 'JACS_CONFIG'],
  ],
  hai: [],
};

describeBackends('a server that refuses', (backend) => {
  let place;
  let text;
  beforeAll(async () => {
    place = await backend.start();
    text = await place.agent.createDocument({ title: 'there' });
  });
  beforeEach(() => place.proxy.clear());

  const CALLS = {
    create: { rule: backend.write, call: () => place.agent.createDocument({ title: 'new' }) },
    get: { rule: backend.read, call: () => place.agent.getDocument(keyOf(text), { cache: false }) },
    list: { rule: backend.list, call: () => all(place.agent.listDocuments()) },
  };
  const CALLED = Object.keys(CALLS);

  // All calls at once: most of the time is waited.
  test.each([...PASSING, ...PASSING_ON[backend.name]])('for a moment: %s, is asked again', async (_, ...answers) => {
    const fail = (name) => answers.map((answer) => place.proxy.fail({ ...CALLS[name].rule, answer }));
    const faults = CALLED.flatMap(fail);
    const before = await place.stored();
    const [made, read, listed] = await Promise.all(CALLED.map((name) => CALLS[name].call()));
    expect(faults.map(({ hits }) => hits)).toEqual(faults.map(() => 1));
    expect(await place.stored()).toEqual(new Map([...before, [keyOf(made), made]]));
    expect(read).toBe(text);
    expect(listed.map(({ key }) => key)).toEqual(expect.arrayContaining([...before.keys()]));
  });

  test.each(LONG[backend.name])('for ever: %s is unavailable after the retries', async (_, answer) => {
    const faults = CALLED.map((name) => place.proxy.fail({ ...CALLS[name].rule, times: Infinity, answer }));
    const before = await place.stored();
    const calls = CALLED.map((name) => place.refused(CALLS[name].call(), 'JACS_UNAVAILABLE'));
    const errors = await Promise.all(calls);
    expect(errors.map(({ retryable }) => retryable)).toEqual([true, true, true]);
    expect(faults.map(({ hits }) => hits)).toEqual([ATTEMPTS, ATTEMPTS, ATTEMPTS]);
    place.proxy.clear();
    expect(await place.stored()).toEqual(before);
    const [{ document, key }] = errors;
    expect(keyOf(document)).toBe(key);
    await expect(place.agent.saveDocument(document)).resolves.toBe(document);
  });

  test.each([...LASTING, ...LASTING_ON[backend.name]])('for good: %s is told at once', async (_, answer, code) => {
    for (const name of CALLED) {
      const fault = place.proxy.fail({ ...CALLS[name].rule, times: Infinity, answer });
      const error = await place.refused(CALLS[name].call(), code);
      expect([name, fault.hits, error.retryable]).toEqual([name, 1, false]);
      expect(error.document === undefined).toBe(name !== 'create');
      if (name !== 'create') continue;
      place.proxy.clear();
      await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
    }
  });

  describe.each(CONTENDED[backend.name])('a write that meets another: %s', (_, answer) => {
    test('is tried again, until it is stored', async () => {
      const fault = place.proxy.fail({ ...backend.write, times: 2, answer });
      const before = await place.stored();
      const made = await CALLS.create.call();
      expect(fault.hits).toBe(2);
      expect(await place.stored()).toEqual(new Map([...before, [keyOf(made), made]]));
    });

    test('and for ever: is unavailable after the retries', async () => {
      const fault = place.proxy.fail({ ...backend.write, times: Infinity, answer });
      const error = await place.refused(CALLS.create.call(), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      expect(fault.hits).toBeGreaterThanOrEqual(ATTEMPTS);
      expect(fault.hits).toBeLessThanOrEqual(2 * ATTEMPTS);
      place.proxy.clear();
      await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
    });
  });

  test('for want of space: not asked again, but worth a later call', async () => {
    const fault = place.proxy.fail({ ...backend.write, times: Infinity, answer: plain(507) });
    const error = await place.refused(CALLS.create.call(), 'JACS_UNAVAILABLE');
    expect([fault.hits, error.retryable]).toEqual([1, true]);
    place.proxy.clear();
    await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
  });

  describe('because something stands there (412)', () => {
    const signed = () => place.agent.createDocument({ title: 'contended' }, { noSave: true });
    /** Nothing is seen at the first look, as if another writer came right after it. */
    const notSeen = () =>
      place.proxy.fail({ ...backend.read, answer: backend.name === 'aws' ? xml(404, 'NoSuchKey') : plain(404) });

    test('which are the same bytes: success', async () => {
      const document = await signed();
      await place.agent.saveDocument(document);
      const look = notSeen();
      await expect(place.agent.saveDocument(document)).resolves.toBe(document);
      expect(look.hits).toBe(1);
    });

    test('which are others: a conflict, and they stay', async () => {
      const document = await signed();
      const options = { noSave: true, resign: true };
      const other = await place.agent.createDocument(unsigned(document), options);
      await place.agent.saveDocument(other);
      const look = notSeen();
      const error = await place.refused(place.agent.saveDocument(document), 'JACS_CONFLICT');
      expect([look.hits, error.retryable, error.key]).toEqual([1, false, keyOf(document)]);
      expect((await place.stored()).get(keyOf(document))).toBe(other);
    });

    test('and nothing is to be seen there: refused, after some attempts', async () => {
      const answer = backend.name === 'aws' ? xml(412, 'PreconditionFailed') : plain(412);
      const fault = place.proxy.fail({ ...backend.write, times: Infinity, answer });
      const error = await place.refused(CALLS.create.call(), 'JACS_UNAVAILABLE');
      expect(fault.hits).toBeLessThan(20);
      place.proxy.clear();
      await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
    });
  });

  // What a server says may be what it was sent.
  describe('and repeats the credentials', () => {
    async function tellsNothing(status) {
      const { accessKey, secretKey, token, password } = backend.at();
      const body = `<Error><Code>Other</Code><Message>${[accessKey, secretKey, token, password]}</Message></Error>`;
      for (const name of CALLED) place.proxy.fail({ ...CALLS[name].rule, times: Infinity, answer: { status, body } });
      const outcomes = await Promise.allSettled(CALLED.map((name) => CALLS[name].call()));
      const errors = outcomes.flatMap(({ reason }) => reason ?? []);
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) place.expectNoSecret(error);
    }

    test.each([400, 403, 404, 405, 409, 412, 416, 500])('with %d', tellsNothing);
  });

  test('a create is never not found', async () => {
    place.proxy.fail({ ...backend.write, times: Infinity, answer: plain(404) });
    const error = await CALLS.create.call().catch((error) => error);
    expect(error.document).toBeDefined();
    expect(error.code).not.toBe('JACS_NOT_FOUND');
  });
});

describeBackends('where a bucket is elsewhere', (backend) => {
  if (backend.name !== 'aws') return test.skip('there are no regions', () => {});

  test.each([
    ['301', { ...xml(301, 'PermanentRedirect') }],
    ['301 without a text', { status: 301, headers: {} }],
    ['400', { ...xml(400, 'AuthorizationHeaderMalformed') }],
  ])('the region is named: %s', async (_, answer) => {
    const place = await backend.start();
    const headers = { ...answer.headers, 'x-amz-bucket-region': 'eu-west-7' };
    place.proxy.fail({ ...backend.write, answer: { ...answer, headers } });
    const error = await place.refused(place.agent.createDocument({}), 'JACS_CONFIG');
    expect(inspect(error)).toContain('eu-west-7');
  });
});
