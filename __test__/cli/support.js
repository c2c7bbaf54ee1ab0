'use strict';
// The command run in folders of its own, each with a copy of one agent that is made once a test file.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { cli, environment } = require('../support/run.js');

const PASSWORD = 'correct horse 1';
const NOWHERE = '00000000-0000-4000-8000-000000000000';

/** An empty folder and the command in it. The password is in the environment unless `env` takes it away. */
class Workspace {
  folder = temporaryFolder();

  run(args, { env, ...options } = {}) {
    return cli(args, { cwd: this.folder, ...options, env: { JACS_PRIVATE_KEY_PASSWORD: PASSWORD, ...env } });
  }

  /** Runs what must be done without a word on standard error; gives standard output. */
  async done(args, options) {
    const { code, stdout, stderr } = await this.run(args, options);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  }

  /** Runs what must be refused, for people and for machines; gives the error object. */
  async refused(args, code, options) {
    const [human, machine] = await Promise.all([this.run(args, options), this.run([...args, '--json'], options)]);
    expect(human.stderr).toMatch(new RegExp(`^jacs-agent: ${code}: `));
    expect(human).toMatchObject({ code: 1, stdout: '' });
    expect(machine).toMatchObject({ code: 1, stderr: '' });
    const { error } = JSON.parse(machine.stdout);
    expect(error).toMatchObject({ code, message: expect.any(String), retryable: expect.any(Boolean) });
    return error;
  }

  /** Runs what is no command: exit code 2, and nothing but a complaint. */
  async misused(args, options) {
    const result = await this.run(args, options);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/^jacs-agent: /);
    return result.stderr;
  }

  write(name, content) {
    const text = typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content);
    fs.writeFileSync(this.path(name), text, { mode: 0o600 });
    return name;
  }

  read(name) {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  modeOf(name) {
    return fs.statSync(this.path(name)).mode & 0o777;
  }

  path(...parts) {
    return path.join(this.folder, ...parts);
  }

  /** Makes a document; gives it parsed, with its key. */
  async create(content = { title: 'My document' }) {
    return parsed(await this.done(['create', '-'], { input: JSON.stringify(content) }));
  }

  async update(key, content) {
    return parsed(await this.done(['update', key, '-'], { input: JSON.stringify(content) }));
  }

  /** Where a document lies on the disk. */
  stored({ jacsId, jacsVersion }) {
    return path.join('jacs_data', 'documents', jacsId, `${jacsVersion}.json`);
  }
}

let template;

/** A workspace with an agent in it. */
async function withAgent() {
  template ??= (async () => {
    const made = new Workspace();
    await made.done(['init', '--name', 'Tester']);
    return made;
  })();
  const workspace = new Workspace();
  fs.cpSync((await template).folder, workspace.folder, { recursive: true });
  return workspace;
}

function parsed(text) {
  const document = JSON.parse(text);
  return { ...document, text, key: `${document.jacsId}:${document.jacsVersion}` };
}

/** The command with streams at hand; `ended` resolves to exit code and standard error. `more`: further variables. */
function start(workspace, args, stdio = ['pipe', 'pipe', 'pipe'], more = {}) {
  const env = { ...environment(), JACS_PRIVATE_KEY_PASSWORD: PASSWORD, ...more };
  const child = spawn(process.execPath, [path.join(root, 'cli', 'main.js'), ...args], {
    cwd: workspace.folder,
    env,
    stdio,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin?.on('error', () => undefined);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

/** JSON lines. */
function lines(text) {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

module.exports = { NOWHERE, PASSWORD, Workspace, lines, parsed, start, withAgent };
