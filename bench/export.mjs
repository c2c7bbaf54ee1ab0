// How fast is a store written to an archive, beside `tar` with pigz on both cores, and how much memory does it take?
//   node bench/export.mjs [--check] [--documents N] [--rounds N] [--bytes N]
// --check: exit code 1 when a target is missed. --bytes: of the file whose export and import are measured for memory.
// Where pigz is not installed, bench/transfer/pack.py does what it does. Needs the release addon: npm run build.
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { answer, must } from './support/answer.mjs';
import { orders } from './support/orders.mjs';
import { linesOf } from './support/process.mjs';
import { print, save } from './support/record.mjs';
import { loadAgent, newAgent, NOT_SYNCED } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';

const run = promisify(execFile);
const DOCUMENTS = 10_000;
const BATCH = 1000;
const BYTES = 2 ** 31;
const TARGET = 0.9;
/** That of gzip, pigz and ourselves, when nobody says. */
const LEVEL = 6;

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    documents: { type: 'string', default: String(DOCUMENTS) },
    rounds: { type: 'string', default: '7' },
    bytes: { type: 'string', default: String(BYTES) },
  },
});
const [documents, rounds, bytes] = ['documents', 'rounds', 'bytes'].map((name) => Number(flags[name]));
const workplace = Workplace.open(2 * documents, 6 * bytes);
const here = fileURLToPath(new URL('transfer', import.meta.url));

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  const data = workplace.unused();
  await (await newAgent(home, 'ring-Ed25519')).close();
  const agent = await loadAgent(home, data, NOT_SYNCED);
  const texts = orders(documents);
  for (let at = 0; at < documents; at += BATCH) await agent.createDocuments(texts.slice(at, at + BATCH));
  const pack = spawnSync('pigz', ['--version']).status === 0 ? `pigz -${LEVEL}` : `python3 "$3" ${LEVEL}`;
  const command = `tar -C "$1" -cf - . | ${pack} > "$2" && sync "$2"`;
  const comparisons = [
    await answer(
      {
        name: `export of ${documents} documents; tar | ${pack.split(' ')[0]} -${LEVEL}`,
        target: TARGET,
        peerIsProcess: true,
        ours: async () => {
          const report = await agent.exportArchive(workplace.unused());
          must(report.copied === documents + 1 && report.failed === 0, 'not everything was exported');
          return documents;
        },
        peer: async () => {
          await linesOf('sh', ['-c', command, 'sh', data, workplace.unused(), path.join(here, 'pack.py')]);
          return documents;
        },
      },
      rounds,
    ),
  ];
  const sizes = await sizesOf(agent, command, data);
  const memory = [];
  for (const [name, file] of [
    ['documents', 0],
    ['one file', bytes],
  ])
    memory.push(...(await measured(name, file, { home, data })));
  await agent.close();
  const results = { documents, bytes, level: LEVEL, sizes, comparisons, memory };
  print(results);
  console.log(`\nbytes of the archive: ours ${sizes.ours}, peer ${sizes.peer}`);
  for (const { name, ms } of memory) console.log(`${name}: ${(ms / 1000).toFixed(2)} s`);
  if (documents === DOCUMENTS && bytes === BYTES)
    save(fileURLToPath(new URL('results', import.meta.url)), 'export', workplace.folder, results);
  return flags.check && comparisons.some(({ met }) => met === false) ? 1 : 0;
}

async function sizesOf(agent, command, data) {
  const [ours, peer] = [workplace.unused(), workplace.unused()];
  await agent.exportArchive(ours);
  await linesOf('sh', ['-c', command, 'sh', data, peer, path.join(here, 'pack.py')]);
  return { ours: fs.statSync(ours).size, peer: fs.statSync(peer).size };
}

/** An export and an import, each in a process of its own: of the documents, or of a store with one long file. */
async function measured(name, length, { home, data }) {
  const from = length > 0 ? await storeWithFile(home, length) : data;
  const archive = workplace.unused();
  const lines = [];
  for (const [verb, store] of [
    ['export', from],
    ['import', workplace.unused()],
  ]) {
    const args = [path.join(here, 'archive.mjs'), verb, home, store, archive];
    const found = JSON.parse((await run(process.execPath, args)).stdout);
    must(found.failed === 0, `the ${verb} was not whole`);
    lines.push({ name: `${verb} of ${name}`, ...found });
  }
  return lines;
}

async function storeWithFile(home, length) {
  const [file, store] = [workplace.unused(), workplace.unused()];
  // As hard to pack as text in base64 is.
  const line = `head -c $(($1 * 3 / 4)) /dev/urandom | base64 -w 0 | head -c $1 > "$2"`;
  await linesOf('sh', ['-c', line, 'sh', String(length), file]);
  const agent = await loadAgent(home, store, NOT_SYNCED);
  await agent.createDocument({ title: 'with a long file' }, { attachments: file });
  await agent.close();
  return store;
}
