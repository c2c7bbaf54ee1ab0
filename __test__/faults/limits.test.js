'use strict';
// Limits that a process really meets: open files, the length of a file, and a disk that is nearly full.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');
const { faultsOf } = require('../support/witness.js');

/** Runs in the process: so many calls at a time, each with its outcome. */
const many = ({ agent, attempt }, count, verb, argument) =>
  Promise.all(Array.from({ length: count }, (_, n) => attempt(agent[verb](argument ?? { n }))));

describeWith(['prlimit'], 'a limit of the process', () => {
  let place;
  let child;
  let text;
  beforeEach(async () => {
    place = await newAgent();
    child = await startAgent(place);
    text = (await child.call('createDocument', { title: 'before' })).value;
  });

  const stored = () => soundDocuments(place.data, [place.agent]);
  const limit = (name, value) => execFileSync('prlimit', ['--pid', String(child.pid), `--${name}=${value}:`]);

  /** Runs `work` under a limit, which is lifted afterwards. */
  async function under(name, value, work) {
    const [before] = execFileSync('prlimit', ['--pid', String(child.pid), `--${name}`, '--noheadings', '-o', 'SOFT'])
      .toString()
      .trim()
      .split(/\s/);
    limit(name, value);
    return work().finally(() => limit(name, before));
  }

  /** The least number that the process has no open file for: with this limit it can open none. */
  function free() {
    const open = new Set(fs.readdirSync(`/proc/${child.pid}/fd`).map(Number));
    for (let number = 0; ; number++) if (!open.has(number)) return number;
  }

  test('of open files refuses some of many saves, retryable, and the others are stored', async () => {
    const { value } = await under('nofile', free() + 20, () => child.run(many, 300, 'createDocument'));
    const refused = value.flatMap(({ error }) => error ?? []);
    const made = value.flatMap((outcome) => outcome.value ?? []);
    expect(refused.length).toBeGreaterThan(0);
    expect(made.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true, key: keyOf(error.document) });
      expect(faultsOf(error.document, place.agent.publicKey)).toEqual([]);
    }
    expect(stored()).toEqual([text, ...made].map(keyOf).sort());
    for (const { document } of refused) expect(await child.call('saveDocument', document)).toEqual({ value: document });
    expect(stored()).toHaveLength(301);
  });

  test('of open files refuses reads, listings and updates, and none is taken for missing', async () => {
    const calls = ({ agent, attempt, all }, key) =>
      Promise.all(
        [
          agent.getDocument(key),
          agent.getDocument(key.split(':')[0]),
          agent.versions(key.split(':')[0]),
          all(agent.listDocuments()),
          agent.updateDocument(key, { n: 1 }),
          agent.removeDocument(key),
          agent.createDocument({ n: 2 }),
        ].map(attempt),
      );
    const before = stored();
    const { value } = await under('nofile', free(), () => child.run(calls, keyOf(text)));
    const told = value.map(({ error }) => [error?.code, error?.retryable]);
    expect(told).toEqual(Array(7).fill(['JACS_UNAVAILABLE', true]));
    expect(stored()).toEqual(before);
    expect(await child.call('getDocument', keyOf(text))).toEqual({ value: text });
  });

  test('of open files lets many reads of one document through, or says so', async () => {
    const { value } = await under('nofile', free() + 20, () => child.run(many, 300, 'getDocument', keyOf(text)));
    for (const outcome of value) {
      if (outcome.error) expect(outcome.error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
      else expect(outcome.value).toBe(text);
    }
    const again = await child.run(many, 100, 'getDocument', keyOf(text));
    expect(new Set(again.value.map((outcome) => outcome.value))).toEqual(new Set([text]));
  });

  // node ignores SIGXFSZ, so that a write over the limit is cut short and the next is an error.
  test.each([
    ['short', 2_000],
    ['long', 2_000_000],
  ])('of the length of a file refuses a %s document, and the process lives', async (_, length) => {
    const { error } = await under('fsize', length / 2, () => child.call('createDocument', { pad: 'x'.repeat(length) }));
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', key: keyOf(error.document) });
    expect(stored()).toEqual([keyOf(text)]);
    expect(await child.call('getDocument', keyOf(text))).toEqual({ value: text });
    expect(await child.call('saveDocument', error.document)).toEqual({ value: error.document });
    expect(stored()).toEqual([text, error.document].map(keyOf).sort());
  });

  test('of the length of a file takes what is within it', async () => {
    const { value } = await under('fsize', 5_000, () => child.run(many, 20, 'createDocument'));
    expect(stored()).toEqual([text, ...value.map((outcome) => outcome.value)].map(keyOf).sort());
  });
});

describeWith(['strace', 'mount'], 'a disk with too little room for a document', () => {
  // Kept in memory until it is written, and written piece by piece.
  test.each([
    ['short', 400_000],
    ['long', 3_000_000],
  ])('writes a part of a %s one, and keeps nothing of it', async (_, length) => {
    const data = temporaryFolder();
    const place = { ...(await newAgent({ dataDirectory: data })), data };
    const log = path.join(temporaryFolder(), 'strace');
    const mounted = `mount -t tmpfs -o size=${Math.floor(length / 2048)}k tmpfs "$1" && shift && exec "$@"`;
    const strace = ['strace', '-D', '-f', '-o', log, '-y', '-e', 'trace=write', '-s', '0'];
    const wrapper = ['unshare', '--mount', 'sh', '-c', mounted, 'sh', data, ...strace];
    const child = await startAgent(place, { wrapper });
    const stored = () => soundDocuments(path.join('/proc', String(child.pid), 'root', data), [place.agent]);
    const small = (await child.call('createDocument', { n: 1 })).value;
    const { error } = await child.call('createDocument', { pad: 'x'.repeat(length) });
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true, key: keyOf(error.document) });
    expect(stored()).toEqual([keyOf(small)]);
    const update = await child.call('updateDocument', keyOf(small), { pad: 'x'.repeat(length) });
    expect(update.error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    expect(await child.call('getDocument', JSON.parse(small).jacsId)).toEqual({ value: small });

    const resize = ['-t', String(child.pid), '-m', 'mount', '-o', 'remount,size=100m', data];
    execFileSync('nsenter', resize);
    expect(await child.call('saveDocument', error.document)).toEqual({ value: error.document });
    const { document } = update.error;
    expect(await child.call('saveDocument', document)).toEqual({ value: document });
    expect(stored()).toEqual([small, error.document, document].map(keyOf).sort());
    await child.stop();
    expect(cutShort(fs.readFileSync(log, 'utf8'), data)).toBeGreaterThan(0);
  });

  /** How many writes under a folder wrote a part of what they were given. */
  function cutShort(log, folder) {
    const writes = [...log.matchAll(/write\(\d+<([^>]+)>.*, (\d+)\) += (\d+)/g)];
    return writes.filter(([, file, given, written]) => file.startsWith(folder) && Number(written) < Number(given))
      .length;
  }
});
