// `npm run servers [-- start | stop | status]`: real S3, WebDAV and DNS servers on this machine, for tests and for trying.
// `--dir DIR` (or JACS_SERVERS_DIR) says where they live, `--only NAME` names one. Without a command they run until ^C.
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Failure, main, root } from './process.mjs';
import { NAMES, processes, readState, startAll, stateFile, stopAll } from './servers/all.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string' },
    only: { type: 'string', multiple: true },
    // For tests that start a server of their own: `--only dav --flat`, `--only gateway --cluster DIR`,
    // `--only dns --zones FILE`.
    flat: { type: 'boolean', default: false },
    cluster: { type: 'string' },
    zones: { type: 'string' },
    // For `npm test`: run until standard input ends, which it does however that process ends; then remove the directory.
    attached: { type: 'boolean', default: false },
  },
});
const from = process.env.INIT_CWD ?? process.cwd();
const chosen = values.dir ?? process.env.JACS_SERVERS_DIR;
const dir = chosen ? path.resolve(from, chosen) : path.join(root, 'target', 'servers');

const COMMANDS = { start, stop, status, run };

main(() => {
  // What must be closed to others says so itself; www-data must reach what Apache serves.
  process.umask(0o022);
  const [name = 'run', ...rest] = positionals;
  if (!Object.hasOwn(COMMANDS, name) || rest.length > 0) throw new Failure('start, stop, status, or no command');
  if (process.platform !== 'linux') throw new Failure('the servers run on Linux only');
  return COMMANDS[name]();
});

async function start() {
  const only = values.only ?? NAMES;
  const cluster = values.cluster && readState(path.resolve(from, values.cluster)).rgw;
  if (only.includes('gateway') && !cluster) throw new Failure('a gateway needs --cluster with the directory of an rgw');
  const zones = values.zones && JSON.parse(fs.readFileSync(path.resolve(from, values.zones), 'utf8'));
  const { failed, lacking } = await startAll(dir, only, { depthInfinity: !values.flat, cluster, zones });
  for (const [name, programs] of lacking) {
    console.log(`left out: ${name}, for it needs ${programs.join(', ')}: npm run servers:install, as root`);
  }
  for (const [name, error] of failed) console.error(`${name}: ${error.message}`);
  status();
  return failed.length > 0 ? 1 : 0;
}

async function stop() {
  await stopAll(dir);
  return status() === 0 ? 1 : 0;
}

function status() {
  const all = processes(dir);
  for (const [name, { pid, name: process }, runs] of all)
    console.log(`${name} ${process} ${pid} ${runs ? 'runs' : 'ended'}`);
  for (const [name, { url, endpoint, address }] of Object.entries(readState(dir)))
    console.log(`${name}: ${url ?? endpoint ?? address}`);
  console.log(stateFile(dir));
  return all.some(([, , runs]) => runs) ? 0 : 1;
}

async function run() {
  const ended = values.attached ? endOfInput() : interrupted();
  try {
    const code = await start();
    if (values.attached) console.log(code === 0 ? 'ready' : 'failed');
    else console.log(`JACS_TEST_SERVERS=${stateFile(dir)} npx jest\n^C stops them`);
    await ended;
    return code;
  } finally {
    await stopAll(dir);
    if (values.attached) fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function interrupted() {
  // Waiting for a signal alone does not keep the process alive.
  const alive = setInterval(() => {}, 1 << 30);
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  clearInterval(alive);
}

async function endOfInput() {
  // What was going to read our output may be gone by then.
  process.stdout.on('error', () => {});
  process.stdin.resume();
  await Promise.race([once(process.stdin, 'end'), once(process, 'SIGTERM'), once(process, 'SIGINT')]);
}
