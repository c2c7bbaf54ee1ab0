'use strict';
// The way of results back to JavaScript, which all calls of a thread share: alive and over with its process or worker.

const { AsyncLocalStorage } = require('node:async_hooks');
const path = require('node:path');
const { loadAgain, newAgent } = require('../support/agents.js');
const { run } = require('../support/run.js');

const CHILD = path.join(__dirname, 'calls.child.js');
/** Two batches of results, which is what one turn of the event loop may bring. */
const AT_A_TURN = 256;

let place;
beforeAll(async () => {
  place = await newAgent();
});

/** What a part of calls.child.js prints, in a process that must end by itself. */
async function output(part, ...args) {
  const options = { timeout: 150_000 };
  const { code, signal, stdout, stderr } = await run(process.execPath, [CHILD, part, place.config, ...args], options);
  expect({ code, signal, stderr }).toEqual({ code: part === 'exit' ? 7 : 0, signal: null, stderr: '' });
  return stdout.trim().split('\n');
}

test('a call keeps the process alive until it resolves, and nothing does afterwards', async () => {
  expect(await output('pending')).toEqual(['loaded', 'one', 'all of 20', 'exit']);
});

test('a worker ends by itself, too', async () => {
  expect(await output('worker', 'pending')).toEqual(['loaded', 'one', 'all of 20', 'exit', 'worker: 0']);
});

test('process.exit with a thousand calls under way', async () => {
  for (let round = 0; round < 10; round++) expect(await output('exit')).toEqual(['under way']);
}, 120_000);

test.each([
  ['beside a main thread with calls of its own', 'both'],
  ['alone in the process', 'workers'],
])(
  'workers are terminated in the middle of their calls, %s',
  async (_, who) => {
    expect(await output('terminate', who)).toEqual(['terminated 100']);
  },
  180_000,
);

test('a worker that calls process.exit, and one that throws, in the middle of calls', async () => {
  expect(await output('worker', 'exit')).toEqual(['under way', 'worker: 7']);
  expect(await output('worker', 'throw')).toEqual(['error: thrown', 'worker: 1']);
});

test('a hundred thousand calls under way: each has its own result', async () => {
  const { agent } = place;
  const refused = (n) => agent.versions(`no id ${n}`).catch(({ code }) => code);
  const calls = Array.from({ length: 100_000 }, (_, n) => (n % 3 === 0 ? refused(n) : agent.verifyDocument('{}')));
  const results = await Promise.all(calls);
  expect(results.findIndex((result, n) => result !== (n % 3 === 0 ? 'JACS_INPUT' : false))).toBe(-1);
}, 120_000);

test('the event loop turns between batches of results, however many wait', async () => {
  let results = 0;
  let most = 0;
  const tally = () => {
    most = Math.max(most, results);
    results = 0;
  };
  let next = setImmediate(function turn() {
    tally();
    next = setImmediate(turn);
  });
  const lane = async () => {
    for (let n = 0; n < 20; n++) {
      await place.agent.verifyDocument('{}');
      results++;
    }
  };
  await Promise.all(Array.from({ length: 2000 }, lane));
  clearImmediate(next);
  tally();
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(AT_A_TURN);
}, 60_000);

test('what follows a call runs in the asynchronous context of the call', async () => {
  const context = new AsyncLocalStorage();
  const work = async (n) => {
    const text = await place.agent.createDocument({ n }, { noSave: true });
    await place.agent.verifyDocument(text);
    return [context.getStore(), JSON.parse(text).n];
  };
  const all = await Promise.all(Array.from({ length: 100 }, (_, n) => context.run(n, work, n)));
  expect(all).toEqual(Array.from({ length: 100 }, (_, n) => [n, n]));
});

test('closing is told behind the calls that it waited for', async () => {
  for (let round = 0; round < 20; round++) {
    const agent = await loadAgain(place);
    const events = [];
    const noted = (name, promise) => promise.then(() => events.push(name));
    const calls = Array.from({ length: 30 }, (_, n) => noted('call', agent.createDocument({ n }, { noSave: true })));
    await noted('closed', agent.close());
    expect(events).toEqual([...Array(30).fill('call'), 'closed']);
    await Promise.all(calls);
  }
});
