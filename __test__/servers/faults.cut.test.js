'use strict';
// Uploads and answers that end in the middle: nobody ever sees half a document, or a listing that lacks some.

const { all, keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');

/** Longer than what one write to a socket takes. */
const LONG = { text: 'long '.repeat(24_000) };
const LISTED = 12;
const RETRIES = 3;
const FIFTHS = [0, 1, 2, 3, 4];

describeBackends('an upload that is cut', (backend) => {
  let place;
  let impatient;
  beforeAll(async () => {
    place = await backend.start();
    impatient = await place.again({ jacs_storage_options: { retries: 0 } });
  });
  beforeEach(() => place.proxy.clear());

  const POINTS = [0, 100, 60_000, 120_000];

  test.each(POINTS)('after %d bytes shows nothing, and is stored by the next attempt', async (cutRequest) => {
    const before = await place.stored();
    const fault = place.proxy.fail({ ...backend.write, cutRequest });
    const error = await place.refused(impatient.createDocument(LONG), 'JACS_UNAVAILABLE');
    expect([fault.hits, error.retryable]).toEqual([1, true]);
    expect(await place.stored()).toEqual(before);
    await place.refused(impatient.getDocument(error.key), 'JACS_NOT_FOUND');
    await expect(impatient.saveDocument(error.document)).resolves.toBe(error.document);
    const there = new Map([...before, [error.key, error.document]]);
    expect(await place.stored()).toEqual(there);

    place.proxy.fail({ ...backend.write, cutRequest });
    const text = await place.agent.createDocument(LONG);
    expect(await place.stored()).toEqual(new Map([...there, [keyOf(text), text]]));
  });

  test('of the next version leaves the one before the newest', async () => {
    const first = await place.agent.createDocument({ title: 'first' });
    const fault = place.proxy.fail({ ...backend.write, cutRequest: 1000 });
    const error = await place.refused(impatient.updateDocument(keyOf(first), LONG), 'JACS_UNAVAILABLE');
    expect(fault.hits).toBe(1);
    const { jacsId } = JSON.parse(first);
    await expect(impatient.getDocument(jacsId)).resolves.toBe(first);
    await impatient.saveDocument(error.document);
    await expect(impatient.getDocument(jacsId)).resolves.toBe(error.document);
    expect(await impatient.versions(jacsId)).toMatchObject([{ head: false }, { head: true, accepted: true }]);
  });
});

describeBackends('an answer that is cut', (backend) => {
  let place;
  let impatient;
  let hurried;
  let long;
  let keys;
  beforeAll(async () => {
    place = await backend.start();
    impatient = await place.again({ jacs_storage_options: { retries: 0 } });
    hurried = await place.again({ jacs_storage_options: { timeout_ms: 1000 } });
    long = await place.agent.createDocument(LONG);
    await place.agent.createDocuments(Array.from({ length: LISTED }, (_, number) => ({ number })));
    keys = [...(await place.stored()).keys()].sort();
  });
  beforeEach(() => place.proxy.clear());

  const read = (agent) => agent.getDocument(keyOf(long), { cache: false });
  const newest = (agent) => agent.getDocument(JSON.parse(long).jacsId, { cache: false });
  const list = async (agent, options) => (await all(agent.listDocuments(options))).map(({ key }) => key);
  /** The length of the body that the server answers with to a request that `rule` chooses. */
  async function lengthOf(rule, call) {
    const before = place.proxy.requests.length;
    await call(place.agent);
    const [asked] = place.proxy.requests.slice(before).filter(({ method }) => method === rule.method);
    return asked.bytes;
  }

  describe('a read', () => {
    const POINTS = [
      ['version', read, 0],
      ['version', read, 1000],
      ['version', read, 119_999],
      ['newest', newest, 60_000],
    ];
    test.each(POINTS)('of the %s, %#: tried again, or refused', async (_, call, cutAnswer) => {
      const fault = place.proxy.fail({ ...backend.read, cutAnswer });
      await expect(call(place.agent)).resolves.toBe(long);
      expect(fault.hits).toBe(1);
      place.proxy.fail({ ...backend.read, cutAnswer });
      const error = await place.refused(call(impatient), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      await expect(call(impatient)).resolves.toBe(long);
    });

    test('every time before anything came: refused after the retries', async () => {
      const fault = place.proxy.fail({ ...backend.read, cutAnswer: 0, times: Infinity });
      const error = await place.refused(read(place.agent), 'JACS_UNAVAILABLE');
      expect([error.retryable, fault.hits]).toEqual([true, 1 + RETRIES]);
    });

    test('every time after some more came: goes on where it was cut', async () => {
      const fault = place.proxy.fail({ ...backend.read, cutAnswer: 20_000, times: Infinity });
      await expect(read(place.agent)).resolves.toBe(long);
      expect(fault.hits).toBe(Math.ceil(long.length / 20_000));
    });

    test('every time after very little came: refused when the time is over', async () => {
      place.proxy.fail({ ...backend.read, cutAnswer: 100, times: Infinity });
      const begun = Date.now();
      const error = await place.refused(read(hurried), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      expect(Date.now() - begun).toBeLessThan(10_000);
    });

    test('by a server that then begins anew: never a document of both parts', async () => {
      place.proxy.fail({ ...backend.read, cutAnswer: 1000 });
      const whole = { status: 200, headers: { 'content-type': 'application/json' }, body: long };
      place.proxy.fail({ ...backend.read, answer: whole });
      const outcome = await read(place.agent).catch((error) => error);
      if (outcome !== long) expect(outcome).toMatchObject({ code: 'JACS_UNAVAILABLE' });
    });
  });

  describe.each([
    ['list', (agent) => list(agent)],
    ['list from the middle', (agent) => list(agent, { after: keys[5].split(':')[0] })],
    ['versions', async (agent) => (await agent.versions(JSON.parse(long).jacsId)).map(({ key }) => key)],
  ])('%s', (name, call) => {
    const whole = () => {
      if (name === 'versions') return [keyOf(long)];
      return name === 'list from the middle' ? keys.slice(6) : keys;
    };

    test('of nothing that is cut is whole', async () => {
      await expect(call(place.agent)).resolves.toEqual(whole());
    });

    test.each(FIFTHS)('at %d fifths: tried again, or refused, never short', async (fifth) => {
      const cutAnswer = Math.floor(((await lengthOf(backend.list, call)) * fifth) / 5);
      const fault = place.proxy.fail({ ...backend.list, cutAnswer });
      await expect(call(place.agent)).resolves.toEqual(whole());
      expect(fault.hits).toBe(1);
      place.proxy.fail({ ...backend.list, cutAnswer });
      const error = await place.refused(call(impatient), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      await expect(call(impatient)).resolves.toEqual(whole());
    });
  });
});
