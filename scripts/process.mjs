// Runs other programs for the scripts of this folder. No imports from node_modules: these run before an installation.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const underCI = process.env.CI === 'true';
const windows = process.platform === 'win32';

/** Runs a program with this terminal; its exit code, or 127 when it cannot be started. */
export function status(command, args, options = {}) {
  console.log(`> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 127;
}

/** Like `status`, but an exit code other than 0 is an error. */
export function run(command, args, options) {
  const code = status(command, args, options);
  if (code !== 0) throw new Failure(`${command} ${args.join(' ')}: exit code ${code}`);
}

/** npm as it was called, so that another one on the PATH is not picked. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  if (cli && /\.c?js$/.test(cli)) run(process.execPath, [cli, ...args], options);
  else run('npm', args, { shell: windows, ...options });
}

/** What a program printed on standard output, trimmed; undefined when it failed or is not there. */
export function output(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    ...options,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Runs a program, showing its standard output and handing it to `onLine` line by line; resolves to its exit code. */
export function follow(command, args, onLine, options = {}) {
  console.log(`> ${command} ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], ...options });
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(onLine);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (rest) onLine(rest);
      resolve(code ?? 1);
    });
  });
}

/** A failure that needs no stack: its message says what to do. */
export class Failure extends Error {}

/** Runs a script's main function: a Failure is printed as one sentence, anything else with its stack. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? `error: ${error.message}` : error);
    process.exitCode = 1;
  }
}
