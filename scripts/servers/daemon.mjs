// Programs that run in the background. A record `{ name, pid, command, args }` says how one was started; it goes to a
// file and is still enough, in another process, to tell whether that program runs and to end it and nothing else.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../process.mjs';

// Servers are often in sbin, which only root has on its PATH.
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const environment = { ...process.env, PATH };

/** Whether a program is on the PATH or in a place for servers. */
export function installed(command) {
  if (command.includes('/')) return fs.existsSync(command);
  return PATH.split(':').some((folder) => fs.existsSync(`${folder}/${command}`));
}

/** Runs a program to its end; its standard output. */
export function tool(command, args, { seconds = 120, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env: environment, timeout: seconds * 1000 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      // The arguments may hold a secret key: only the name is told.
      reject(new Failure(`${command} ${args[0]}: ${stderr.trim().split('\n').pop() || error.code || error.signal}`));
    });
    child.stdin.end(input);
  });
}

/** Starts a program at the head of a process group of its own, so that ^C here does not reach it. */
export function launch(name, command, args, log) {
  const output = fs.openSync(log, 'a', 0o600);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: environment, detached: true, stdio: ['ignore', output, output] });
    fs.closeSync(output);
    child.once('error', (error) => reject(new Failure(`${command}: ${error.message}`)));
    child.once('spawn', () => {
      child.unref();
      resolve({ name, pid: child.pid, command, args });
    });
  });
}

/** Whether the program that was started still is what runs under its pid. */
export function runs(record) {
  return members(record).includes(record.pid);
}

/** Ends a program with all that it started; one that was stopped by a signal is woken up for it. */
export async function end(record, seconds = 20) {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const pids = members(record);
    if (signal === 'SIGTERM') send(pids.includes(record.pid) ? [record.pid] : pids, signal);
    else send(pids, signal);
    send(pids, 'SIGCONT');
    const until = Date.now() + seconds * 1000;
    while (members(record).length > 0 && Date.now() < until) await sleep(50);
  }
}

/** Waits until `works` gives true; fails when the program ends before that, or after some time. */
export async function ready(record, works, seconds = 180) {
  const until = Date.now() + seconds * 1000;
  while (!(await works())) {
    if (!runs(record)) throw new Failure(`${record.name} ended while it started`);
    if (Date.now() > until) throw new Failure(`${record.name} did not answer for ${seconds} s`);
    await sleep(100);
  }
}

/** Whether something that speaks HTTP answers; any status will do. */
export async function answers(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000), redirect: 'manual' });
    await response.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * Ports of the loopback that nothing listens on. They are below those that the system gives to outgoing connections:
 * a server that is down for a moment finds its port free again.
 */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

// The processes of the group that run what was started: a pid alone may have gone to another program since.
function members({ pid, args }) {
  return fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((candidate) => groupOf(candidate) === pid && argumentsOf(candidate).endsWith(`\0${args.join('\0')}\0`));
}

function groupOf(pid) {
  // pid (name) state parent group ...; the name may hold anything.
  const [state, , group] = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  return state === 'Z' ? undefined : Number(group);
}

function argumentsOf(pid) {
  return read(`/proc/${pid}/cmdline`);
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function send(pids, signal) {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
}
