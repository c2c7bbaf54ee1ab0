'use strict';
// A process, or a worker of it, that leaves calls under way: `node calls.child.js PART CONFIG ...`.

const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const PASSWORD = 'Bearing-6203';
const ROUNDS = 50;
const LANES = 16;

const [part, config, ...args] = isMainThread ? process.argv.slice(2) : workerData;

const parts = {
  /** Leaves: nothing but the calls keeps it alive. */
  async pending() {
    process.on('exit', () => say('exit'));
    const agent = await loaded();
    say('loaded');
    const calls = Array.from({ length: 20 }, (_, n) => agent.createDocument({ n }));
    Promise.any(calls).then(() => say('one'));
    Promise.all(calls).then((texts) => say(`all of ${texts.length}`));
  },

  async exit() {
    const agent = await loaded();
    for (let n = 0; n < 1000; n++) agent.createDocument({ n }, { noSave: n % 2 === 0 });
    await Promise.race(Array.from({ length: 10 }, (_, n) => agent.createDocument({ n }, { noSave: true })));
    say('under way');
    process.exit(7);
  },

  async throw() {
    const agent = await loaded();
    for (let n = 0; n < 1000; n++) agent.createDocument({ n }, { noSave: true });
    setImmediate(() => {
      throw new Error('thrown');
    });
  },

  /** Calls for as long as it lives. */
  async calls() {
    const agent = await loaded();
    const lane = async () => {
      for (let n = 0; ; n++) await agent.createDocument({ n }, { noSave: n % 8 !== 0 });
    };
    parentPort.postMessage('calls');
    await Promise.all(Array.from({ length: LANES }, lane));
  },

  /** A worker that does one of the other parts. */
  async worker(name) {
    const worker = new Worker(__filename, { workerData: [name, config] });
    worker.on('error', ({ message }) => say(`error: ${message}`));
    worker.on('exit', (code) => say(`worker: ${code}`));
  },

  async terminate(who) {
    const own = who === 'both' && (await loaded());
    const main = { over: !own };
    const lane = async () => {
      for (let n = 0; !main.over; n++) {
        const text = await own.createDocument({ n }, { noSave: true });
        if (JSON.parse(text).n !== n) throw new Error('the result of another call');
      }
    };
    const lanes = Promise.all(Array.from({ length: 4 }, lane));
    let ended = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const workers = [0, 1].map(() => new Worker(__filename, { workerData: ['calls', config] }));
      const end = async (worker) => {
        // Some are terminated while they load.
        if (round % 5 === 0) await sleep(Math.random() * 60);
        else await once(worker, 'message');
        await sleep(Math.random() * 10);
        await worker.terminate();
        ended++;
      };
      await Promise.all(workers.map(end));
    }
    main.over = true;
    await lanes;
    say(`terminated ${ended}`);
  },
};

async function loaded() {
  const { Agent } = require('../../index.js');
  const agent = new Agent();
  await agent.load(config, { password: PASSWORD, env: {} });
  return agent;
}

/** A worker's console goes through its main thread, and is lost when it ends. */
function say(line) {
  require('node:fs').writeSync(1, `${line}\n`);
}

parts[part](...args);
