'use strict';
// What a suite needs beside node. Where it is missing the suite is left out with its reason; under CI=true it fails.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { releaseAddon, root } = require('./addon.js');
const { servers } = require('./servers.js');

const linux = process.platform === 'linux';
const superuser = linux && process.getuid() === 0;
const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];

/** A command that runs another where there is no network, not even loopback. Needs `no network`. */
const WITHOUT_NETWORK = ['unshare', superuser ? '-n' : '-rn'];

// Each tells whether it works here, by using it.
const TOOLS = {
  strace: { works: () => linux && runs('strace', ['-f', '-o', '/dev/null', 'true']), hint: 'install strace' },
  'strace -p': {
    // It attaches to a process that is not its child, which some systems allow root alone.
    works: () => linux && runs('sh', ['-c', 'sleep 0.3 & exec strace -f -o /dev/null -p $!']),
    hint: 'install strace; run as root, or with the setting kernel.yama.ptrace_scope=0',
  },
  prlimit: { works: () => linux && runs('prlimit', ['--nofile']), hint: 'install prlimit (util-linux)' },
  setpriv: {
    works: () => superuser && runs('setpriv', [...nobody, process.execPath, '--version']),
    hint: 'run as root, with setpriv (util-linux) and a node that every user may run',
  },
  mount: {
    works: () => superuser && runs('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']),
    hint: 'run as root, where mounting a tmpfs is allowed',
  },
  'no network': {
    works: () => linux && runs(WITHOUT_NETWORK[0], [...WITHOUT_NETWORK.slice(1), 'true']),
    hint: 'run as root, or where users may have namespaces of their own (unshare, util-linux)',
  },
  'jacs for Python': {
    works: () => fs.existsSync(python()) && runs(python(), ['-c', 'import jacs']),
    hint: 'npm test makes .venv',
  },
  ...Object.fromEntries(
    ['rgw', 'moto', 'dav', 'dns'].map((name) => [
      name,
      { works: () => servers[name] !== undefined, hint: 'npm run servers -- start' },
    ]),
  ),
  awscli: { works: () => runs('aws', ['--version']), hint: 'install awscli' },
  s3cmd: { works: () => runs('s3cmd', ['--version']), hint: 'install s3cmd' },
  rclone: { works: () => runs('rclone', ['version']), hint: 'install rclone' },
  rsync: { works: () => runs('rsync', ['--version']), hint: 'install rsync' },
  curl: { works: () => runs('curl', ['--version']), hint: 'install curl' },
  delv: { works: () => runs('delv', ['-v']), hint: 'install bind9-dnsutils' },
  faketime: {
    works: () => linux && runs('faketime', ['2020-01-01 00:00:00', 'true']),
    hint: 'install faketime',
  },
  'release addon': { works: () => fs.existsSync(releaseAddon()), hint: 'npm run build' },
};

const found = new Map();

/** Whether a tool of the list works here. */
function has(name) {
  if (!found.has(name)) found.set(name, TOOLS[name].works());
  return found.get(name);
}

/** `describe` for a suite that needs some of the tools by name: `describeWith(['strace'], 'syncs', () => { ... })`. */
function describeWith(names, title, body) {
  const missing = names.filter((name) => !has(name));
  if (missing.length === 0) return describe(title, body);
  const reason = missing.map((name) => `needs ${name}: ${TOOLS[name].hint}`).join('; ');
  if (process.env.CI === 'true') {
    return describe(title, () => {
      test('has what it needs', () => {
        throw new Error(reason);
      });
    });
  }
  console.warn(`left out: ${title}: ${reason}`);
  return describe.skip(title, body);
}

/** The interpreter that has `jacs`. */
function python() {
  return process.env.JACS_PYTHON ?? path.join(root, '.venv', 'bin', 'python');
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

module.exports = { WITHOUT_NETWORK, has, describeWith, python };
