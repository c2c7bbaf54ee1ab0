// Documents written to a disk. Every pass writes to a new directory, and begins when all that was written before is on
// the disk.
import path from 'node:path';
import { must } from '../support/answer.mjs';
import { writeFiles } from '../support/files.mjs';
import { inFlight } from '../support/measure.mjs';
import { orders } from '../support/orders.mjs';
import { linesOf } from '../support/process.mjs';
import { loadAgent, NOT_SYNCED } from '../support/subjects.mjs';
import { flushDisk } from '../support/workplace.mjs';

export function writing({ workplace, home, texts, signed, concurrency, batch }) {
  /** A side that writes with an agent whose store is new. */
  const agentSide = (settings, run) => ({
    setup() {
      flushDisk();
      return loadAgent(home, workplace.unused(), settings);
    },
    run,
    teardown: (agent) => agent.close(),
  });
  /** A side that writes to a new directory. */
  const folderSide = (run) => ({
    setup() {
      flushDisk();
      return workplace.newFolder();
    },
    run,
  });
  const writeFlushed = folderSide((folder) => writeFiles(folder, signed, concurrency, { flush: true }));
  const batchOf = (texts) => async (agent) => (await agent.createDocuments(texts)).length;
  return [
    {
      name: `createDocument, durable, ${concurrency} in flight; writeFile, flushed, of the same bytes`,
      target: 0.9,
      sides: () => ({
        ours: agentSide({}, (agent) => inFlight(texts, concurrency, (text) => agent.createDocument(text))()),
        peer: writeFlushed,
      }),
    },
    {
      name: `createDocuments, durable, ${texts.length} at once; writeFile, flushed, of the same bytes`,
      sides: () => ({ ours: agentSide({}, batchOf(texts)), peer: writeFlushed }),
    },
    {
      name: `createDocuments, durability none, ${batch} at once; tar -xf of the same tree`,
      target: 0.8,
      peerIsProcess: true,
      async sides() {
        const many = orders(batch);
        const archive = await archiveOf(workplace, home, many);
        const unpack = async (folder) => {
          await linesOf('tar', ['-xf', archive, '-C', folder]);
          return many.length;
        };
        return { ours: agentSide(NOT_SYNCED, batchOf(many)), peer: folderSide(unpack) };
      },
    },
  ];
}

/** A tar of the documents as a batch stores them. */
async function archiveOf(workplace, home, texts) {
  const [data, archive] = [workplace.unused(), workplace.unused()];
  const agent = await loadAgent(home, data, NOT_SYNCED);
  await agent.createDocuments(texts);
  await agent.close();
  await linesOf('tar', ['-cf', archive, '-C', data, 'documents']);
  const files = await linesOf('find', [path.join(data, 'documents'), '-type', 'f']);
  must(files === texts.length, `the store has ${files} files for ${texts.length} documents`);
  return archive;
}
