'use strict';
// The servers that `npm run servers` or `npm test` started, servers of a test's own, and other clients of both.

const { execFile } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');
const { root } = require('./addon.js');
const { s3 } = require('./s3.js');

const execute = promisify(execFile);
const script = path.join(root, 'scripts', 'servers.mjs');
const file = process.env.JACS_TEST_SERVERS ?? path.join(root, 'target', 'servers', 'servers.json');

/**
 * What runs; undefined what does not.
 * - `rgw` (Ceph) and `moto`: `{ endpoint, region, accessKey, secretKey }`; `rgw.second` is another user's keys.
 * - `dav` (Apache): `{ url, tlsUrl, ca, username, password, token, data }`; `ca` is a file, `data` a folder.
 * - `dns` (bind9): `{ address, anchor }`; `anchor` is the file of its trust anchor.
 */
const servers = readServers(file);

function readServers(from) {
  if (!fs.existsSync(from)) return {};
  const all = Object.entries(JSON.parse(fs.readFileSync(from, 'utf8')));
  return Object.fromEntries(all.filter(([, { processes }]) => processes.every(isRunning)));
}

function isRunning({ pid, args }) {
  return readIfThere(`/proc/${pid}/cmdline`).endsWith(`\0${args.join('\0')}\0`);
}

/** The name of a new bucket, at Ceph unless said otherwise. `lock` makes it for object locks, which are versioned. */
async function newBucket({ at = servers.rgw, as = at, versioned = false, lock = false } = {}) {
  const name = `jacs-${randomBytes(8).toString('hex')}`;
  const headers = lock ? { 'x-amz-bucket-object-lock-enabled': 'true' } : {};
  expectSuccess(await s3('PUT', name, { at, as, headers }));
  if (versioned) {
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    expectSuccess(await s3('PUT', name, { at, as, query: { versioning: '' }, body }));
  }
  return name;
}

function expectSuccess({ status, body }) {
  if (status !== 200) throw new Error(`the bucket was not made: ${status} ${body}`);
}

/** A new empty folder at a WebDAV server: `{ name, url, tlsUrl, folder }`, where `folder` is its path on the disk. */
function newCollection({ at = servers.dav } = {}) {
  const name = `jacs-${randomBytes(8).toString('hex')}`;
  const folder = path.join(at.data, name);
  fs.mkdirSync(folder);
  const { uid, gid } = fs.statSync(at.data);
  fs.chownSync(folder, uid, gid);
  return { name, url: `${at.url}/${name}`, tlsUrl: `${at.tlsUrl}/${name}`, folder };
}

/** Runs the AWS command line; what it answered, parsed, or undefined when it said nothing. */
async function aws(args, { at = servers.rgw, as = at } = {}) {
  const env = {
    ...environment(),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    AWS_DEFAULT_REGION: at.region,
    AWS_ACCESS_KEY_ID: as.accessKey,
    AWS_SECRET_ACCESS_KEY: as.secretKey,
  };
  const { stdout } = await execute('aws', ['--endpoint-url', at.endpoint, '--output', 'json', ...args], { env });
  return stdout.trim() === '' ? undefined : JSON.parse(stdout);
}

/** Runs s3cmd; what it printed. */
async function s3cmd(args, { at = servers.rgw, as = at } = {}) {
  const { host } = new URL(at.endpoint);
  const where = [`--host=${host}`, `--host-bucket=${host}`, `--region=${at.region}`, '--no-ssl'];
  const who = [`--access_key=${as.accessKey}`, `--secret_key=${as.secretKey}`];
  const { stdout } = await execute('s3cmd', ['--config=/dev/null', ...where, ...who, ...args], { env: environment() });
  return stdout;
}

/** Runs rclone, for which `s3:` is an S3 server and `dav:` a WebDAV server; what it printed. */
async function rclone(args, { at = servers.rgw, as = at, dav = servers.dav } = {}) {
  const env = { ...environment(), RCLONE_CONFIG: '' };
  if (at) {
    remote(env, 's3', { type: 's3', provider: 'Ceph', endpoint: at.endpoint, region: at.region });
    remote(env, 's3', { access_key_id: as.accessKey, secret_access_key: as.secretKey });
  }
  if (dav) {
    const { stdout: pass } = await execute('rclone', ['obscure', dav.password], { env });
    remote(env, 'dav', { type: 'webdav', vendor: 'other', url: dav.url, user: dav.username, pass: pass.trim() });
  }
  const { stdout } = await execute('rclone', args, { env, maxBuffer: 1 << 28 });
  return stdout;
}

