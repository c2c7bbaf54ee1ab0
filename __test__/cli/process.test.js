'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { lines, start, withAgent } = require('./support.js');

function closedOutput(workspace, args, input = '') {
  const { child, ended } = start(workspace, args);
  child.stdout.destroy();
  child.stdin.end(input);
  return ended;
}

test('a reader that has gone is no error, and no reason to leave work undone', async () => {
  const workspace = await withAgent();
  const names = Array.from({ length: 12 }, (_, n) => workspace.write(`${n}.json`, { n }));
  expect(await closedOutput(workspace, ['create', ...names])).toEqual({ code: 0, signal: null, stderr: '' });
  expect(lines(await workspace.done(['list', '--json']))).toHaveLength(12);
  expect(await closedOutput(workspace, ['list'])).toEqual({ code: 0, signal: null, stderr: '' });
  expect(await closedOutput(workspace, ['--help'])).toEqual({ code: 0, signal: null, stderr: '' });
});

test('a reader that has gone does not make an invalid document valid', async () => {
  const workspace = await withAgent();
  const { text } = await workspace.create();
  const changed = text.replace('My document', 'My documenX');
  expect(await closedOutput(workspace, ['verify', '-'], changed)).toEqual({ code: 1, signal: null, stderr: '' });
});

(fs.existsSync('/dev/full') ? test : test.skip)('output that cannot be written is a failure', async () => {
  const workspace = await withAgent();
  const { key } = await workspace.create();
  for (const args of [
    ['get', key],
    ['get', key, '--json'],
    ['get', 'x', '--json'],
  ]) {
    const full = fs.openSync('/dev/full', 'w');
    const { ended } = start(workspace, args, ['ignore', full, 'pipe']);
    const { code, stderr } = await ended;
    fs.closeSync(full);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^jacs-agent: JACS_UNAVAILABLE: standard output cannot be written: ENOSPC.*\n$/),
    });
  }
});

test('Ctrl-C while standard input is read: exit code 130, nothing stored', async () => {
  const workspace = await withAgent();
  const { child, ended } = start(workspace, ['create', '-']);
  // More than a pipe holds: once it has left, the command is known to be reading.
  child.stdin.write(`{"a":"${'x'.repeat(8 << 20)}`, () => child.kill('SIGINT'));
  expect(await ended).toEqual({ code: 130, signal: null, stderr: 'jacs-agent: JACS_ABORTED: interrupted\n' });
  expect(await workspace.done(['list'])).toBe('');
});

test('an internal defect keeps its stack for who asks', async () => {
  const workspace = await withAgent();
  const broken = "Agent.prototype.versions = async () => { throw new TypeError('boom'); };";
  workspace.write('broken.js', `const { Agent } = require(${JSON.stringify(path.join(root, 'index.js'))}); ${broken}`);
  const NODE_OPTIONS = `--require ${JSON.stringify(workspace.path('broken.js'))}`;
  const quiet = await workspace.run(['versions', 'x'], { env: { NODE_OPTIONS } });
  expect(quiet).toMatchObject({
    code: 1,
    stderr: 'jacs-agent: JACS_INTERNAL: boom (set DEBUG=1 to see where)\n',
  });
  const { code, stderr } = await workspace.run(['versions', 'x'], { env: { NODE_OPTIONS, DEBUG: '1' } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/TypeError: boom\n {4}at .*broken\.js/);
  const machine = await workspace.run(['versions', 'x', '--json'], { env: { NODE_OPTIONS } });
  expect(JSON.parse(machine.stdout).error).toMatchObject({ code: 'JACS_INTERNAL', retryable: false });
});

test('a document that was signed and could not be stored is handed over', async () => {
  const workspace = await withAgent();
  await workspace.create();
  const documents = workspace.path('jacs_data', 'documents');
  fs.renameSync(documents, `${documents}.away`);
  fs.writeFileSync(documents, '');
  const human = await workspace.run(['create', '-'], { input: '{"title":"kept"}' });
  const machine = await workspace.run(['create', '-', '--json'], { input: '{"title":"kept"}' });
  fs.rmSync(documents);
  fs.renameSync(`${documents}.away`, documents);
  expect(human).toMatchObject({ code: 1, stdout: '' });
  expect(human.stderr).toContain('`jacs-agent save`');
  const { error } = JSON.parse(machine.stdout);
  for (const document of [human.stderr.trimEnd().split('\n').at(-1), error.document]) {
    expect(await workspace.done(['save', '-'], { input: document })).toBe(`${document}\n`);
    expect(JSON.parse(document).title).toBe('kept');
  }
  expect(error.key).toBe(`${JSON.parse(error.document).jacsId}:${JSON.parse(error.document).jacsVersion}`);
});
