'use strict';

const fs = require('node:fs');
const { PASSWORD, withAgent } = require('./support.js');

const input = '{}';
const ARGS = ['create', '-', '--password-file', 'secret'];

test('wins over the environment; one line end is removed', async () => {
  const workspace = await withAgent();
  const env = { JACS_PRIVATE_KEY_PASSWORD: 'wrong horse 1' };
  for (const end of ['', '\n', '\r\n']) {
    workspace.write('secret', `${PASSWORD}${end}`);
    await workspace.done(ARGS, { input, env });
  }
  workspace.write('secret', `${PASSWORD}\n\n`);
  await workspace.refused(ARGS, 'JACS_PASSWORD', { input });
});

test('a file that holds no password is refused', async () => {
  const workspace = await withAgent();
  await workspace.refused(ARGS, 'JACS_PASSWORD', { input });
  for (const content of ['', '\n', Buffer.from([0xff, 0xfe]), 'x'.repeat(65_537)]) {
    workspace.write('secret', content);
    expect(await workspace.refused(ARGS, 'JACS_PASSWORD', { input })).toMatchObject({ path: 'secret' });
  }
});

// Windows has no such modes.
const posixTest = process.platform === 'win32' ? test.skip : test;

posixTest('who may write it decides, who may read it is told', async () => {
  const workspace = await withAgent();
  workspace.write('secret', PASSWORD);
  for (const mode of [0o620, 0o602]) {
    fs.chmodSync(workspace.path('secret'), mode);
    await workspace.refused(ARGS, 'JACS_PERMISSION', { input });
  }
  fs.chmodSync(workspace.path('secret'), 0o644);
  const { code, stderr } = await workspace.run(ARGS, { input });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'jacs-agent: group or others may read the password file secret\n',
  });
});
