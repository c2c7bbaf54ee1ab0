// Servers for the time of a test run. The process that starts them stops them when its standard input ends: so they end
// with the run, also after ^C or a kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../process.mjs';
import { stateFile } from './all.mjs';

const SCRIPT = fileURLToPath(new URL('../servers.mjs', import.meta.url));

/**
 * Starts what is installed, in a new directory. Resolves to `{ file, complete, stop }`: what JACS_TEST_SERVERS shall be,
 * whether all of it started, and what ends the servers and removes the directory.
 */
export async function startServers() {
  const dir = newDirectory();
  // In a group of its own: ^C must not end the servers before the tests that use them.
  const args = [SCRIPT, '--attached', '--dir', dir];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const complete = await Promise.race([said(child), closed.then(() => false)]);
  const stop = () => {
    child.stdin.end();
    return closed;
  };
  return { file: stateFile(dir), complete, stop };
}

function said(child) {
  return new Promise((resolve) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      process.stdout.write(chunk);
      text += chunk;
      const found = /^(ready|failed)$/m.exec(text);
      if (found) resolve(found[1] === 'ready');
    });
  });
}

// Apache serves as www-data, who must be able to enter; a home of root is closed to others.
function newDirectory() {
  const target = path.join(root, 'target');
  fs.mkdirSync(target, { recursive: true });
  const parent = openToAll(target) ? target : fs.realpathSync(os.tmpdir());
  const dir = fs.mkdtempSync(path.join(parent, 'servers-'));
  fs.chmodSync(dir, 0o711);
  return dir;
}

function openToAll(folder) {
  if (!(fs.statSync(folder).mode & 0o001)) return false;
  return folder === path.dirname(folder) || openToAll(path.dirname(folder));
}
