'use strict';

const fs = require('node:fs');
const { NOWHERE, parsed, withAgent } = require('./support.js');

test('reports on a valid and on an invalid document with exit code 0', async () => {
  const workspace = await withAgent();
  const { key, text } = await workspace.create();
  expect(await workspace.done(['inspect', key])).toMatch(/^valid\tyes\n/);
  const input = text.replace('My document', 'My documenX');
  expect(await workspace.done(['inspect', '-'], { input })).toMatch(/^valid\tno: JACS_HASH\n/);
  const report = JSON.parse(await workspace.done(['inspect', '-', '--json'], { input }));
  expect(report).toMatchObject({ valid: false, code: 'JACS_HASH' });
});

test('shows all heads of a stored document', async () => {
  const workspace = await withAgent();
  const { key, jacsId } = await workspace.create();
  expect(await workspace.done(['inspect', jacsId])).toContain(`head\t${key}\n`);
});

test('refuses where no report can be made', async () => {
  const workspace = await withAgent();
  await workspace.refused(['inspect', NOWHERE], 'JACS_NOT_FOUND');
  await workspace.refused(['inspect', 'none.json'], 'JACS_INPUT');
});

test('--contents: exit code 0, whatever is wrong with the attachments', async () => {
  const workspace = await withAgent();
  workspace.write('gone.txt', 'here for now');
  const args = ['create', '-', '--attach', 'gone.txt', '--reference'];
  const { key } = parsed(await workspace.done(args, { input: '{}' }));
  fs.rmSync(workspace.path('gone.txt'));
  expect(await workspace.done(['inspect', key])).toMatch(/^valid\tyes\n/);
  const report = await workspace.done(['inspect', key, '--contents', '--base-directory', '.']);
  expect(report).toMatch(/^valid\tno: JACS_ATTACHMENT\n/);
  expect(report).toMatch(/^check\tattachments: FAILED/m);
});

test('wrong use', async () => {
  await (await withAgent()).misused(['inspect', '--frob']);
});
