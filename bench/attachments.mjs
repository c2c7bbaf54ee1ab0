// How fast do files get into a store and into documents, and out again, beside programs and clients that sign nothing? And
// how much memory does a large one take?
//   node bench/attachments.mjs [--check] [--only TEXT] [--rounds N] [--divide N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names. --rounds: of those on
// the disk; twice as many on servers, three times as many of what is embedded. --divide: files of an Nth of the size, for
// a trial. With --only and --divide no file is kept.
// Needs the release addon (npm run build), and for some of the questions Ceph's gateway and Apache: those of
// JACS_TEST_SERVERS or of `npm run servers`; else they are started. Files go to TMPDIR: 8 GB, and on the servers' disk
// 4 GB; each is removed right after its pass.
//
// The files are random bytes, which are in the system's memory when a pass begins; all that was written before is on the
// disk then. One operation is one file.
// - On a disk, createDocument reads, hashes, writes and syncs the file in one pass, and has signed and stored the document.
//   The peer does it in three: cp, sync of the copy, sha256sum of the copy. Where sha256sum does not know the processor's
//   instructions for SHA-256 it takes most of that time; `parts` tells.
// - On S3 and WebDAV, ours hashes the file before it sends it, and again on the way; it asks first whether the bytes are
//   there, and writes the document. The peers send the file. Each side is a process of its own, whose processors' time is
//   counted. S3: the SDK's Upload sends 5 MiB parts, four at a time; then 8 MiB, as ours, without checksums that S3 does
//   not demand.
// - Embedded, the peer makes base64 of the bytes, JSON with that in it, and the SHA-256 of the text; ours also hashes the
//   bytes, signs, and gives the text back.
// - Memory is that of a process with its agent loaded and a document stored, and the most that it takes after that.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { onDisk } from './attachments/disk.mjs';
import { embedding } from './attachments/embedding.mjs';
import { openPlace } from './attachments/places.mjs';
import { printAttachments } from './attachments/report.mjs';
import { residentMemory } from './attachments/resident.mjs';
import { onServers } from './attachments/servers.mjs';
import { MIB, sources } from './attachments/source.mjs';
import { answer } from './support/answer.mjs';
import { save } from './support/record.mjs';
import { newAgent } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';

/** MiB. `embedded` is asked of once and of ten times as much. */
const SIZES = { disk: 2048, server: 256, serverMemory: 1024, embedded: 1 };

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    divide: { type: 'string', default: '1' },
  },
});
const divided = Number(flags.divide);
const sizes = Object.fromEntries(
  Object.entries(SIZES).map(([name, mib]) => [name, Math.max(1, Math.floor(mib / divided))]),
);
// The files, and of the largest two that are made of it.
const workplace = Workplace.open(0, (3 * sizes.disk + sizes.server + sizes.serverMemory) * MIB);
const places = new Map();
const running = [];

try {
  process.exitCode = await main();
} finally {
  await Promise.all(running.map((side) => side.stop()));
  for (const opened of places.values()) await (await opened)?.close();
  await workplace.close();
}

async function main() {
  const home = path.join(workplace.folder, 'agent');
  await (await newAgent(home, 'ring-Ed25519')).close();
  const bench = { workplace, home, running, place, sizes, source: sources(workplace.folder) };
  const asked = (name) => name.includes(flags.only);
  const comparisons = [];
  for (const question of [...onDisk(bench), ...embedding(bench), ...onServers(bench)]) {
    if (asked(question.name) && (await canBeAsked(question))) comparisons.push(await ask(question));
  }
  const memory = await residentMemory(bench, asked);
  const results = { sizes, comparisons, memory };
  printAttachments(results);
  if (!flags.only && divided === 1) {
    save(fileURLToPath(new URL('results', import.meta.url)), 'attachments', workplace.folder, results);
  }
  return flags.check && [...comparisons, ...memory].some(({ met }) => met === false) ? 1 : 0;
}

async function ask({ name, target, peerIsProcess, times = 1, sides }) {
  const { ours, peer, parts, close } = await sides();
  const rounds = times * Number(flags.rounds);
  const answered = await answer({ name, target, peerIsProcess, ours, peer }, rounds);
  await close?.();
  if (!parts) return answered;
  // Without those of the passes that warmed up.
  const measured = Object.entries(parts).map(([part, samples]) => [part, samples.slice(-rounds)]);
  return { ...answered, parts: Object.fromEntries(measured) };
}

async function canBeAsked({ name, server }) {
  if (!server || (await place(server))) return true;
  console.log(`left out: ${name}: it needs ${server}: npm run servers:install, as root`);
  return false;
}

/** The place on a server, opened when it is needed first. */
function place(server) {
  if (!places.has(server)) places.set(server, openPlace(server));
  return places.get(server);
}
