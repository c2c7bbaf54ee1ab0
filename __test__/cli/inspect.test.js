'use strict';

const { NOWHERE, withAgent } = require('./support.js');

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

test('wrong use', async () => {
  await (await withAgent()).misused(['inspect', '--frob']);
});
