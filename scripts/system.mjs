// Programs of the operating system that some test suites need.
import { output, status, underCI } from './process.mjs';

// `leavesOut` is what a run without the tool says it did not test.
const TOOLS = [
  {
    name: 'strace',
    package: 'strace',
    leavesOut: 'the order of writes and syncs (strace)',
    works: () => runs('strace', ['-V']),
  },
  {
    name: 'setpriv',
    package: 'util-linux',
    leavesOut: 'files without permission (setpriv)',
    works: () => runs('setpriv', ['--version']),
  },
  {
    name: 'python3 with venv',
    package: 'python3-venv',
    leavesOut: 'exchange with jacs 0.15.0 (python)',
    works: hasPython,
  },
];

/** Whether this run may install packages of the operating system. */
export const mayInstall = underCI || process.env.JACS_TEST_INSTALL === '1';

/** Installs what is missing where it may; returns the tools that are still missing. */
export function installTools() {
  if (process.platform !== 'linux') return TOOLS.filter((tool) => !tool.works());
  const missing = TOOLS.filter((tool) => !tool.works());
  if (missing.length === 0 || !mayInstall || process.getuid() !== 0 || !runs('apt-get', ['--version'])) return missing;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const names = [...new Set(missing.map((tool) => tool.package))];
  if (status('apt-get', ['update', '-q'], { env }) === 0) {
    status('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { env });
  }
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

function runs(command, args) {
  return output(command, args) !== undefined;
}
