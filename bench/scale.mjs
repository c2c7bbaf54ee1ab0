// Does a store of a million documents cost more a document than one of ten thousand, and how much memory does it take?
//   node bench/scale.mjs [--check] [--documents N] [--versions N]
// --check: exit code 1 when a target is missed. With another number of documents or versions no file is kept.
// Needs the release addon: npm run build. Files go to TMPDIR: 12 GB for a million documents, removed at the end.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, rounded } from './support/measure.mjs';
import { runPhase } from './support/phase.mjs';
import { aligned, save, verdict } from './support/record.mjs';
import { newAgent } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';

const DOCUMENTS = { few: 10_000, many: 1_000_000 };
const VERSIONS = { few: 1000, many: 10_000 };
const TARGET = { growth: 1.5, memoryMiB: 200 };
const PASSES = 3;
/** Chunks at the beginning and at the end that tell what a document costs to make then. */
const CHUNKS = 10;
const PROGRESS_MS = 5000;

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    documents: { type: 'string', default: String(DOCUMENTS.many) },
    versions: { type: 'string', default: String(VERSIONS.many) },
  },
});
const documents = { few: DOCUMENTS.few, many: atLeastTwice('documents', DOCUMENTS.few) };
const versions = { few: VERSIONS.few, many: atLeastTwice('versions', VERSIONS.few) };
const workplace = Workplace.open(documents.many + versions.many);

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  await (await newAgent(home, 'ring-Ed25519')).close();
  const store = { home, data: workplace.unused(), sample: workplace.unused(), passes: PASSES };
  const few = await ofDocuments(store, 0, documents.few);
  const many = await ofDocuments(store, documents.few, documents.many);
  const fewVersions = await ofVersions(store, { from: 0, to: versions.few });
  const manyVersions = await ofVersions(store, { from: versions.few, to: versions.many, key: fewVersions.update.key });
  const last = { ...many.create, us: many.create.us.slice(-CHUNKS) };
  const rows = [
    row('create, the first and the last', documents, few.create, last, TARGET.growth),
    row('list', documents, few.list, many.list, TARGET.growth),
    row('newest of a random 10000', documents, few.newest, many.newest, TARGET.growth),
    row('get of a random 10000', documents, few.get, many.get, TARGET.growth),
    row('versions of one document', versions, fewVersions.versions, manyVersions.versions, TARGET.growth),
    row('update of one document', versions, fewVersions.update, manyVersions.update),
  ];
  console.log(table(rows));
  const usual = documents.many === DOCUMENTS.many && versions.many === VERSIONS.many;
  const results = { documents, versions, target: TARGET, rows, everyChunkUs: many.create.us };
  if (usual) save(fileURLToPath(new URL('results', import.meta.url)), 'scale', workplace.folder, results);
  return flags.check && rows.some(({ met }) => !met) ? 1 : 0;
}

/** Fills the store up and asks it everything. */
async function ofDocuments({ sample, passes, ...store }, from, to) {
  const create = await phase('create', { ...store, from, to, sample }, to);
  const list = await phase('list', { ...store, passes, expected: to }, to);
  const newest = await phase('newest', { ...store, sample, passes }, documents.few);
  const get = await phase('get', { ...store, sample, passes }, documents.few);
  return { create, list, newest, get };
}

async function ofVersions({ home, data, passes }, { from, to, key }) {
  const update = await phase('update', { home, data, from, to, key }, to);
  const versions = await phase('versions', { home, data, key: update.key, expected: to, passes }, to);
  return { update, versions };
}

/** Runs a phase and says on stderr how far it is. */
async function phase(name, args, total) {
  let last = performance.now();
  const say = (text) => process.stderr.write(`${name}: ${text}\n`);
  say(`${total} ...`);
  return runPhase(name, args, (done) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    say(`${done} of ${total}`);
  });
}

/** What an operation costs with few and with many, and the memory of the greater of the two processes. */
function row(name, counts, few, many, target) {
  const [fewUs, manyUs] = [few, many].map(({ us }) => median(us));
  const growth = rounded(manyUs / fewUs);
  const peakMiB = Math.max(few.memory.peakMiB, many.memory.peakMiB);
  const met = peakMiB < TARGET.memoryMiB && (target === undefined || growth <= target);
  return { name, counts, fewUs, manyUs, growth, target, peakMiB, met, few, many };
}

function table(rows) {
  const header = ['microseconds each', 'few', 'us', 'many', 'us', 'growth', 'target', 'MiB', 'target', ''];
  const lines = rows.map(({ name, counts, fewUs, manyUs, growth, target, peakMiB, met }) => [
    ...[name, String(counts.few), fewUs.toFixed(1), String(counts.many), manyUs.toFixed(1), growth.toFixed(2)],
    ...[target ? `<= ${target}` : '', peakMiB.toFixed(1), `< ${TARGET.memoryMiB}`, verdict(met)],
  ]);
  return aligned([header, ...lines]);
}

function atLeastTwice(name, few) {
  const many = Number(flags[name]);
  if (!Number.isInteger(many) || many < 2 * few) throw new Error(`--${name} is a whole number of at least ${2 * few}`);
  return many;
}
