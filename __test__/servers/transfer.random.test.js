'use strict';
// A migration through a network that fails at random, with two retries, called until it is done: however often that is,
// in the end everything is there, and at no time anything else.

const { randomInt } = require('node:crypto');
const { Agent } = require('../../index.js');
const { describePlaces, newCheckpoint, objectsAt } = require('../support/places.js');
const {
  addMass,
  emptyPlace,
  expectSame,
  fsConfig,
  objectsOf,
  rootsOf,
  SOAK,
  newStore,
} = require('../support/transfer.js');

const DOCUMENTS = SOAK ? 3000 : 200;
const ATTEMPTS = 20;
const SEED = Number(process.env.JACS_TEST_SEED ?? randomInt(2 ** 32));
const SETTINGS = { jacs_storage_options: { retries: 2, timeout_ms: 10_000 } };

/** How often each happens, of all requests or of some. */
const FAULTS = [
  [0.02, { reset: 'before' }],
  [0.02, { reset: 'after' }],
  [0.02, { answer: { status: 503, body: 'no' } }],
  [0.02, { cutAnswer: 300 }],
  [0.02, { cutRequest: 300 }],
  [0.02, { stall: 50 }],
  [0.1, { method: 'PUT', reset: 'after' }],
];

/** Numbers from 0 to 1 that follow from a seed. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describePlaces(`a network that fails at random, seed ${SEED}`, ({ place }) => {
  let store;
  let server;
  let objects;
  beforeAll(async () => {
    store = await newStore();
    await addMass(store.agent, { mass: DOCUMENTS, files: 10 });
    objects = objectsOf(store.data);
    server = await place();
    const random = randomFrom(SEED);
    for (const [share, fault] of FAULTS) {
      server.proxy.fail({ ...fault, times: Infinity, when: () => random() < share });
    }
  }, 60_000);

  /** Calls until nothing fails; `look` after each call. */
  async function untilDone(options, look) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const report = await Agent.migrate(options).catch((error) => error);
      await look(report);
      if (report instanceof Error) expect(report).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
      else if (report.failed === 0) return report;
      else for (const { kind, code } of report.failures) expect([kind, code]).toEqual(['failed', 'JACS_UNAVAILABLE']);
    }
    throw new Error(`not done after ${ATTEMPTS} attempts`);
  }

  /** Nothing is there that is not the source's; and what was called done is there. */
  async function sound(report, there) {
    for (const [name, hash] of there) expect([name, hash]).toEqual([name, objects.get(name)]);
    if (report instanceof Error) return;
    expect(report.conflicts).toBe(0);
    expect(report.copied + report.same + report.failed).toBe(objects.size);
    expect(there.size).toBeGreaterThanOrEqual(report.copied + report.same);
  }

  test(
    'to the server',
    async () => {
      const options = {
        from: fsConfig(store.data),
        to: server.config(SETTINGS),
        env: server.env,
        checkpoint: newCheckpoint(),
      };
      const report = await untilDone(options, async (each) => sound(each, await objectsAt(server)));
      expect(server.proxy.requests.filter(({ fault }) => fault).length).toBeGreaterThan(10);
      expect(report.root).toEqual(rootsOf(store.data, store.data));
      expect(await objectsAt(server)).toEqual(objects);
    },
    SOAK ? 600_000 : 120_000,
  );

  test(
    'and from it',
    async () => {
      const to = emptyPlace();
      const options = {
        from: server.config(SETTINGS),
        to: fsConfig(to),
        env: server.env,
        checkpoint: newCheckpoint(),
      };
      const report = await untilDone(options, (each) => sound(each, objectsOf(to)));
      expect(report.root).toEqual(rootsOf(store.data, to));
      await expectSame(store.data, to);
    },
    SOAK ? 600_000 : 120_000,
  );
});
