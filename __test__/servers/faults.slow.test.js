'use strict';
// Servers that take their time: no call waits for longer than it was told, and what goes on is waited for.

const { all, keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');

/** The cap of the calls here, and what may come on top of it on a busy machine, in ms. */
const CAP = 1000;
const MARGIN = 2000;
const STALL = 10_000;
const SOAK = process.env.JACS_TEST_SOAK === '1';

describeBackends('a server that takes its time', (backend) => {
  let place;
  let hurried;
  let texts;
  beforeAll(async () => {
    place = await backend.start();
    hurried = await place.again({ jacs_storage_options: { timeout_ms: CAP } });
    texts = await place.agent.createDocuments(Array.from({ length: 4 }, (_, number) => ({ number })));
  });
  beforeEach(() => place.proxy.clear());

  const idOf = (text) => JSON.parse(text).jacsId;
  const CALLS = {
    createDocument: (agent) => agent.createDocument({ title: 'new' }),
    updateDocument: (agent) => agent.updateDocument(keyOf(texts[0]), { title: 'next' }),
    getDocument: (agent) => agent.getDocument(keyOf(texts[1]), { cache: false }),
    'getDocument, the newest': (agent) => agent.getDocument(idOf(texts[1]), { cache: false }),
    listDocuments: (agent) => all(agent.listDocuments()),
    versions: (agent) => agent.versions(idOf(texts[1])),
    removeDocument: (agent) => agent.removeDocument(keyOf(texts[2])),
    verifyHistory: (agent) => agent.verifyHistory(idOf(texts[1])),
  };

  async function timed(work) {
    const begun = Date.now();
    const result = await work();
    return [result, Date.now() - begun];
  }

  test.each([
    ['never hears of a request', { delay: STALL }],
    ['never answers', { stall: STALL }],
  ])('and %s: unavailable when the time is over', async (_, fault) => {
    const before = await place.stored();
    const rule = place.proxy.fail({ ...fault, times: Infinity });
    const refused = Object.values(CALLS).map((call) => timed(() => place.refused(call(hurried), 'JACS_UNAVAILABLE')));
    const outcomes = await Promise.all(refused);
    expect(rule.hits).toBeGreaterThan(0);
    for (const [error, ms] of outcomes) {
      expect(error.retryable).toBe(true);
      expect(ms).toBeLessThan(CAP + MARGIN);
    }
    const [[{ document, key }]] = outcomes;
    place.proxy.clear();
    await expect(place.agent.saveDocument(document)).resolves.toBe(document);
    // What was refused may be stored all the same: a server that answers too late has done it.
    expect(await place.stored()).toEqual(new Map([...before, [key, document]]));
  });

  test('and answers one byte a second: unavailable when the time is over', async () => {
    const reads = ['getDocument', 'getDocument, the newest', 'listDocuments', 'versions', 'verifyHistory'];
    const rules = [backend.read, backend.list].map((rule) =>
      place.proxy.fail({ ...rule, trickle: 1, times: Infinity }),
    );
    const refused = reads.map((name) => timed(() => place.refused(CALLS[name](hurried), 'JACS_UNAVAILABLE')));
    for (const [error, ms] of await Promise.all(refused)) {
      expect(error.retryable).toBe(true);
      // A document may have time by its size, once its head is there.
      expect(ms).toBeLessThan(CAP + MARGIN);
    }
    for (const { hits } of rules) expect(hits).toBeGreaterThan(0);
  });

  test('once: is asked again within the time', async () => {
    const patient = await place.again({ jacs_storage_options: { timeout_ms: 2 * CAP } });
    const before = await place.stored();
    const rules = [backend.write, backend.read, backend.list].map((rule) =>
      place.proxy.fail({ ...rule, stall: STALL }),
    );
    const work = ['createDocument', 'getDocument', 'listDocuments'].map((name) => CALLS[name](patient));
    const [made, read, listed] = await Promise.all(work);
    expect(rules.map(({ hits }) => hits)).toEqual([1, 1, 1]);
    expect(await place.stored()).toEqual(new Map([...before, [keyOf(made), made]]));
    expect(read).toBe(texts[1]);
    expect(listed.map(({ key }) => key)).toEqual(expect.arrayContaining([...before.keys()]));
  });

  // An attempt has ten seconds then.
  (SOAK ? test : test.skip)(
    'once: is asked again within the default time',
    async () => {
      place.proxy.fail({ ...backend.write, stall: 2 * STALL });
      const [made, ms] = await timed(() => CALLS.createDocument(place.agent));
      expect(ms).toBeLessThan(30_000);
      expect((await place.stored()).get(keyOf(made))).toBe(made);
    },
    60_000,
  );

  describe('and a large document', () => {
    let large;
    beforeAll(async () => {
      large = await place.agent.createDocument({ text: 'large '.repeat(70_000) });
    });
    const read = () => hurried.getDocument(keyOf(large), { cache: false });

    test('that keeps coming has time by its size', async () => {
      // 1 s for the call, and 4 s for each MiB.
      const rule = place.proxy.fail({ ...backend.read, trickle: large.length / 1.5 });
      const [text, ms] = await timed(read);
      expect(text).toBe(large);
      expect(rule.hits).toBe(1);
      expect(ms).toBeGreaterThan(CAP);
    });

    test('that comes too slowly is not waited for', async () => {
      place.proxy.fail({ ...backend.read, trickle: 20_000, times: Infinity });
      const [error, ms] = await timed(() => place.refused(read(), 'JACS_UNAVAILABLE'));
      expect(error.retryable).toBe(true);
      expect(ms).toBeLessThan(CAP + 4000 * (large.length / 2 ** 20) + MARGIN);
    });
  });

  test('has no more of it where the thread waits', async () => {
    // Nothing passes the proxy meanwhile, which runs in this thread.
    const [error, ms] = await timed(() =>
      place.refused((async () => hurried.createDocumentSync({ title: 'sync' }))(), 'JACS_UNAVAILABLE'),
    );
    expect(ms).toBeLessThan(CAP + MARGIN);
    expect(error.retryable).toBe(true);
    await expect(place.agent.saveDocument(error.document)).resolves.toBe(error.document);
  });
});
