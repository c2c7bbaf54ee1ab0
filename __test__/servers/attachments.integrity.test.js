'use strict';
// Bytes that change on their way to S3 over plain http, which nothing but a checksum notices: the object is right, or
// there is none and no document.

const { attached, LARGE, newSource, PART, SMALL, STEPS } = require('../support/attached.js');
const { BACKENDS } = require('../support/faulty.js');
const { describeWith } = require('../support/needs.js');

const PLACES = [
  ['a file that is sent at once', SMALL, STEPS.put, SMALL - 1],
  ['the first part', LARGE, { ...STEPS.part, path: 'partNumber=1' }, 0],
  ['the middle of a part', LARGE, { ...STEPS.part, path: 'partNumber=1' }, PART / 2],
  ['the last part', LARGE, STEPS.part, 65_535],
];

describeWith(['rgw'], 'aws: a byte that changes', () => {
  let place;
  let impatient;
  let at;
  beforeAll(async () => {
    place = await BACKENDS.find(({ name }) => name === 'aws').start();
    impatient = await place.again({ jacs_storage_options: { retries: 1 } });
    at = attached(place);
  });
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  test.each(PLACES)('of %s, each time: refused', async (_, length, step, flipRequest) => {
    const source = newSource(length);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...step, flipRequest, times: Infinity });
    const outcome = await at.create(impatient, source).catch((error) => error);
    expect(fault.hits).toBeGreaterThan(0);
    expect(outcome).toMatchObject({ name: 'JacsError', code: 'JACS_UNAVAILABLE', retryable: true });
    place.expectNoSecret(outcome);
    await at.expectNothing(before);
  });

  test.each(PLACES)('of %s, once: sent again, or refused', async (_, length, step, flipRequest) => {
    const source = newSource(length);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...step, flipRequest });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    expect(fault.hits).toBe(1);
    if (outcome instanceof Error) await at.expectNothing(before);
    else await at.expectStored(outcome, source, before);
  });

  test('of the list of parts: sent again, or refused', async () => {
    const source = newSource(LARGE);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...STEPS.complete, flipRequest: 100 });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    expect(fault.hits).toBe(1);
    if (outcome instanceof Error) await at.expectNothing(before);
    else await at.expectStored(outcome, source, before);
  });

  test('the parts go with what the server compares them with', async () => {
    const sent = place.proxy.requests.length;
    await at.create(place.agent, newSource(LARGE));
    await at.create(place.agent, newSource(SMALL));
    const bodies = place.proxy.requests.slice(sent).filter(({ method }) => method === 'PUT');
    expect(bodies.map(({ headers }) => /^[A-Za-z0-9+/]{22}==$/.test(headers['content-md5']))).toEqual([
      ...[true, true, true],
      ...[true, true],
    ]);
  });
});
