// How fast are documents written to a disk, read from it and listed, beside plain files, `find` and `tar`?
//   node bench/fs.mjs [--check] [--only TEXT] [--rounds N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names; no file is kept.
// Needs the release addon: npm run build. Files go to TMPDIR: let that be the disk that you ask about.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listing, listingMemory } from './fs/listing.mjs';
import { reading } from './fs/reading.mjs';
import { writing } from './fs/writing.mjs';
import { answer } from './support/answer.mjs';
import { print, save } from './support/record.mjs';
import { prepareBeside } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';

const DOCUMENTS = 2000;
const CONCURRENCY = 64;
const BATCH = 10_000;
const LISTED = 100_000;

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '9' },
  },
});
const rounds = Number(flags.rounds);
// Two passes a side warm up. The small questions take some passes a round.
const workplace = Workplace.open(LISTED + (rounds + 2) * (2 * BATCH + 8 * DOCUMENTS));

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  const sizes = { concurrency: CONCURRENCY, batch: BATCH, listed: LISTED };
  const bench = { workplace, home, ...sizes, ...(await prepareBeside(home, DOCUMENTS)) };
  const asked = ({ name }) => name.includes(flags.only);
  const comparisons = [];
  for (const question of [...writing(bench), ...reading(bench), ...listing(bench)].filter(asked)) {
    const { sides, ...rest } = question;
    comparisons.push(await answer({ ...rest, ...(await sides()) }, rounds));
  }
  const memory = [];
  for (const { name, measure } of listingMemory(bench).filter(asked)) memory.push({ name, ...(await measure()) });
  await bench.agent.close();
  const results = { documents: DOCUMENTS, ...sizes, comparisons, memory };
  print(results);
  if (!flags.only) save(fileURLToPath(new URL('results', import.meta.url)), 'fs', workplace.folder, results);
  return flags.check && comparisons.some(({ met }) => met === false) ? 1 : 0;
}
