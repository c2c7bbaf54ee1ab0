'use strict';
// A process that is killed while it uploads files: no document is there without its files, and no part of a file.

const { setTimeout: sleep } = require('node:timers/promises');
const { againOn } = require('../support/remote.js');
const { attached, isApaches, sha256 } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');
const { killedAtWork, wholeStore } = require('../support/killed.js');

const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 20 : 3;
/** The longest that a process works, in ms. */
const WORK = 1000;

describeBackends('a process that is killed', (backend) => {
  test(
    `${ROUNDS} times while files are on their way`,
    async () => {
      const place = await backend.start();
      const at = attached(place);
      const tally = { promised: 0, files: 0 };
      for (let n = 0; n < ROUNDS; n++) {
        const { promised, left } = await killedAtWork(place, WORK, n % 2);
        expect(left).toEqual([]);
        // What left the process before its end may still come, and what came is given up by the server.
        await sleep(200);
        while ((await place.raw.names()).some(isApaches)) await sleep(20);
        const { texts, files } = await wholeStore(place.raw, place.agent.publicKey);
        const hashes = promised.map(([key]) => [key, texts.has(key) && sha256(texts.get(key))]);
        expect(hashes).toEqual(promised);
        const agent = await againOn(place);
        for (const [key, text] of texts) {
          await expect(agent.getDocument(key)).resolves.toBe(text);
          await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
        }
        await agent.close();
        tally.promised += promised.length;
        tally.files += files.size;
        await at.clean();
      }
      expect(tally.promised).toBeGreaterThan(0);
      expect(tally.files).toBeGreaterThan(tally.promised);
    },
    ROUNDS * 40_000,
  );
});
