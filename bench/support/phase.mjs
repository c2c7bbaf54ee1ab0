// Work in a process of its own, so that its memory is its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('phases.mjs', import.meta.url));

/** Runs a phase of phases.mjs; resolves to what it gives and its `memory`. `onProgress` is told how much is done. */
export async function runPhase(name, args, onProgress = () => {}) {
  const child = fork(SCRIPT, [name, JSON.stringify(args)]);
  let result;
  child.on('message', (message) => {
    if (message.result) result = message.result;
    else onProgress(message.done);
  });
  // The channel closes when all its messages were read; the exit code alone may come before.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  if (code !== 0 || !result) throw new Error(`the phase ${name} failed: ${signal ?? `exit code ${code}`}`);
  return result;
}
