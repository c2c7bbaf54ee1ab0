'use strict';
// Other programs, run to their end.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { root } = require('./addon.js');

/**
 * Runs a program to its end: `{ code, signal, stdout, stderr }`, whatever its exit code. `input` is its standard input,
 * `env` is added to `environment()`, `timeout` (ms) kills it.
 */
function run(command, args = [], { input = '', env, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, env: { ...environment(), ...env }, killSignal: 'SIGKILL' });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
  });
}

/** Like `run`, but an exit code other than 0 throws, with all that was printed. Resolves to standard output. */
async function succeed(command, args = [], options = {}) {
  const { code, signal, stdout, stderr } = await run(command, args, options);
  if (code === 0) return stdout;
  throw new Error(`${[command, ...args].join(' ')}: ${signal ?? `exit code ${code}`}\n${stdout}${stderr}`);
}

/** The command `jacs-agent`. */
function cli(args, options) {
  return run(process.execPath, [path.join(root, 'cli', 'main.js'), ...args], options);
}

/** npm, which runs addons of its own. */
function npm(args, options) {
  return succeed('npm', args, { shell: process.platform === 'win32', env: OWN_ADDON, ...options });
}

/** For a program that has its own addon: the loaders take an empty path for none. */
const OWN_ADDON = { NAPI_RS_NATIVE_LIBRARY_PATH: '' };

// A developer's own settings must not change what is tested.
const LEFT_OUT = [
  /^JACS_(?!TEST_|PYTHON$)/,
  /^AWS_/,
  /^npm_(package|lifecycle)_/,
  /^npm_(command|execpath|node_execpath|config_local_prefix)$/,
  /^(JEST_WORKER_ID|NODE_ENV|NODE_OPTIONS|NODE_PATH|INIT_CWD)$/,
];

/** This process's environment without settings of the package, of jest and of an `npm test` around it. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !LEFT_OUT.some((pattern) => pattern.test(name)));
  return Object.fromEntries(kept);
}

module.exports = { run, succeed, cli, npm, environment, OWN_ADDON };
