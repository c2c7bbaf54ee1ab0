// A large file into a store on the disk, and out of it.
import fs from 'node:fs';
import path from 'node:path';
import { linesOf } from '../support/process.mjs';
import { loadAgent } from '../support/subjects.mjs';
import { flushDisk } from '../support/workplace.mjs';
import { createStored, readAll, readHashed } from './calls.mjs';
import { MIB } from './source.mjs';

/** What is written stays no longer than its pass: else the disk would be full soon. */
const remove = (folder) => fs.rmSync(folder, { recursive: true });

export function onDisk(bench) {
  const { workplace, home, source, sizes } = bench;
  return [
    {
      name: `createDocument, ${sizes.disk} MiB to fs; cp, sync, sha256sum`,
      target: 0.9,
      peerIsProcess: true,
      sides() {
        const from = source(sizes.disk);
        const parts = { cp: [], sync: [], sha256sum: [] };
        const ours = {
          async setup() {
            flushDisk();
            const data = workplace.unused();
            return { data, agent: await loadAgent(home, data) };
          },
          async run({ agent }) {
            await createStored(agent, from);
            return 1;
          },
          async teardown({ agent, data }) {
            await agent.close();
            remove(data);
          },
        };
        const peer = {
          setup() {
            flushDisk();
            return workplace.newFolder();
          },
          async run(folder) {
            const copy = path.join(folder, 'copy');
            await timed(parts.cp, 'cp', [from.file, copy]);
            await timed(parts.sync, 'sync', [copy]);
            await timed(parts.sha256sum, 'sha256sum', [copy]);
            return 1;
          },
          teardown: remove,
        };
        return { ours, peer, parts };
      },
    },
    {
      name: `readAttachment, ${sizes.disk} MiB from fs; sha256sum`,
      peerIsProcess: true,
      sides: () => reading(bench, ({ file }) => linesOf('sha256sum', [file])),
    },
    {
      name: `readAttachment, ${sizes.disk} MiB from fs; createReadStream, createHash`,
      sides: () =>
        reading(bench, (stored) => readHashed(fs.createReadStream(stored.file, { highWaterMark: MIB }), stored)),
    },
  ];
}

/** Both sides read the file in the store, which the system has in its memory. */
async function reading({ workplace, home, source, sizes }, readPeer) {
  const from = source(sizes.disk);
  const data = workplace.unused();
  const agent = await loadAgent(home, data);
  const text = await createStored(agent, from);
  flushDisk();
  const stored = { ...from, file: path.join(data, 'files', from.sha256) };
  const once = (read) => async () => {
    await read();
    return 1;
  };
  return {
    ours: once(() => readAll(agent, text, from)),
    peer: once(() => readPeer(stored)),
    async close() {
      await agent.close();
      remove(data);
    },
  };
}

async function timed(milliseconds, program, args) {
  const start = performance.now();
  await linesOf(program, args);
  milliseconds.push(Math.round(performance.now() - start));
}
