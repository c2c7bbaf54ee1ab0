'use strict';
// Faults in the system calls of a running process, injected by strace.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./folder.js');

/** What a caller is told of an error of the system. */
const TOLD = {
  EIO: { code: 'JACS_UNAVAILABLE', retryable: false },
  ENOSPC: { code: 'JACS_UNAVAILABLE', retryable: true },
  EMFILE: { code: 'JACS_UNAVAILABLE', retryable: true },
  EACCES: { code: 'JACS_PERMISSION', retryable: false },
};

/**
 * Lets system calls of a process fail while `work` runs: `{ outcome, hits }`, what `work` resolved to and how many calls
 * were hit. `fault` is as strace has it: `fsync:error=EIO:when=2`. Only calls on the paths `on` count, when there are any:
 * on a directory that means everything in it that is named relative to it; a bare name means that name, wherever it is.
 */
async function withFault(pid, fault, on, work) {
  const log = path.join(temporaryFolder(), 'strace');
  const [calls] = fault.split(':');
  const flags = ['-f', '-p', String(pid), '-o', log, '-e', `trace=${calls}`, '-e', `inject=${fault}`];
  const strace = spawn('strace', [...flags, ...on.flatMap((place) => ['-P', place])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = new Promise((resolve) => {
    strace.on('close', resolve);
  });
  await attached(strace);
  const outcome = await work().finally(() => {
    strace.kill('SIGINT');
    return closed;
  });
  const hits = fs.readFileSync(log, 'utf8').match(/\((INJECTED|DELAYED)\)/g)?.length ?? 0;
  return { outcome, hits };
}

/** From then on no thread of the process makes a call that strace does not see. */
function attached(strace) {
  return new Promise((resolve, reject) => {
    let said = '';
    strace.on('error', reject);
    strace.on('close', () => reject(new Error(`strace: ${said}`)));
    strace.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (/ attached/.test(said)) resolve();
    });
  });
}

module.exports = { TOLD, withFault };
