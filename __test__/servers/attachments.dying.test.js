'use strict';
// A server that is killed while files are uploaded, and started again: nobody ever sees a part of one.

const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf } = require('../support/agents.js');
const { attached, LARGE, newSource } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');
const { startDav, startGateway } = require('../support/servers.js');

const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 20 : 1;
const MANY = 4;
/** So long a round of uploads takes at least here, in ms. */
const BUSY = 300;

const START = { aws: startGateway, hai: startDav };

describeBackends('a server that dies', (backend) => {
  let server;
  let place;
  let at;
  beforeAll(async () => {
    server = await START[backend.name]();
    place = await backend.start({ at: server, settings: { jacs_storage_options: { retries: 2 } } });
    at = attached(place);
  }, 120_000);

  test(
    `has whole files or none: rounds: ${ROUNDS}`,
    async () => {
      let hit = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const before = await place.stored();
        const sources = Array.from({ length: MANY }, () => newSource(LARGE));
        let settled = 0;
        const creates = sources.map((source) => at.create(place.agent, source).finally(() => settled++));
        const outcomes = Promise.allSettled(creates);
        await sleep(Math.random() * BUSY);
        if (settled < MANY) hit++;
        await server.kill();
        // Some outages last longer than the retries.
        await sleep(round % 2 === 0 ? 1500 : 0);
        await server.restart();
        const made = new Map();
        for (const { value, reason } of await outcomes) {
          if (reason) expect(reason).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
          const text = value ?? (reason.document && (await place.agent.saveDocument(reason.document)));
          if (text) made.set(keyOf(text), text);
        }
        expect(await place.stored()).toEqual(new Map([...before, ...made]));
        const files = await at.files();
        for (const text of made.values()) expect(files.has(JSON.parse(text).jacsFilesStored[0])).toBe(true);
        // What was refused is stored now.
        const again = await Promise.all(sources.map((source) => at.create(place.agent, source)));
        for (const text of again) {
          await expect(place.agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
        }
        await at.clean();
      }
      if (ROUNDS > 5) expect(hit).toBeGreaterThan(0);
    },
    ROUNDS * 60_000,
  );
});
