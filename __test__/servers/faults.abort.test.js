'use strict';
// Calls that are aborted, and processes that end, while a server does not answer.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { root } = require('../support/addon.js');
const { keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');
const { run } = require('../support/run.js');

const CAP = 1000;
const MARGIN = 3000;
const STALL = 60_000;

describeBackends('while a server does not answer', (backend) => {
  let place;
  let hurried;
  beforeAll(async () => {
    place = await backend.start();
    hurried = await place.again({ jacs_storage_options: { timeout_ms: CAP } });
  });
  beforeEach(() => place.proxy.clear());

  /** Aborts the call once the proxy holds a request of it; its outcome. */
  async function aborted(fault, call) {
    const rule = place.proxy.fail({ times: Infinity, ...fault });
    const abort = new AbortController();
    const begun = Date.now();
    const outcome = call(abort.signal).then(
      (value) => ({ value }),
      (error) => ({ error }),
    );
    while (rule.hits === 0) await sleep(5);
    abort.abort();
    const result = await outcome;
    expect(Date.now() - begun).toBeLessThan(CAP + MARGIN);
    place.proxy.clear();
    return result;
  }

  test.each([
    ['that did not hear of it', { delay: STALL }],
    ['that has done it', { stall: STALL }],
    ['that answers in a moment', { stall: 300, times: 1 }],
  ])('%s, an aborted create is refused with its document or stored', async (_, fault) => {
    const before = await place.stored();
    const create = (signal) => hurried.createDocument({ title: 'aborted' }, { signal });
    const { value, error } = await aborted({ ...backend.write, ...fault }, create);
    if (error) {
      expect(['JACS_ABORTED', 'JACS_UNAVAILABLE']).toContain(error.code);
      expect(error.key).toBe(keyOf(error.document));
      place.expectNoSecret(error);
    } else {
      expect(fault.times).toBe(1);
    }
    const document = value ?? error.document;
    const there = new Map([...before, [keyOf(document), document]]);
    const after = await place.stored();
    expect([...(value ? [] : [before]), there]).toContainEqual(after);
    await expect(place.agent.saveDocument(document)).resolves.toBe(document);
    expect(await place.stored()).toEqual(there);
  });

  test('an aborted batch tells what it made', async () => {
    const before = await place.stored();
    const input = Array.from({ length: 6 }, (_, number) => ({ number }));
    const batch = (signal) => hurried.createDocuments(input, { signal, concurrency: 1 });
    const { error } = await aborted({ ...backend.write, stall: STALL, skip: 2 }, batch);
    expect(['JACS_ABORTED', 'JACS_UNAVAILABLE']).toContain(error.code);
    const made = error.documents.filter((text) => text !== null);
    expect(made.length).toBe(2);
    expect(error.failures.map(({ index }) => index)).toEqual([2, 3, 4, 5]);
    expect(error.failures.at(-1).code).toBe('JACS_ABORTED');
    // Signed, and maybe stored: its text is not lost.
    const { key, document } = error.failures[0];
    expect(keyOf(document)).toBe(key);
    await expect(hurried.saveDocument(document)).resolves.toBe(document);
    expect(error.failures.at(-1).document).toBeUndefined();
    const after = await place.stored();
    for (const text of made) expect(after.get(keyOf(text))).toBe(text);
    // Beside them at most the one that was on its way.
    expect(after.size - before.size).toBeLessThanOrEqual(3);
  });

  test('an aborted read gives nothing wrong', async () => {
    const text = await place.agent.createDocument({ title: 'read' });
    const read = (signal) => hurried.getDocument(keyOf(text), { cache: false, signal });
    const { value, error } = await aborted({ ...backend.read, stall: STALL }, read);
    expect(value).toBeUndefined();
    expect(['JACS_ABORTED', 'JACS_UNAVAILABLE']).toContain(error.code);
    await expect(place.agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
  });

  test('close waits for the call, not for the server', async () => {
    const agent = await place.again({ jacs_storage_options: { timeout_ms: CAP } });
    const rule = place.proxy.fail({ ...backend.write, stall: STALL, times: Infinity });
    const begun = Date.now();
    const created = place.refused(agent.createDocument({ title: 'closed' }), 'JACS_UNAVAILABLE');
    while (rule.hits === 0) await sleep(5);
    await agent.close();
    expect((await created).document).toBeDefined();
    expect(Date.now() - begun).toBeLessThan(CAP + MARGIN);
  });

  /** Runs in a process of its own. */
  async function worker(name, config, password, how) {
    const agent = new (require(name).Agent)();
    await agent.load(config, { password });
    // It has little time.
    for (let tries = 0; tries < 10; tries++) {
      if (await agent.saveDocument(process.env.FIRST).catch(() => false)) break;
    }
    process.on('exit', (code) => console.log(`exit ${code}`));
    const created = agent.createDocument({ title: 'at the end' }).then(
      () => console.log('created'),
      ({ code }) => console.log(code),
    );
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    if (how === 'exit') process.exit(3);
    if (how === 'throw') throw new Error('on purpose');
    if (how === 'close') await agent.close();
    if (how === 'wait') await created;
  }

  test.each([
    ['exit', 3, 'exit 3\n'],
    ['throw', 1, 'exit 1\n'],
    ['close', 0, 'JACS_UNAVAILABLE\nexit 0\n'],
    ['wait', 0, 'JACS_UNAVAILABLE\nexit 0\n'],
  ])('a process can end: %s', async (how, code, printed) => {
    const config = {
      ...JSON.parse(fs.readFileSync(place.config, 'utf8')),
      jacs_data_directory: place.data,
      jacs_key_directory: place.keys,
      jacs_storage_options: { timeout_ms: CAP },
    };
    const own = Object.fromEntries(Object.entries(config).filter(([name]) => name.startsWith('jacs_')));
    const script = `(${worker})(...${JSON.stringify([root, own, place.password, how])})`;
    const env = { ...place.env, FIRST: place.first };
    const first = keyOf(place.first).split(':')[0];
    place.proxy.fail({ ...backend.write, when: ({ url }) => !url.includes(first), stall: STALL, times: Infinity });
    const begun = Date.now();
    const ended = await run(process.execPath, ['-e', script], { env, timeout: 25_000 });
    expect(ended).toMatchObject({ code, signal: null, stdout: printed });
    expect(Date.now() - begun).toBeLessThan(CAP + 2 * MARGIN);
  });
});
