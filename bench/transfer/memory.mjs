// The memory of a migration from one folder to another.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeStore } from './store.mjs';

const IDLE = fileURLToPath(new URL('idle.mjs', import.meta.url));
const WORKER = fileURLToPath(new URL('migrate.mjs', import.meta.url));

/** `{ idleMiB, peakMiB }`; what was made is removed. */
export async function memoryOf(place, documents) {
  const store = await makeStore(place, documents);
  const idleMiB = await peak([IDLE]);
  const peakMiB = await peak([WORKER, store.config, path.join(place, 'copy'), String(documents)]);
  fs.rmSync(place, { recursive: true });
  return { idleMiB, peakMiB };
}

/** The most that a process had in memory, in MiB; it writes that to its last line. */
async function peak(args) {
  const child = spawn(process.execPath, ['--import', fileURLToPath(new URL('peak.mjs', import.meta.url)), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (piece) => (text += piece));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`a migration ended with ${code}`);
  return Number(text.trim().split('\n').at(-1));
}
