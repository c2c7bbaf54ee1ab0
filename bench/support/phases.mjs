// The phases of a store's life, each run by phase.mjs in a process of its own: node phases.mjs NAME ARGUMENTS.
// Of the documents only a random sample of keys is remembered, in a file.
import fs from 'node:fs';
import { once } from 'node:events';
import { Agent } from 'jacs-agent';
import { must } from './answer.mjs';
import { inFlight, rounded } from './measure.mjs';
import { watchMemory } from './memory.mjs';
import { orders } from './orders.mjs';
import { keyOf, loadAgent, NO_CACHE, NOT_SYNCED } from './subjects.mjs';
import { flushDisk } from './workplace.mjs';

const CONCURRENCY = 64;
/** Documents of one call. */
const CHUNK = 1000;
/** Documents after which the disk may catch up, off the clock: else the last would pay for the first. */
const FLUSHED = 10_000;
const SAMPLE = 10_000;
/** Updates of one measurement. */
const UPDATES = 100;

const phases = { create, list, newest, get, update, versions, check, migrate };

/** Documents `from` to `to` of the store: microseconds a document, chunk by chunk. */
async function create(agent, { from, to, sample }) {
  const texts = orders(CHUNK);
  await agent.createDocuments(texts, { noSave: true });
  const keys = from > 0 ? readKeys(sample) : [];
  const us = [];
  for (let made = from; made < to; made += CHUNK) {
    const chunk = texts.slice(0, to - made);
    const start = performance.now();
    const documents = await agent.createDocuments(chunk);
    us.push(perOperation(start, documents.length));
    for (const [index, text] of documents.entries()) choose(keys, made + index, text);
    progress(made + documents.length);
    if ((made + CHUNK) % FLUSHED === 0) flushDisk();
  }
  fs.writeFileSync(sample, keys.join('\n'));
  flushDisk();
  return { us };
}

/** Every document has the same chance to be in the sample, whatever their number (algorithm R). */
function choose(keys, number, text) {
  const place = number < SAMPLE ? number : Math.floor(Math.random() * (number + 1));
  if (place < SAMPLE) keys[place] = keyOf(text);
}

async function list(agent, { limit, passes, expected = limit }) {
  const options = limit === undefined ? {} : { limit };
  return repeated(passes, async () => {
    let found = 0;
    for await (const { key } of agent.listDocuments(options)) {
      if (key && ++found % CHUNK === 0) progress(found);
    }
    must(found === expected, `${found} documents are listed instead of ${expected}`);
    return found;
  });
}

async function check(agent, { expected }) {
  const start = performance.now();
  const { scanned, findings } = await agent.check({ onProgress: ({ done }) => progress(done) });
  must(scanned === expected + 1 && findings.length === 0, `${scanned} objects, ${findings.length} findings`);
  return { us: perOperation(start, scanned) };
}

/** To another directory. */
async function migrate(agent, { from, to, expected }) {
  const start = performance.now();
  const report = await Agent.migrate({ from: { jacs_data_directory: from }, to: { jacs_data_directory: to } });
  must(report.copied === expected + 1 && report.failed === 0, `${report.copied} objects were copied`);
  return { us: perOperation(start, report.copied) };
}

async function newest(agent, { sample, passes }) {
  const ids = readKeys(sample).map((key) => key.split(':')[0]);
  return repeated(passes, reads(agent, ids));
}

async function get(agent, { sample, passes }) {
  return repeated(passes, reads(agent, readKeys(sample)));
}

function reads(agent, keys) {
  let done = 0;
  return inFlight(keys, CONCURRENCY, async (key) => {
    await agent.getDocument(key);
    if (++done % CHUNK === 0) progress(done);
  });
}

/** Gives one document, `key` or a new one, versions until it has `to`; the time is that of the last updates. */
async function update(agent, { key, from, to }) {
  const texts = orders(UPDATES);
  let current = key ?? keyOf(await agent.createDocument(texts[0]));
  let start;
  for (let count = key ? from : 1; count < to; count++) {
    if (count === to - UPDATES) start = performance.now();
    current = keyOf(await agent.updateDocument(current, texts[count % UPDATES]));
    if (count % UPDATES === 0) progress(count);
  }
  const us = [perOperation(start, UPDATES)];
  flushDisk();
  return { us, key: current };
}

async function versions(agent, { key, expected, passes }) {
  const [id] = key.split(':');
  return repeated(passes, async () => {
    const { length } = await agent.versions(id);
    must(length === expected, `${length} versions instead of ${expected}`);
    return length;
  });
}

/** Microseconds an operation, pass by pass. */
async function repeated(passes, pass) {
  const us = [];
  while (us.length < passes) {
    const start = performance.now();
    us.push(perOperation(start, await pass()));
  }
  return { us };
}

function perOperation(start, operations) {
  return rounded(((performance.now() - start) * 1000) / operations);
}

function readKeys(sample) {
  return fs.readFileSync(sample, 'utf8').split('\n');
}

function progress(done) {
  process.send({ done });
}

async function main([name, args]) {
  // Nobody is left to be told: whoever began this is gone.
  const orphaned = () => process.exit(1);
  process.once('disconnect', orphaned);
  const { home, data, ...rest } = JSON.parse(args);
  // The second pass of a read from the cache would ask the store nothing.
  const agent = await loadAgent(home, data, { ...NOT_SYNCED, ...NO_CACHE });
  const memory = watchMemory();
  const found = await phases[name](agent, rest);
  const result = { ...found, memory: memory() };
  await agent.close();
  process.off('disconnect', orphaned);
  process.send({ result }, () => process.disconnect());
  await once(process, 'disconnect');
}

await main(process.argv.slice(2));
