'use strict';

const { NOWHERE, lines, withAgent } = require('./support.js');

test('removes a version', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  const result = await workspace.run(['remove', second.key, '--yes']);
  expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: `jacs-agent: removed ${second.key}\n` });
  expect(await workspace.done(['get', first.jacsId])).toBe(first.text);
});

test('removes a whole document with --all-versions only', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  await workspace.update(first.key, { title: 'second' });
  await workspace.refused(['remove', first.jacsId, '--yes'], 'JACS_INPUT');
  const answer = JSON.parse(await workspace.done(['remove', first.jacsId, '--all-versions', '--yes', '--json']));
  expect(answer).toEqual({ removed: first.jacsId, allVersions: true });
  expect(lines(await workspace.done(['list', '--json']))).toEqual([]);
});

test('without a terminal nothing is removed unless --yes is given', async () => {
  const workspace = await withAgent();
  const { key, text } = await workspace.create();
  expect(await workspace.misused(['remove', key], { input: 'y\n' })).toContain('--yes');
  expect(await workspace.done(['get', key])).toBe(text);
});

test('refuses what is not there', async () => {
  const workspace = await withAgent();
  await workspace.refused(['remove', `${NOWHERE}:${NOWHERE}`, '--yes'], 'JACS_NOT_FOUND');
});

test('wrong use', async () => {
  await (await withAgent()).misused(['remove', '--yes']);
});
