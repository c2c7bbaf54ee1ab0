// Programs of the operating system that some test suites need.
import { canInstall, install } from './apt.mjs';
import { output, underCI } from './process.mjs';

// `leavesOut` is what a run without the tool says it did not test.
const TOOLS = [
  {
    name: 'strace',
    packages: ['strace'],
    leavesOut: 'the order of writes and syncs (strace)',
    works: () => runs('strace', ['-V']),
  },
  {
    name: 'setpriv',
    packages: ['util-linux'],
    leavesOut: 'files without permission (setpriv)',
    works: () => runs('setpriv', ['--version']),
  },
  {
    name: 'python3 with venv',
    packages: ['python3-venv'],
    leavesOut: 'exchange with jacs 0.15.0 (python)',
    works: hasPython,
  },
];

/** What the servers of `npm run servers` are made of, and what their tests use beside them. */
export const SERVER_TOOLS = [
  {
    name: 'radosgw',
    packages: ['radosgw', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph-common'],
    leavesOut: 'the S3 backend on a real store (Ceph)',
    works: () => ['radosgw', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph'].every((name) => runs(name, ['--version'])),
  },
  {
    name: 'apache2',
    packages: ['apache2'],
    leavesOut: 'the WebDAV backend on a real server (Apache)',
    works: () => runs('apache2', ['-v']) && runs('openssl', ['version']),
  },
  {
    name: 'named',
    packages: ['bind9', 'bind9-dnsutils'],
    leavesOut: 'keys confirmed by DNS (bind9)',
    works: () => runs('named', ['-v']) && runs('dig', ['-v']),
  },
  {
    name: 'aws',
    packages: ['awscli'],
    leavesOut: 'the S3 backend beside the AWS command line (aws)',
    works: () => runs('aws', ['--version']),
  },
  { name: 's3cmd', leavesOut: 'the S3 backend beside s3cmd' },
  { name: 'rclone', leavesOut: 'the S3 and WebDAV backends beside rclone', works: () => runs('rclone', ['version']) },
  { name: 'rsync', leavesOut: 'copies made by rsync' },
  { name: 'faketime', leavesOut: 'clocks that are wrong (faketime)' },
  { name: 'curl', leavesOut: 'servers asked directly (curl)' },
  { name: 'openssl', leavesOut: 'servers with TLS (openssl)', works: () => runs('openssl', ['version']) },
].map((tool) => ({ packages: [tool.name], works: () => runs(tool.name, ['--version']), ...tool }));

/** Whether this run may install packages of the operating system. */
export const mayInstall = underCI || process.env.JACS_TEST_INSTALL === '1';

/** Installs what is missing where it may; returns the tools that are still missing. */
export function installTools(tools = [...TOOLS, ...SERVER_TOOLS], may = mayInstall) {
  const missing = tools.filter((tool) => !tool.works());
  if (missing.length === 0 || !may || !canInstall()) return missing;
  install([...new Set(missing.flatMap((tool) => tool.packages))]);
  return missing.filter((tool) => !tool.works());
}

const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

/** A Python, 3.10 or newer, that can make virtual environments. */
export function python() {
  const check = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
  return PYTHONS.find((name) => output(name, ['-c', check]) !== undefined);
}

function hasPython() {
  return python() !== undefined;
}

// Servers are often in sbin, which only root has on its PATH.
function runs(command, args) {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  return output(command, args, { env }) !== undefined;
}
