// How fast is a store of documents on this machine's disk checked, beside what its cores can verify at all? And in how much
// memory?
//   node bench/check.mjs [--check] [--documents N] [--memory N] [--rounds N]
// The floor: workers, as many as there are cores, that verify other texts of the same size, which are in memory already.
// --check: exit code 1 when a target is missed. --memory: documents of a store that is checked in a process of its own.
// Needs the release addon: npm run build. Files go to TMPDIR: 1.2 GB for 100,000 documents.
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answer, must } from './support/answer.mjs';
import { runPhase } from './support/phase.mjs';
import { print, save } from './support/record.mjs';
import { loadAgent, NOT_SYNCED, prepareBeside } from './support/subjects.mjs';
import { Verifiers } from './support/verifiers.mjs';
import { Workplace } from './support/workplace.mjs';
import { fillStore } from './transfer/store.mjs';

const DOCUMENTS = 100_000;
const TEXTS = 1000;
const TARGET = { times: 0.7, memoryMiB: 150 };

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    documents: { type: 'string', default: String(DOCUMENTS) },
    memory: { type: 'string', default: String(DOCUMENTS) },
    rounds: { type: 'string', default: '5' },
  },
});
const [documents, remembered, rounds] = ['documents', 'memory', 'rounds'].map((name) => Number(flags[name]));
const workplace = Workplace.open(Math.max(documents, remembered) + documents);

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  const { agent, texts, signed } = await prepareBeside(home, TEXTS);
  await agent.close();
  const data = await fillStore(home, workplace.unused(), texts, documents);
  const cores = os.availableParallelism();
  const verifiers = await Verifiers.start(cores, { home, data, texts: signed });
  const comparison = await answer(
    {
      name: `check, ${documents} documents; ${cores} cores that verify as many`,
      target: TARGET.times,
      ours: () => checked(home, data, documents),
      peer: () => verifiers.verify(documents),
      peerIsProcess: false,
    },
    rounds,
  );
  await verifiers.stop();
  const large = remembered === documents ? data : await fillStore(home, workplace.unused(), texts, remembered);
  const { memory, us } = await runPhase('check', { home, data: large, expected: remembered });
  const taken = { name: `rss, check, ${remembered}`, ...memory, us, target: TARGET.memoryMiB };
  taken.met = memory.peakMiB < TARGET.memoryMiB;
  const results = { documents, comparisons: [comparison], memory: [taken] };
  print(results);
  if (documents === DOCUMENTS)
    save(fileURLToPath(new URL('results', import.meta.url)), 'check', workplace.folder, results);
  return flags.check && [comparison, taken].some(({ met }) => !met) ? 1 : 0;
}

async function checked(home, data, expected) {
  const agent = await loadAgent(home, data, NOT_SYNCED);
  const { scanned, findings, complete } = await agent.check();
  await agent.close();
  // The agent's own document is in the store, too.
  must(
    complete && findings.length === 0 && scanned === expected + 1,
    `${scanned} objects, ${findings.length} findings`,
  );
  return expected;
}
