'use strict';

const { version } = require('../../package.json');
const { Workspace } = require('./support.js');

const VERBS =
  'init create get list versions update save attachments remove verify inspect history migrate export import mirror check trust rotate-keys update-agent change-password doctor'.split(
    ' ',
  );

test('--help names every verb and the exit codes', async () => {
  const text = await new Workspace().done(['--help']);
  for (const verb of VERBS) expect(text).toMatch(new RegExp(`^  ${verb} `, 'm'));
  expect(text).toContain('Exit codes: 0 done, 1 refused or invalid, 2 wrong use');
});

test.each(VERBS)('%s --help has examples and the global options', async (verb) => {
  const text = await new Workspace().done([verb, '--help']);
  expect(text).toMatch(new RegExp(`^Usage: jacs-agent ${verb}`));
  expect(text).toMatch(new RegExp(`Examples:\\n(.*\\n)*.*jacs-agent ${verb}`));
  expect(text).toContain('--config <path>');
});

test('--version', async () => {
  expect(await new Workspace().done(['--version'])).toBe(`${version}\n`);
});

test.each([
  ['no verb', []],
  ['unknown verb', ['frobnicate']],
  ['unknown option', ['list', '--lmit', '3']],
  ['unknown global option', ['--jsno', 'list']],
  ['missing argument', ['get']],
  ['missing value', ['get', 'x', '--signed-by']],
  ['too many arguments', ['get', 'x', 'y']],
  ['value outside the choices', ['get', 'x', '--verify', 'half']],
  ['number that is none', ['list', '--limit', '-1']],
])('wrong use: %s', async (_, args) => {
  const result = await new Workspace().run(args);
  expect(result).toMatchObject({ code: 2, stdout: '' });
  expect(result.stderr).not.toBe('');
});

test.each(VERBS)('%s takes no password from the command line', async (verb) => {
  expect(await new Workspace().misused([verb, '--password', 'correct horse 1'])).toContain("'--password'");
});

test('a missing configuration is refused', async () => {
  const workspace = new Workspace();
  await workspace.refused(['list'], 'JACS_CONFIG');
  await workspace.refused(['create', '-', '--config', 'other.json'], 'JACS_CONFIG', { input: '{}' });
});
