'use strict';
// A server that is killed, or stands still, while many documents are on their way.

const { setTimeout: sleep } = require('node:timers/promises');
const { all, keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');
const { startDav, startGateway } = require('../support/servers.js');
const { faultsOf } = require('../support/witness.js');

const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 20 : 3;
const MANY = 64;
/** Long enough that the server is still busy when it ends. */
const PAD = 'x'.repeat(20_000);
const CAP = 4000;
/** Beyond the cap of a call, for machines that are busy. */
const MARGIN = 10_000;

const START = { aws: startGateway, hai: startDav };

describeBackends('a server that dies', (backend) => {
  let server;
  let place;
  let taken;
  beforeAll(async () => {
    server = await START[backend.name]();
    place = await backend.start({ at: server, settings: { jacs_storage_options: { timeout_ms: CAP, retries: 2 } } });
    taken = await place.stored();
  }, 120_000);

  /** Creates many, does `harm` once some are stored, and keeps account of what came of each. */
  async function creating(harm) {
    const begun = Date.now();
    const tally = { settled: 0, last: 0 };
    const creates = Array.from({ length: MANY }, (_, number) =>
      place.agent.createDocument({ number, pad: PAD }).finally(() => {
        tally.settled++;
        tally.last = Date.now() - begun;
      }),
    );
    const outcomes = Promise.allSettled(creates);
    while (tally.settled < 4) await sleep(1);
    const before = tally.settled;
    // How many still wait for the server: what it finished before it stopped is none of its victims.
    const left = await harm(() => MANY - tally.settled);
    const results = await outcomes;
    expect(tally.last).toBeLessThan(CAP + MARGIN);
    const made = results.flatMap(({ value }) => value ?? []);
    const refused = results.flatMap(({ reason }) => reason ?? []);
    expect(before).toBeLessThan(MANY);
    return { made, refused, left };
  }

  /** What was promised is there; what was refused can be saved; nothing else is there. */
  async function account({ made, refused }) {
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true, key: keyOf(error.document) });
      expect(faultsOf(error.document, place.agent.publicKey)).toEqual([]);
      place.expectNoSecret(error);
    }
    const after = await place.stored();
    for (const text of made) taken.set(keyOf(text), text);
    const saved = refused.map(({ document }) => document);
    const known = new Map([...taken, ...saved.map((text) => [keyOf(text), text])]);
    for (const [key, text] of taken) expect([key, after.get(key)]).toEqual([key, text]);
    for (const [key, text] of after) expect([key, text]).toEqual([key, known.get(key)]);

    // The same agent goes on, and so does what it could not do.
    await expect(Promise.all(saved.map((text) => place.agent.saveDocument(text)))).resolves.toEqual(saved);
    taken = known;
    expect(await place.stored()).toEqual(taken);
    const listed = (await all(place.agent.listDocuments())).map(({ key }) => key);
    expect(listed).toEqual([...taken.keys()].sort());
  }

  test(
    `is started again: ${ROUNDS} rounds`,
    async () => {
      let [refused, left] = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const long = round % 2 === 1;
        const outcome = await creating(async (waiting) => {
          await server.kill();
          const now = waiting();
          // Some rounds last longer than the retries.
          await sleep(long ? 1500 : 0);
          await server.restart();
          return long ? now : 0;
        });
        refused += outcome.refused.length;
        left += outcome.left;
        await account(outcome);
      }
      if (left > 0) expect(refused).toBeGreaterThan(0);
    },
    ROUNDS * 60_000,
  );

  test(
    `or stands still for a while: ${ROUNDS} rounds`,
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const outcome = await creating(async () => {
          await server.freeze();
          await sleep(300 + 700 * (round % 3));
          await server.thaw();
        });
        // Shorter than an attempt, or two: nothing has to be refused.
        expect(outcome.refused).toEqual([]);
        await account(outcome);
      }
    },
    ROUNDS * 60_000,
  );

  test('or stands still for longer than the call: refused, and stored later', async () => {
    const outcome = await creating(async (waiting) => {
      await server.freeze();
      const now = waiting();
      await sleep(CAP + 1000);
      await server.thaw();
      return now;
    });
    if (outcome.left > 0) expect(outcome.refused.length).toBeGreaterThan(0);
    await account(outcome);
  }, 60_000);

  test('reads what it could not ask for, once it is there again', async () => {
    const [key, text] = [...taken][0];
    await server.kill();
    const reads = () => [place.agent.getDocument(key, { cache: false }), all(place.agent.listDocuments())];
    for (const call of reads()) await place.refused(call, 'JACS_UNAVAILABLE');
    const error = await place.refused(place.agent.createDocument({ title: 'down' }), 'JACS_UNAVAILABLE');
    expect(error.retryable).toBe(true);
    await server.restart();
    const [read, listed] = await Promise.all(reads());
    expect(read).toBe(text);
    expect(listed).toHaveLength(taken.size);
    await account({ made: [], refused: [error] });
  }, 60_000);
});
