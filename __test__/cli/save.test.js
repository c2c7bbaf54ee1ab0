'use strict';

const { withAgent } = require('./support.js');

test('stores what was signed elsewhere, from a file and from standard input, twice alike', async () => {
  const workspace = await withAgent();
  const text = await workspace.done(['create', '-', '--no-save'], { input: '{"title":"draft"}' });
  expect(await workspace.done(['list'])).toBe('');
  workspace.write('signed.json', text);
  expect(await workspace.done(['save', 'signed.json'])).toBe(text);
  expect(await workspace.done(['save', '--json'], { input: text })).toBe(text);
  expect(`${workspace.read(workspace.stored(JSON.parse(text)))}\n`).toBe(text);
});

test('refuses a changed document, and one without a signature', async () => {
  const workspace = await withAgent();
  const text = await workspace.done(['create', '-', '--no-save'], { input: '{"title":"draft"}' });
  await workspace.refused(['save', '-'], 'JACS_HASH', { input: text.replace('draft', 'graft') });
  await workspace.refused(['save', '-'], 'JACS_INPUT', { input: '{}' });
  expect(await workspace.done(['list'])).toBe('');
});

test('needs the password', async () => {
  const workspace = await withAgent();
  const env = { JACS_PRIVATE_KEY_PASSWORD: undefined };
  await workspace.refused(['save', '-'], 'JACS_PASSWORD', { input: '{}', env });
});

test('wrong use', async () => {
  await (await withAgent()).misused(['save', 'a', 'b']);
});
