// Programs of the system as peers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const NEWLINE = '\n'.charCodeAt(0);

/** Runs a program, reads all that it prints, and resolves to the number of its lines. */
export async function linesOf(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let lines = 0;
  child.stdout.on('data', (chunk) => {
    for (const byte of chunk) if (byte === NEWLINE) lines++;
  });
  const [code] = await closed;
  if (code !== 0) throw new Error(`${program} failed with exit code ${code}`);
  return lines;
}
