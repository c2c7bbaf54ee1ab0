'use strict';
// Stored files that come back badly: cut, resumed, other bytes, more, fewer. A stream gives the right bytes or fails; it
// never ends as if all were well with others.

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { attached, FILE, newSource, outcomeOf } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { startMiddleman } = require('../support/middleman.js');

const LENGTH = 3_000_000;
const READ = { method: 'GET', path: FILE };
const PAGE = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html><body>Please sign in.</body></html>',
};

describeBackends('a stored file', (backend) => {
  let place;
  let impatient;
  let source;
  let text;
  // What the server's answers to reads of files become.
  let change;
  beforeAll(async () => {
    const server = backend.at();
    const answer = (answered, asked) => {
      if (asked.method === 'GET' && FILE.test(asked.url)) change?.(answered, asked);
    };
    const { url } = await startMiddleman({ to: server.endpoint ?? server.url, answer });
    place = await backend.start({ at: { ...server, endpoint: url, url } });
    impatient = await place.again({ jacs_storage_options: { retries: 0 } });
    source = newSource(LENGTH);
    text = await attached(place).create(place.agent, source);
  });
  beforeEach(() => {
    place.proxy.clear();
    change = undefined;
  });

  const read = async (agent = place.agent) => {
    const outcome = await outcomeOf(agent.readAttachment(text, source.name));
    if (outcome.error) place.expectNoSecret(outcome.error);
    return outcome;
  };

  /** What came before the error, if there was one, were the right bytes as far as they went, or it was told. */
  function expectRight({ bytes, error }) {
    expect(error).toBeUndefined();
    expect(bytes.equals(source.bytes)).toBe(true);
  }

  test('comes as it is', async () => expectRight(await read()));

  const CUTS = [0, LENGTH / 2, LENGTH - 1];

  test.each(CUTS)('of which the answer is cut after %d bytes comes whole, by another request', async (cutAnswer) => {
    const fault = place.proxy.fail({ ...READ, cutAnswer });
    expectRight(await read());
    expect(fault.hits).toBe(1);
  });

  test.each(CUTS)('of which the answer is cut after %d bytes for good fails', async (cutAnswer) => {
    place.proxy.fail({ ...READ, cutAnswer });
    const { error } = await read(impatient);
    expect(error).toMatchObject({ name: 'JacsError', code: 'JACS_UNAVAILABLE', retryable: true });
    expectRight(await read(impatient));
  });

  test.each([
    ['reset before the server heard', { reset: 'before' }],
    ['reset after it answered', { reset: 'after' }],
    ['answered with 500', { answer: { status: 500, body: 'no' } }],
    ['answered with 503', { answer: { status: 503, body: 'no' } }],
  ])('of which the request is %s comes whole, by another', async (_, rule) => {
    const fault = place.proxy.fail({ ...READ, ...rule });
    expectRight(await read());
    expect(fault.hits).toBe(1);
  });

  const REFUSED = [
    ['403', { status: 403, body: 'no' }, 'JACS_PERMISSION'],
    ['404', { status: 404, body: 'no' }, 'JACS_ATTACHMENT'],
    ['500', { status: 500, body: 'no' }, 'JACS_UNAVAILABLE'],
    ['a page', PAGE, 'JACS_ATTACHMENT'],
  ];
  test.each(REFUSED)('of which the request is always answered with %s fails', async (_, answer, code) => {
    place.proxy.fail({ ...READ, times: Infinity, answer });
    const { error, bytes } = await read(impatient);
    expect(error).toMatchObject({ name: 'JacsError', code });
    expect(bytes.length).toBeLessThan(LENGTH);
  });

  const WRONG = {
    'one bit is another': (body) => Buffer.concat([body.subarray(0, -1), Buffer.from([body.at(-1) ^ 1])]),
    'one byte is too many': (body) => Buffer.concat([body, Buffer.from('x')]),
    'the last byte is missing': (body) => body.subarray(0, -1),
    'half is missing': (body) => body.subarray(0, LENGTH / 2),
    'nothing is there': () => Buffer.alloc(0),
  };

  test.each(Object.keys(WRONG))('of which %s fails, and is neither saved nor valid', async (name) => {
    change = (answered) => (answered.body = WRONG[name](answered.body));
    const { error } = await read();
    expect(error).toMatchObject({ name: 'JacsError', code: 'JACS_ATTACHMENT' });
    const directory = path.join(temporaryFolder(), 'saved');
    await place.refused(place.agent.saveAttachments(text, directory), 'JACS_ATTACHMENT');
    expect(fs.existsSync(directory) ? filesUnder(directory) : []).toEqual([]);
    await expect(place.agent.verifyDocument(text, { contents: true })).resolves.toBe(false);
    await place.refused(place.agent.assertDocument(text, { contents: true }), 'JACS_ATTACHMENT');
    const report = await place.agent.inspectDocument(text, { contents: true });
    expect(report).toMatchObject({
      valid: false,
      code: 'JACS_ATTACHMENT',
      attachments: [{ where: 'store', ok: false }],
    });
    change = undefined;
    expectRight(await read());
  });

  test('of which one bit changes on its way fails', async () => {
    place.proxy.fail({ ...READ, flipAnswer: LENGTH / 2, times: Infinity });
    const { error } = await read();
    expect(error).toMatchObject({ code: 'JACS_ATTACHMENT' });
  });

  /** The answers to the request that goes on where the first answer was cut. */
  const RESUMED = {
    'the whole, as if no part was asked for': (answered) => {
      answered.status = 200;
      delete answered.headers['content-range'];
      answered.body = source.bytes;
    },
    'another part than was asked for, as it says': (answered, from) => {
      answered.body = source.bytes.subarray(from + 1);
      answered.headers['content-range'] = `bytes ${from + 1}-${LENGTH - 1}/${LENGTH}`;
    },
    'another part than was asked for, which it hides': (answered, from) => {
      answered.body = Buffer.concat([source.bytes.subarray(from + 1), Buffer.from('x')]);
    },
    'other bytes': (answered) => {
      answered.body = randomBytes(answered.body.length);
    },
    'less than was asked for': (answered) => {
      answered.body = answered.body.subarray(0, 1000);
    },
    'more than was asked for': (answered) => {
      answered.body = Buffer.concat([answered.body, randomBytes(1000)]);
    },
    nothing: (answered) => {
      answered.body = Buffer.alloc(0);
    },
    'a page': (answered) => Object.assign(answered, PAGE, { body: Buffer.from(PAGE.body) }),
    'that no such part is there': (answered) => {
      answered.status = 416;
      answered.body = Buffer.from('no');
    },
  };

  test.each(Object.keys(RESUMED))('that is cut, and goes on with %s: right, or fails', async (name) => {
    const cutAnswer = 1_000_000;
    const fault = place.proxy.fail({ ...READ, cutAnswer });
    let resumed = 0;
    change = (answered, { headers }) => {
      const from = /^bytes=(\d+)-/.exec(headers.range ?? '')?.[1];
      if (!(from > 0)) return;
      resumed++;
      RESUMED[name](answered, Number(from));
    };
    const outcome = await read();
    expect([fault.hits, resumed > 0]).toEqual([1, true]);
    if (outcome.error) expect(['JACS_ATTACHMENT', 'JACS_UNAVAILABLE']).toContain(outcome.error.code);
    else expectRight(outcome);
  });

  test('that is not there makes its document invalid', async () => {
    place.proxy.fail({ path: FILE, times: Infinity, answer: { status: 404, body: 'no' } });
    await expect(place.agent.verifyDocument(text)).resolves.toBe(false);
    await place.refused(place.agent.assertDocument(text), 'JACS_ATTACHMENT');
    expect(await place.agent.inspectDocument(text)).toMatchObject({
      attachments: [{ where: 'store', present: false }],
    });
  });

  test('that cannot be asked for is not called missing', async () => {
    place.proxy.fail({ path: FILE, times: Infinity, answer: { status: 503, body: 'no' } });
    for (const options of [{}, { contents: true }]) {
      await place.refused(impatient.assertDocument(text, options), 'JACS_UNAVAILABLE');
      await place.refused(impatient.verifyDocument(text, options), 'JACS_UNAVAILABLE');
    }
  });
});
