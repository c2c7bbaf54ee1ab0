'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { filesUnder } = require('../support/folder.js');
const { run, succeed } = require('../support/run.js');
const { lines, start, withAgent } = require('./support.js');
const { TRANSFERRED, staged } = require('./staged.js');

const WITHOUT_PASSWORD = { JACS_PRIVATE_KEY_PASSWORD: undefined };

test('what the call is given', async () => {
  const workspace = await withAgent();
  const { env, calls } = staged(workspace, { result: TRANSFERRED });
  await workspace.done(['export', 'out.tar.gz'], { env });
  await workspace.done(['export', 'out.tar.gz', '--overwrite', '--keep-invalid'], { env });
  expect(calls()).toMatchObject([
    ['exportArchive', 'out.tar.gz', { sign: false }],
    ['exportArchive', 'out.tar.gz', { overwrite: true, keepInvalid: true }],
  ]);
});

test.each([
  ['no file', ['export']],
  ['two files', ['export', 'a', 'b']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

describe('for real', () => {
  test('tar unpacks what the data directory has; no keys are in it; without a password', async () => {
    const workspace = await withAgent();
    await workspace.create();
    const text = await workspace.done(['export', 'out.tar.gz'], { env: WITHOUT_PASSWORD });
    expect(text).toMatch(/^copied\t2 objects, .*\n[^]*root\t[0-9a-f]{64} on both sides\n$/);
    fs.mkdirSync(workspace.path('unpacked'));
    await succeed('tar', ['-xzf', workspace.path('out.tar.gz'), '-C', workspace.path('unpacked')]);
    const { code, stdout } = await run('diff', [
      '-r',
      workspace.path('jacs_data'),
      workspace.path('unpacked', 'jacs_data'),
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(filesUnder(workspace.path('unpacked')).filter((name) => !name.startsWith('jacs_data/'))).toEqual([]);
    expect(workspace.modeOf('out.tar.gz')).toBe(0o600);
  });

  test('never over a file without --overwrite; a dry run makes none', async () => {
    const workspace = await withAgent();
    await workspace.create();
    workspace.write('out.tar.gz', 'mine');
    expect((await workspace.refused(['export', 'out.tar.gz'], 'JACS_CONFLICT')).path).toMatch(/out\.tar\.gz$/);
    expect(workspace.read('out.tar.gz')).toBe('mine');
    const [{ report }] = lines(await workspace.done(['export', 'other.tar.gz', '--dry-run', '--json']));
    expect(report).toMatchObject({ copied: 2, failed: 0 });
    expect(fs.existsSync(workspace.path('other.tar.gz'))).toBe(false);
    await workspace.done(['export', 'out.tar.gz', '--overwrite']);
    await succeed('tar', ['-tzf', workspace.path('out.tar.gz')]);
  });

  test('Ctrl-C leaves no archive and nothing beside it', async () => {
    const workspace = await withAgent();
    // Random bytes cannot be packed quickly.
    workspace.write('huge.bin', require('node:crypto').randomBytes(64 << 20));
    await workspace.done(['create', '-', '--attach', 'huge.bin'], { input: '{}' });
    const before = fs.readdirSync(workspace.folder).sort();
    const { child, ended } = start(workspace, ['export', 'out.tar.gz']);
    while (fs.readdirSync(workspace.folder).length === before.length && child.exitCode === null) await sleep(2);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(
        /^jacs-agent: JACS_ABORTED: .*; no archive was written; to begin again: jacs-agent export out\.tar\.gz/,
      ),
    });
    expect(fs.readdirSync(workspace.folder).sort()).toEqual(before);
  });
});