function remote(env, name, settings) {
  for (const [key, value] of Object.entries(settings)) {
    env[`RCLONE_CONFIG_${name}_${key}`.toUpperCase()] = value;
  }
}

// Without the settings that the person who runs the tests may have for a cloud of their own.
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS|RCLONE)_/.test(name)));
}

const own = new Set();

/**
 * A WebDAV server of the test's own, as `servers.dav` and with what `Own` can do; `depthInfinity: false` refuses to list
 * more than one level.
 */
function startDav({ depthInfinity = true } = {}) {
  return startOwn('dav', depthInfinity ? [] : ['--flat']);
}

/** A second gateway to the cluster of `servers.rgw`: the same users and buckets at another endpoint. 2 s. */
function startGateway() {
  return startOwn('gateway', ['--cluster', path.dirname(file)]);
}

/** A Ceph cluster of the test's own, for tests that kill or stop its storage. 15 s. */
function startRgw() {
  return startOwn('rgw', []);
}

/** A server of the test's own, by its name among those of `npm run servers`. */
async function startOwn(name, options) {
  // Under the directory of the other servers: should this process die, whoever ends those ends this one.
  const dir = path.join(path.dirname(file), 'extra', randomBytes(6).toString('hex'));
  own.add(dir);
  const start = async () => {
    await execute(process.execPath, [script, 'start', '--dir', dir, '--only', name, ...options]);
    return JSON.parse(fs.readFileSync(path.join(dir, 'servers.json'), 'utf8'))[name];
  };
  const server = await start();
  return Object.assign(server, {
    /** Sends a signal to the server and its children; to one process of a cluster by its name. */
    signal: (signal, only) => signalled(server.processes, signal, only),
    kill: (only) => signalled(server.processes, 'SIGKILL', only),
    freeze: (only) => signalled(server.processes, 'SIGSTOP', only),
    thaw: (only) => signalled(server.processes, 'SIGCONT', only),
    /** Starts again what does not run, at the same address with the same data; resolves when it answers. */
    restart: async () => Object.assign(server, await start()),
    stop: () => ended(dir),
  });
}

// A server's first process leads a process group. A signal takes effect a moment after it was sent.
async function signalled(processes, signal, only) {
  const groups = processes.filter(({ name }) => only === undefined || name === only).map(({ pid }) => pid);
  for (const group of groups) process.kill(-group, signal);
  const done = {
    SIGKILL: (states) => states.length === 0,
    SIGSTOP: (states) => states.every((state) => state === 'T'),
  };
  while (done[signal] && !done[signal](statesOf(groups))) await sleep(5);
}

// The states of all threads in some process groups. What has ended and was not yet waited for has none.
function statesOf(groups) {
  const inGroups = (stat) => groups.includes(Number(stat[2]));
  const processes = numbersIn('/proc').filter((pid) => inGroups(statOf(`/proc/${pid}`)));
  return processes
    .flatMap((pid) => numbersIn(`/proc/${pid}/task`).map((thread) => statOf(`/proc/${pid}/task/${thread}`)[0]))
    .filter((state) => state !== '' && state !== 'Z' && state !== 'X');
}

function statOf(folder) {
  // pid (name) state parent group ...; the name may hold anything.
  return readIfThere(`${folder}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
}

function numbersIn(folder) {
  try {
    return fs.readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function ended(dir) {
  if (!own.delete(dir)) return;
  await execute(process.execPath, [script, 'stop', '--dir', dir]);
  fs.rmSync(dir, { recursive: true, force: true });
}

afterAll(() => Promise.all([...own].map(ended)));

module.exports = {
  ...{ servers, newBucket, newCollection, aws, s3cmd, rclone, s3 },
  ...{ startDav, startGateway, startRgw, startOwn },
};
