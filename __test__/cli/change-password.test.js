'use strict';

const { PASSWORD, withAgent } = require('./support.js');

const NEW = 'better horse 2';
const NO_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

test.each([
  ['the environment', [], {}],
  ['--password-file', ['--password-file', 'old'], NO_PASSWORD],
  ['JACS_PASSWORD_FILE', [], { env: { JACS_PRIVATE_KEY_PASSWORD: undefined, JACS_PASSWORD_FILE: 'old' } }],
])('the present password from %s', async (_, args, options) => {
  const workspace = await withAgent();
  workspace.write('old', `${PASSWORD}\n`);
  workspace.write('new', `${NEW}\n`);
  const result = await workspace.run(['change-password', ...args, '--new-password-file', 'new'], options);
  expect(result).toMatchObject({ code: 0, stdout: '', stderr: 'jacs-agent: the password was changed\n' });
  await workspace.refused(['create', '-'], 'JACS_PASSWORD', { input: '{}' });
  await workspace.done(['create', '-'], { input: '{}', env: { JACS_PRIVATE_KEY_PASSWORD: NEW } });
});

test('--json', async () => {
  const workspace = await withAgent();
  workspace.write('new', NEW);
  const answer = JSON.parse(await workspace.done(['change-password', '--new-password-file', 'new', '--json']));
  const { jacsSignature } = JSON.parse(
    await workspace.done(['create', '-', '--password-file', 'new'], { input: '{}', ...NO_PASSWORD }),
  );
  expect(answer).toEqual({ changed: jacsSignature.agentID });
});

test('a wrong, a missing and a weak password are refused and change nothing', async () => {
  const workspace = await withAgent();
  workspace.write('new', NEW);
  workspace.write('weak', 'weak');
  const wrong = { env: { JACS_PRIVATE_KEY_PASSWORD: 'wrong horse 1' } };
  await workspace.refused(['change-password', '--new-password-file', 'new'], 'JACS_PASSWORD', wrong);
  await workspace.refused(['change-password', '--new-password-file', 'new'], 'JACS_PASSWORD', NO_PASSWORD);
  await workspace.refused(['change-password', '--new-password-file', 'weak'], 'JACS_PASSWORD');
  await workspace.refused(['change-password', '--password-file', 'none'], 'JACS_PASSWORD');
  expect(await workspace.refused(['change-password'], 'JACS_PASSWORD')).toMatchObject({
    message: expect.stringContaining('--new-password-file'),
  });
  await workspace.create();
});

test('wrong use', async () => {
  const workspace = await withAgent();
  await workspace.misused(['change-password', NEW]);
  await workspace.misused(['change-password', '--new-password-file']);
});
