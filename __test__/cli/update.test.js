'use strict';

const { NOWHERE, withAgent } = require('./support.js');

test('replaces the newest version and prints the new one as it is stored', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  expect(second).toMatchObject({ jacsId: first.jacsId, jacsPreviousVersion: first.jacsVersion, title: 'second' });
  expect(second.text).toBe(`${workspace.read(workspace.stored(second))}\n`);
});

test('read, change, write back by bare id, from a file', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  workspace.write('next.json', { ...JSON.parse(first.text), title: 'next' });
  const second = JSON.parse(await workspace.done(['update', first.jacsId, 'next.json', '--json']));
  expect(second).toMatchObject({ jacsPreviousVersion: first.jacsVersion, title: 'next' });
});

test('a version that is no longer the newest is refused, and the newest named', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  const error = await workspace.refused(['update', first.key, '-'], 'JACS_CONFLICT', { input: '{}' });
  expect(error).toMatchObject({ current: second.key, heads: [second.key] });
  const { stderr } = await workspace.run(['update', first.key, '-'], { input: '{}' });
  expect(stderr).toContain(`newest: ${second.key}`);
});

test('--merge closes a fork', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const one = await workspace.update(first.key, { title: 'one' });
  await workspace.done(['remove', one.key, '--yes', '--json']);
  const other = await workspace.update(first.key, { title: 'other' });
  await workspace.done(['save', '-'], { input: one.text });
  const [loser, winner] = [one, other].sort((a, b) => (a.jacsVersion < b.jacsVersion ? -1 : 1));
  const args = ['update', winner.key, '-', '--merge', loser.key];
  const merged = JSON.parse(await workspace.done(args, { input: '{"title":"both"}' }));
  expect(merged.jacsMergedVersions).toEqual([loser.jacsVersion]);
  await workspace.done(['get', first.jacsId, '--on-fork', 'error']);
});

test('--no-save and --output', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  await workspace.done(['update', first.key, '-', '--no-save'], { input: '{"title":"draft"}' });
  expect(await workspace.done(['get', first.jacsId])).toBe(first.text);
  const text = await workspace.done(['update', first.key, '-', '--output', 'new.json'], { input: '{"title":"new"}' });
  expect(`${workspace.read('new.json')}\n`).toBe(text);
});

test('refuses what is not there, what is no document, a bare id without version', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  await workspace.refused(['update', `${NOWHERE}:${first.jacsVersion}`, '-'], 'JACS_NOT_FOUND', { input: '{}' });
  await workspace.refused(['update', first.key, '-'], 'JACS_INPUT', { input: '[]' });
  await workspace.refused(['update', first.jacsId, '-'], 'JACS_INPUT', { input: '{}' });
});

test('wrong use', async () => {
  await (await withAgent()).misused(['update']);
});
