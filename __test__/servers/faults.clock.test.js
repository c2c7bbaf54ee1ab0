'use strict';
// A machine whose clock is wrong: S3 refuses its signatures, WebDAV asks for none.

const fs = require('node:fs');
const { root } = require('../support/addon.js');
const { keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');
const { succeed } = require('../support/run.js');
const { faultsOf } = require('../support/witness.js');

/** Runs in the process. An error loses its fields on its way out. */
async function worker(name, config, password) {
  const agent = new (require(name).Agent)();
  await agent.load(config, { password });
  const { inspect } = require('node:util');
  const attempt = (promise) =>
    promise.then(
      (value) => ({ value }),
      (error) => ({ error: { ...error, message: error.message, code: error.code, shown: inspect(error) } }),
    );
  const now = Date.now();
  const created = await attempt(agent.createDocument({ title: 'by a wrong clock' }));
  const read = await attempt(agent.getDocument(process.env.FIRST, { cache: false }));
  const { document } = created.error ?? {};
  const saved = document && (await attempt(agent.saveDocument(document)));
  console.log(JSON.stringify({ now, created, read, saved }));
  await agent.close();
}

describeBackends(
  'a clock that is wrong',
  (backend) => {
    let place;
    beforeAll(async () => {
      place = await backend.start();
    });

    async function atAnotherTime(offset) {
      const written = JSON.parse(fs.readFileSync(place.config, 'utf8'));
      const own = Object.fromEntries(Object.entries(written).filter(([name]) => name.startsWith('jacs_')));
      const config = { ...own, jacs_data_directory: place.data, jacs_key_directory: place.keys };
      const script = `(${worker})(...${JSON.stringify([root, config, place.password])})`;
      const env = { ...place.env, FIRST: keyOf(place.first) };
      const before = place.proxy.requests.length;
      const printed = await succeed('faketime', ['-f', offset, process.execPath, '-e', script], { env });
      const result = JSON.parse(printed);
      // Else the process had the right time.
      expect(Math.abs(result.now - Date.now())).toBeGreaterThan(15 * 60_000);
      return { ...result, requests: place.proxy.requests.slice(before) };
    }

    const OFFSETS = ['+20m', '-20m'];
    if (backend.name === 'aws') {
      test.each(OFFSETS)('by %s: refused at once, and told why', async (offset) => {
        const before = await place.stored();
        const { created, read, saved, requests } = await atAnotherTime(offset);
        for (const { error } of [created, read, saved]) {
          expect(error).toMatchObject({ code: 'JACS_PERMISSION', retryable: false });
          expect(error.message).toMatch(/clock/);
          place.expectNoSecret(Object.assign(new Error(error.message), error));
        }
        // No request was worth another try.
        expect(requests.map(({ status }) => status)).toEqual(requests.map(() => 403));
        expect(requests.length).toBeLessThanOrEqual(6);
        expect(await place.stored()).toEqual(before);
        const { document, key } = created.error;
        expect(keyOf(document)).toBe(key);
        expect(faultsOf(document, place.agent.publicKey)).toEqual([]);
        // A machine with the right time can store it.
        if (offset.startsWith('-')) await expect(place.agent.saveDocument(document)).resolves.toBe(document);
      });
    } else {
      test.each(OFFSETS)('by %s: does not matter', async (offset) => {
        const before = await place.stored();
        const { created, read } = await atAnotherTime(offset);
        // For a clock that is late the first document is of the future.
        if (offset.startsWith('+')) expect(read.value).toBe(place.first);
        else expect(read.error.code).toBe('JACS_SIGNATURE');
        const { value } = created;
        expect(await place.stored()).toEqual(new Map([...before, [keyOf(value), value]]));
        expect(faultsOf(value, place.agent.publicKey)).toEqual([]);
      });
    }
  },
  { needs: ['faketime'] },
);
