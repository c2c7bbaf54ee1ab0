// How fast does a whole store get to S3, every document verified before it is copied and read back after it, beside programs
// that copy its files? And how much memory does that take, however many documents there are?
//   node bench/transfer.mjs [--check] [--only TEXT] [--rounds N] [--documents N] [--many N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names. Then, and with other
// numbers of documents, no file is kept.
// Needs the release addon (npm run build), rclone and awscli (npm run servers:install), and Ceph's gateway: that of
// JACS_TEST_SERVERS or of `npm run servers`; else it is started. Files go to TMPDIR: 24 GB for a million documents.
//
// - Documents are 1 KiB of JSON, signed: about 2 KB each. Every copy goes to an empty prefix of one bucket on one gateway over
//   plain HTTP on this machine, by a process of its own, in turns; the clock begins before the process and ends with it.
// - migrate reads a document, verifies hash and signature, puts it on the condition that nothing is there, reads it back and
//   compares, and gives the Merkle roots of both sides. rclone and `aws s3 sync` put the files, as they do by default; rclone
//   asks for the head of each afterwards.
// - Memory is that of a process with an agent loaded, and the most that it takes in the call: from a folder to a folder.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './support/measure.mjs';
import { orders } from './support/orders.mjs';
import { runPhase } from './support/phase.mjs';
import { aligned, save, verdict } from './support/record.mjs';
import { newAgent } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';
import { migrations } from './transfer/migrations.mjs';
import { fillStore } from './transfer/store.mjs';

const DOCUMENTS = 10_000;
const MANY = { few: 10_000, many: 1_000_000 };
/** Documents of one call that makes them. */
const CHUNK = 1000;
/** What a call may take above an idle process, however many documents there are. */
const MEMORY_MIB = 150;

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    documents: { type: 'string', default: String(DOCUMENTS) },
    many: { type: 'string', default: String(MANY.many) },
  },
});
const [documents, many, rounds] = [Number(flags.documents), Number(flags.many), Number(flags.rounds)];
const asked = (name) => name.includes(flags.only);
const workplace = Workplace.open(documents + 2 * many + 2 * MANY.few);

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  await (await newAgent(home, 'ring-Ed25519')).close();
  const texts = orders(CHUNK);
  const comparisons = [];
  if (['migrate; rclone copy', 'migrate; aws s3 sync'].some(asked)) {
    const data = await fillStore(home, workplace.unused(), texts, documents);
    comparisons.push(...(await migrations({ data, rounds, documents, asked })));
  }
  const memory = [];
  if (asked('memory')) {
    for (const count of [MANY.few, many]) {
      const from = await fillStore(home, workplace.unused(), texts, count);
      const args = { home, data: workplace.unused(), from, to: workplace.unused(), expected: count };
      const { memory: taken, us } = await runPhase('migrate', args);
      memory.push({ name: `migrate ${count} documents`, ...taken, us, targetMiB: MEMORY_MIB });
    }
  }
  for (const one of memory) one.met = one.peakMiB - one.idleMiB < MEMORY_MIB;
  print(comparisons, memory);
  const usual = documents === DOCUMENTS && many === MANY.many && !flags.only;
  if (usual) {
    const results = { documents, comparisons, memory };
    save(fileURLToPath(new URL('results', import.meta.url)), 'transfer', workplace.folder, results);
  }
  return flags.check && [...comparisons, ...memory].some(({ met }) => !met) ? 1 : 0;
}

function print(comparisons, memory) {
  const lines = [['seconds a copy', 'ours', 'peer', 'times', 'target', '']];
  for (const { name, samples, ratio, target, met } of comparisons) {
    const seconds = (side) => (median(samples[side]) / 1000).toFixed(2);
    lines.push([name, seconds('ours'), seconds('peer'), ratio.toFixed(2), `>= ${target}`, verdict(met)]);
  }
  lines.push([], ['resident memory in MiB', 'idle', 'peak', 'over', 'target', '']);
  for (const { name, idleMiB, peakMiB, targetMiB, met } of memory) {
    const cells = [idleMiB, peakMiB, peakMiB - idleMiB].map((value) => value.toFixed(1));
    lines.push([name, ...cells, `< ${targetMiB}`, verdict(met)]);
  }
  console.log(aligned(lines));
}
