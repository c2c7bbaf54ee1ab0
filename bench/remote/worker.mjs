// One side of a comparison, in a process of its own: the processors' time that it reports, all threads, is of this side
// alone, and neither side's garbage or connections are in the other's way. side.mjs starts it and asks, one thing at a
// time.
import { sample as timed } from '../support/measure.mjs';
import { cpuMs } from './servertime.mjs';

let opened;
let serverTime;
let subject;

const verbs = {
  /** `module` exports `open(settings)`, which gives `{ passes, calls, close }`; `groups` are the server's processes. */
  async open(module, settings, groups) {
    opened = await (await import(module)).open(settings);
    serverTime = () => cpuMs(groups);
  },
  sample: (name, times) => timed(pass(name), times, serverTime),
  // The two parts of a pass on their own, for whoever counts the requests of the second.
  async setup(name) {
    subject = await pass(name).setup?.();
  },
  async run(name) {
    const operations = await pass(name).run(subject);
    await pass(name).teardown?.(subject);
    return operations;
  },
  call: (name, ...args) => opened.calls[name](...args),
  close: () => opened.close(),
};

function pass(name) {
  const found = opened.passes[name];
  return typeof found === 'function' ? { run: found } : found;
}

process.on('message', async ({ verb, args }) => {
  try {
    process.send({ value: await verbs[verb](...args) });
  } catch (error) {
    process.send({ error: `${error.stack}${error.cause ? `\n${error.cause.stack}` : ''}` });
  }
});
// Whoever asks is done, or gone.
process.on('disconnect', () => process.exit());
