'use strict';
// Streams that are not read, or slowly, or no further: they hold up nobody and keep nothing.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf } = require('../support/agents.js');
const { attached, FILE, newSource, sha256 } = require('../support/attached.js');
const { startAgent } = require('../support/child.js');
const { describeBackends } = require('../support/faulty.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');

const MIB = 2 ** 20;
const LENGTH = 48 * MIB;
/** What buffers between the server and the reader may hold: of sockets on both sides of the proxy, and our own. */
const ON_ITS_WAY = 24 * MIB;
/** More than operations may be under way at once. */
const MANY = 80;
const READ = { method: 'GET', path: FILE };

describeBackends('streams of stored files', (backend) => {
  let place;
  let at;
  let source;
  let text;
  beforeAll(async () => {
    place = await backend.start();
    at = attached(place);
    source = newSource(LENGTH);
    text = await at.create(place.agent, source);
  }, 60_000);
  beforeEach(() => place.proxy.clear());
  afterAll(() => at.clean());

  const open = () => place.agent.readAttachment(text, source.name);
  const sent = () => place.proxy.requests.filter(({ method, path: url }) => method === 'GET' && FILE.test(url));

  test('the server sends no more than is read', async () => {
    const reader = open().getReader();
    const { value } = await reader.read();
    expect(value.length).toBeGreaterThan(0);
    let [before, bytes] = [-1, 0];
    // Until no more comes.
    while (bytes !== before) {
      await sleep(300);
      [before, bytes] = [bytes, sent().at(-1).bytes];
    }
    expect(bytes).toBeLessThan(ON_ITS_WAY);
    await reader.cancel();
  });

  test('memory does not grow with a reader that is slow', async () => {
    const child = await startAgent(place);
    const slowly = async ({ agent, require }, text, name) => {
      const { setTimeout: sleep } = require('node:timers/promises');
      const hash = require('node:crypto').createHash('sha256');
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      // What the first read of all needs is there already.
      await agent.readAttachment(text, name).cancel();
      let [read, most, slept] = [0, 0, 0];
      gc();
      const before = process.memoryUsage.rss();
      for await (const piece of agent.readAttachment(text, name)) {
        hash.update(piece);
        read += piece.length;
        if (read < (slept + 1) * 4 * 2 ** 20) continue;
        slept++;
        await sleep(50);
        gc();
        most = Math.max(most, process.memoryUsage.rss());
      }
      return { read, hash: hash.digest('hex'), grown: most - before };
    };
    const { value, error } = await child.run(slowly, text, source.name);
    expect(error).toBeUndefined();
    expect(value).toMatchObject({ read: LENGTH, hash: source.sha256 });
    expect(value.grown).toBeLessThan(LENGTH / 2);
    await child.stop();
  }, 60_000);

  test('memory does not grow with the length of a file that is stored', async () => {
    // It has no blocks on the disk.
    const file = path.join(temporaryFolder(), 'long.bin');
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 5 * LENGTH);
    const { AWS_ENDPOINT_URL_S3, HAI_STORAGE_URL } = place.env;
    const direct = backend.at().endpoint ?? backend.at().url;
    const env = { ...place.env, ...(HAI_STORAGE_URL && { HAI_STORAGE_URL: direct }) };
    const child = await startAgent({
      ...place,
      env: { ...env, ...(AWS_ENDPOINT_URL_S3 && { AWS_ENDPOINT_URL_S3: direct }) },
    });
    const store = async ({ agent }, small, long) => {
      await agent.createDocument({}, { attachments: { path: 'small', contents: Buffer.from(small) } });
      const before = process.memoryUsage.rss();
      let most = 0;
      const looking = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
      await agent.createDocument({}, { attachments: long });
      clearInterval(looking);
      return most - before;
    };
    const { value, error } = await child.run(store, 'small', file);
    expect(error).toBeUndefined();
    expect(value).toBeLessThan(100 * MIB);
    await child.stop();
  }, 60_000);

  /** Many streams, each of which has given its first bytes; an element of the list is a reader. */
  async function openMany() {
    const readers = Array.from({ length: MANY }, () => open().getReader());
    const first = await Promise.all(readers.map((reader) => reader.read()));
    expect(first.map(({ done }) => done)).toEqual(readers.map(() => false));
    return readers;
  }

  test(`${MANY} of them that nobody reads hold up no other call, and end with it when they are cancelled`, async () => {
    const before = place.proxy.open;
    const readers = await openMany();
    expect(place.proxy.open).toBeGreaterThanOrEqual(MANY);
    const other = newSource(100_000);
    const made = await at.create(place.agent, other);
    await expect(place.agent.getDocument(keyOf(made), { cache: false })).resolves.toBe(made);
    const pieces = [];
    for await (const piece of place.agent.readAttachment(made, other.name)) pieces.push(piece);
    expect(sha256(Buffer.concat(pieces))).toBe(other.sha256);
    await Promise.all(readers.map((reader) => reader.cancel()));
    // A few idle ones are kept for the next calls.
    while (place.proxy.open > before + 10) await sleep(20);
  });

  test('some that were not read yet still give everything', async () => {
    const streams = Array.from({ length: 3 }, open);
    await sleep(300);
    for (const stream of streams) {
      let read = 0;
      for await (const piece of stream) read += piece.length;
      expect(read).toBe(LENGTH);
    }
  });

  test('what broke while nobody read goes on, or fails', async () => {
    const fault = place.proxy.fail({ ...READ, cutAnswer: LENGTH / 2 });
    const reader = open().getReader();
    const pieces = [(await reader.read()).value];
    await sleep(500);
    const rest = async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return sha256(Buffer.concat(pieces));
        pieces.push(value);
      }
    };
    await expect(rest()).resolves.toBe(source.sha256);
    expect(fault.hits).toBe(1);
  });

  test('the signal of one ends it, and its connection', async () => {
    const abort = new AbortController();
    const reader = place.agent.readAttachment(text, source.name, { signal: abort.signal }).getReader();
    await reader.read();
    const open = place.proxy.open;
    abort.abort();
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    await place.refused(rest, 'JACS_ABORTED');
    while (place.proxy.open >= open) await sleep(20);
  });

  test.each([
    ['before the first bytes', { delay: 60_000 }],
    ['in the middle', { trickle: 4 * MIB }],
  ])('a save that is aborted %s leaves nothing', async (_, rule) => {
    const directory = path.join(temporaryFolder(), 'saved');
    const fault = place.proxy.fail({ ...READ, ...rule, times: Infinity });
    const abort = new AbortController();
    const saved = place.refused(place.agent.saveAttachments(text, directory, { signal: abort.signal }), 'JACS_ABORTED');
    while (fault.hits === 0) await sleep(5);
    await sleep(200);
    abort.abort();
    await saved;
    expect(fs.existsSync(directory) ? filesUnder(directory) : []).toEqual([]);
  });

  test('close does not wait for a stream that nobody reads', async () => {
    const agent = await place.again();
    const reader = agent.readAttachment(text, source.name).getReader();
    const { value } = await reader.read();
    await agent.close();
    const rest = async () => {
      let read = value.length;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return read;
        read += value.length;
      }
    };
    // It goes on or is refused; it does not end with less than all.
    expect([LENGTH, 'JACS_CONFIG', 'JACS_ABORTED']).toContain(await rest().catch(({ code }) => code));
  });
});
