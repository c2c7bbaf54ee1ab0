'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('../support/folder.js');
const { TRANSFERRED, staged } = require('./staged.js');
const { NOWHERE, Workspace, withAgent } = require('./support.js');

const WITHOUT_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

test('what the call is given', async () => {
  const workspace = await withAgent();
  const { env, calls } = staged(workspace, { result: TRANSFERRED });
  await workspace.done(['export', '--bundle', 'out.tar.gz', 'a', 'b:c'], { env });
  await workspace.done(['export', 'out.tar.gz', 'a', '--bundle', '--all-versions', '--overwrite'], { env });
  expect(calls()).toMatchObject([
    ['exportBundle', 'out.tar.gz', { documents: ['a', 'b:c'] }],
    ['exportBundle', 'out.tar.gz', { documents: ['a'], allVersions: true, overwrite: true }],
  ]);
});

test.each([
  ['no documents', ['export', '--bundle', 'out.tar.gz']],
  ['no file', ['export', '--bundle']],
  ['documents without --bundle', ['export', 'out.tar.gz', NOWHERE]],
  ['--all-versions without --bundle', ['export', 'out.tar.gz', '--all-versions']],
  ['a dry run', ['export', '--bundle', 'out.tar.gz', NOWHERE, '--dry-run']],
  ['--keep-invalid', ['export', '--bundle', 'out.tar.gz', NOWHERE, '--keep-invalid']],
  ['--sign', ['export', '--bundle', 'out.tar.gz', NOWHERE, '--sign', 'x']],
  ['a bundle from a pipe', ['verify', '--bundle', '-']],
  ['no bundle', ['verify', '--bundle']],
  ['--contents', ['verify', '--bundle', 'x', '--contents']],
  ['--base-directory', ['verify', '--bundle', 'x', '--base-directory', '.']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

describe('for real', () => {
  let maker, first, second;
  beforeAll(async () => {
    maker = await withAgent();
    [first, second] = [await maker.create({ title: 'first' }), await maker.create({ title: 'second' })];
    await maker.done(['export', '--bundle', 'out.tar.gz', first.jacsId, second.key]);
  });
  const bundle = () => maker.path('out.tar.gz');

  test('verified where nothing else is: a report for each document', async () => {
    const nowhere = new Workspace();
    const text = await nowhere.done(['verify', '--bundle', bundle()], WITHOUT_PASSWORD);
    const reports = text.split('\n\n');
    expect(reports).toHaveLength(2);
    for (const [at, { key, jacsSignature }] of [first, second].entries()) {
      expect(reports[at]).toMatch(/^valid\tyes\n/);
      expect(reports[at]).toContain(`\nkey\t${key}\n`);
      expect(reports[at]).toContain('\nkey source\tstorage\n');
      expect(reports[at]).toContain(`\nbundled by\t${jacsSignature.agentID}\n`);
      expect(reports[at]).toMatch(/\nthey say\tself: [0-9a-f]{64} at .* \(not believed\)/);
    }
    const parsed = JSON.parse(await nowhere.done(['verify', '--bundle', bundle(), '--json'], WITHOUT_PASSWORD));
    expect(parsed).toMatchObject([first, second].map(({ key }) => ({ valid: true, key, keySource: 'storage' })));
    expect(fs.readdirSync(nowhere.folder)).toEqual([]);
  });

  test('a configuration that is named, or lies there, says whom to believe', async () => {
    for (const [workspace, args] of [
      [maker, []],
      [new Workspace(), ['--config', maker.path('jacs.config.json')]],
    ]) {
      const text = await workspace.done(['verify', '--bundle', bundle(), '--json', ...args], WITHOUT_PASSWORD);
      expect(JSON.parse(text)).toMatchObject([{ keySource: 'self' }, { keySource: 'self' }]);
    }
    const nowhere = new Workspace();
    await nowhere.refused(['verify', '--bundle', bundle(), '--config', './jacs.config.json'], 'JACS_CONFIG');
  });

  test('exit code 1 unless all are valid', async () => {
    const nowhere = new Workspace();
    const id = first.jacsSignature.agentID;
    await nowhere.done(['verify', '--bundle', bundle(), '--signed-by', id]);
    for (const args of [
      ['--signed-by', NOWHERE],
      ['--minimum-trust', 'pinned'],
    ]) {
      const { code, stdout } = await nowhere.run(['verify', '--bundle', bundle(), ...args]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^valid\tno: JACS_UNTRUSTED\n/);
    }
  });

  test('what is no bundle is refused', async () => {
    const nowhere = new Workspace();
    await nowhere.refused(['verify', '--bundle', nowhere.write('text', 'text')], 'JACS_INPUT');
    await nowhere.refused(['verify', '--bundle', path.join(temporaryFolder(), 'none')], 'JACS_INPUT');
  });

  test('a summary, and never over a file', async () => {
    const text = await maker.done(['export', '--bundle', 'again.tar.gz', first.key]);
    expect(text).toMatch(/^copied\t2 objects, /);
    await maker.refused(['export', '--bundle', 'again.tar.gz', first.key], 'JACS_CONFLICT');
    await maker.done(['export', '--bundle', 'again.tar.gz', first.key, '--overwrite']);
    await maker.refused(['export', '--bundle', 'none.tar.gz', NOWHERE], 'JACS_NOT_FOUND');
  });
});
