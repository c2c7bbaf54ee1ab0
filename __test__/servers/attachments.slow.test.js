'use strict';
// Large files and servers that take their time: what goes on is waited for, what does not is given up.

const { attached, FILE, LARGE, newSource, onlyFor, outcomeOf, PART, SMALL, STEPS } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');

/** The cap of the calls here, and what may come on top of it on a busy machine, in ms. */
const CAP = 1500;
const MARGIN = 4000;
const STALL = 60_000;
/** Bytes per second: a body of several MiB takes longer than the cap. */
const SLOW = 4 * 2 ** 20;

describeBackends('a large file on a slow line', (backend) => {
  const aws = backend.name === 'aws';
  let place;
  let hurried;
  let at;
  beforeAll(async () => {
    place = await backend.start();
    hurried = await place.again({ jacs_storage_options: { timeout_ms: CAP } });
    at = attached(place);
  });
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  async function timed(work) {
    const begun = Date.now();
    return [await work(), Date.now() - begun];
  }

  test('has time by its size', async () => {
    const source = newSource(LARGE);
    const before = await place.stored();
    const rule = place.proxy.fail({ method: 'PUT', path: FILE, trickleRequest: SLOW, times: Infinity });
    const [text, ms] = await timed(() => at.create(hurried, source));
    await at.expectStored(text, source, before);
    // Each body went once: nothing was given up and sent again.
    expect(rule.hits).toBe(aws ? 2 : 1);
    expect(ms).toBeGreaterThan(CAP);
  });

  test('and back has time by its size', async () => {
    const source = newSource(PART / 2);
    const text = await at.create(place.agent, source);
    const rule = place.proxy.fail({ method: 'GET', path: FILE, trickle: PART / 4, times: Infinity });
    const [{ bytes, error }, ms] = await timed(() => outcomeOf(hurried.readAttachment(text, source.name)));
    expect(error).toBeUndefined();
    expect(bytes.equals(source.bytes)).toBe(true);
    expect(rule.hits).toBeGreaterThan(0);
    expect(ms).toBeGreaterThan(CAP);
  });

  // A step, and a file with which little is on the line at that step.
  const steps = aws
    ? [
        ['look', STEPS.look, SMALL],
        ['put', STEPS.put, SMALL],
        ['initiate', STEPS.initiate, LARGE],
        ['part', STEPS.part, LARGE],
        ['complete', STEPS.complete, LARGE],
      ]
    : [
        ['look', { method: 'PROPFIND', path: FILE }, SMALL],
        ['put', { method: 'PUT', path: FILE }, SMALL],
      ];

  test('that is not answered once, at any step, is asked again', async () => {
    const before = await place.stored();
    const upload = async ([name, step, length]) => {
      const source = newSource(length);
      const fault = place.proxy.fail({ ...onlyFor(source, step), stall: STALL });
      const text = await at.create(hurried, source);
      expect([name, fault.hits]).toEqual([name, 1]);
      return { text, source };
    };
    await at.expectAllStored(await Promise.all(steps.map(upload)), before);
    // Of an upload whose beginning was not answered nobody knows the name.
    expect((await at.uploads()).length > 0).toBe(aws);
  });

  test('that is never answered, at any step, is refused in time', async () => {
    const before = await place.stored();
    const upload = async ([name, step, length]) => {
      const source = newSource(length);
      const fault = place.proxy.fail({ ...onlyFor(source, step), delay: STALL, times: Infinity });
      const [error, ms] = await timed(() => place.refused(at.create(hurried, source), 'JACS_UNAVAILABLE'));
      expect([name, fault.hits > 0, error.retryable, error.document]).toEqual([name, true, true, undefined]);
      // What comes on top for a body of this size, and the same once more for the end of the upload.
      expect(ms).toBeLessThan(2 * CAP + (4000 * length) / 2 ** 20 + MARGIN);
    };
    await Promise.all(steps.map(upload));
    place.proxy.clear();
    await at.expectNothing(before);
  });

  test('of which nothing comes any more is not waited for', async () => {
    const impatient = await place.again({ jacs_storage_options: { timeout_ms: CAP, retries: 0 } });
    const source = newSource(PART / 8);
    const text = await at.create(place.agent, source);
    place.proxy.fail({ method: 'GET', path: FILE, cutAnswer: 300_000, hold: STALL, times: Infinity });
    const [{ error }, ms] = await timed(() => outcomeOf(impatient.readAttachment(text, source.name)));
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    place.expectNoSecret(error);
    expect(ms).toBeLessThan(CAP + 4000 + MARGIN);
  });
});
