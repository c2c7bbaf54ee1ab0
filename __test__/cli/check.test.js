'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { filesUnder } = require('../support/folder.js');
const { lines, withAgent } = require('./support.js');
const { CHECKED, DAMAGE, NOTE, staged } = require('./staged.js');

const WITHOUT_PASSWORD = { JACS_PRIVATE_KEY_PASSWORD: undefined };

test('what the call is given', async () => {
  const workspace = await withAgent();
  const { env, calls } = staged(workspace, { result: CHECKED });
  await workspace.done(['check'], { env: { ...env, ...WITHOUT_PASSWORD } });
  const some = ['--since', '2026-01-01T00:00:00Z', '--sample', '2.5%', '--resume', 'r'];
  const repair = ['--repair-from', 'mirror.json', '--quarantine', 'q'];
  expect(await workspace.done(['check', ...some, ...repair], { env })).toMatch(/^repaired\t0 objects$/m);
  expect(calls()).toMatchObject([
    ['check', {}],
    [
      'check',
      { since: '2026-01-01T00:00:00Z', sample: 0.025, resume: 'r', repairFrom: 'mirror.json', quarantine: 'q' },
    ],
  ]);
});

test.each([
  ['sound', {}, 0, 'complete\tyes'],
  ['damage', { damaged: 2 }, 1, 'damaged\t2 objects'],
  ['damage that was repaired', { damaged: 2, repaired: 2 }, 0, 'complete\tyes'],
  ['damage of which some was repaired', { damaged: 2, repaired: 1 }, 1, 'damaged\t2 objects'],
  ['a sample', { complete: false }, 0, 'complete\tno: not every object was looked at'],
])('exit code: %s', async (_, more, expected, line) => {
  const workspace = await withAgent();
  const { env } = staged(workspace, { steps: [{ finding: NOTE }], result: { ...CHECKED, ...more } });
  const { code, stdout } = await workspace.run(['check'], { env });
  expect(code).toBe(expected);
  expect(stdout.split('\n')).toEqual(expect.arrayContaining([line, 'notes\t1']));
});

test('what could not be looked at: exit code 1, and where to go on', async () => {
  const workspace = await withAgent();
  const steps = [{ finding: { ...NOTE, kind: 'unchecked' } }];
  const { env } = staged(workspace, { steps, result: { ...CHECKED, complete: false, resume: '/r' } });
  const { code, stdout } = await workspace.run(['check'], { env });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^notes\t1\nnot checked\t1 object\ncomplete\tno: .*\ngo on from\t\/r\n$/m);
});

test('Ctrl-C names the file to go on from', async () => {
  const workspace = await withAgent();
  const { env } = staged(workspace, { error: { code: 'JACS_ABORTED', message: 'aborted' } });
  const { stderr } = await workspace.run(['check', '--resume', 'my file'], { env });
  expect(stderr).toBe(
    'jacs-agent: JACS_ABORTED: interrupted: 0 objects are done; ' +
      `to go on there: jacs-agent check --resume 'my file' [path: ${workspace.path('my file')}]\n`,
  );
});

test('a finding about a document names it beside the path', async () => {
  const workspace = await withAgent();
  const about = { ...DAMAGE, kind: 'attachment-missing', path: 'files/aa', repaired: false };
  const { env } = staged(workspace, { steps: [{ finding: about }], result: { ...CHECKED, damaged: 1 } });
  const { stderr } = await workspace.run(['check'], { env });
  expect(stderr).toBe('damage\tattachment-missing\tfiles/aa\tits hash is wrong [key: a:b]\n');
});

test.each([
  ['an argument', ['check', 'x']],
  ['a sample that is no share', ['check', '--sample', '5']],
  ['of nothing', ['check', '--sample', '0%']],
  ['of more than all', ['check', '--sample', '101%']],
  ['a quarantine for nothing', ['check', '--quarantine', 'x']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

describe('for real', () => {
  test('a sound storage, without a password', async () => {
    const workspace = await withAgent();
    await workspace.create();
    const text = await workspace.done(['check'], { env: WITHOUT_PASSWORD });
    expect(text).toMatch(/^checked\t2 objects, .*\ndamaged\t0 objects\nnotes\t0\ncomplete\tyes\n$/);
  });

  test('damage is found, and brought back from a mirror; what it replaced is kept', async () => {
    const workspace = await withAgent();
    const document = await workspace.create();
    workspace.write('to.json', { jacs_default_storage: 'fs', jacs_data_directory: './to' });
    await workspace.done(['mirror', 'to.json']);
    const file = workspace.path(workspace.stored(document));
    const altered = document.text.trimEnd().replace('My document', 'My documenX');
    fs.rmSync(file);
    fs.writeFileSync(file, altered, { mode: 0o600 });
    const name = path.relative(workspace.path('jacs_data'), file);

    const found = await workspace.run(['check']);
    expect(found).toMatchObject({ code: 1, stderr: expect.stringContaining(`damage\thash\t${name}\t`) });
    expect(found.stdout).toMatch(/^damaged\t1 object$/m);

    const repaired = await workspace.run(['check', '--repair-from', 'to.json', '--json']);
    expect(repaired.code).toBe(0);
    const [{ finding }, { report }] = lines(repaired.stdout);
    expect(finding).toMatchObject({ kind: 'hash', severity: 'damage', path: name, repaired: true });
    expect(report).toMatchObject({ damaged: 1, repaired: 1, complete: true });
    expect(await workspace.done(['get', document.key])).toBe(document.text);
    const kept = filesUnder(workspace.path('jacs_quarantine')).filter((one) => one.endsWith(`/${name}`));
    expect(kept.map((one) => workspace.read(path.join('jacs_quarantine', one)))).toEqual([altered]);
    await workspace.done(['check']);
  });

  test('a repair needs the password', async () => {
    const workspace = await withAgent();
    workspace.write('to.json', { jacs_default_storage: 'fs', jacs_data_directory: './to' });
    await workspace.refused(['check', '--repair-from', 'to.json'], 'JACS_PASSWORD', { env: WITHOUT_PASSWORD });
  });

  test('--since and --sample look at a part; a time that is none is refused', async () => {
    const workspace = await withAgent();
    await workspace.create();
    const future = await workspace.done(['check', '--since', '2999-01-01T00:00:00Z']);
    expect(future).toMatch(/^complete\tno: /m);
    expect(await workspace.done(['check', '--sample', '100%'])).toMatch(/^complete\tno: /m);
    await workspace.refused(['check', '--since', 'yesterday'], 'JACS_INPUT');
  });
});
