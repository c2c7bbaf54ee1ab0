'use strict';

const { lines, withAgent } = require('./support.js');

test('one line a document: key, bytes and time, separated by tabs', async () => {
  const workspace = await withAgent();
  expect(await workspace.done(['list'])).toBe('');
  const document = await workspace.create();
  const [key, bytes, modified] = (await workspace.done(['list'])).trimEnd().split('\t');
  expect(key).toBe(document.key);
  expect(Number(bytes)).toBe(Buffer.byteLength(document.text) - 1);
  expect(Math.abs(Date.now() - Date.parse(modified))).toBeLessThan(60_000);
});

test('--json: one object a line', async () => {
  const workspace = await withAgent();
  const document = await workspace.create();
  const [entry, ...more] = lines(await workspace.done(['list', '--json']));
  expect(more).toEqual([]);
  expect(entry).toMatchObject({ key: document.key, id: document.jacsId, version: document.jacsVersion });
});

test('versions, range and filters', async () => {
  const workspace = await withAgent();
  const one = await workspace.create({ jacsType: 'invoice' });
  const two = await workspace.create({ jacsType: 'letter' });
  const newer = await workspace.update(one.key, { title: 'newer' });
  const keys = async (...args) => lines(await workspace.done(['list', '--json', ...args])).map(({ key }) => key);
  const newest = [newer.key, two.key].sort();
  expect(await keys()).toEqual(newest);
  expect((await keys('--all-versions')).sort()).toEqual([one.key, newer.key, two.key].sort());
  expect(await keys('--limit', '1')).toEqual([newest[0]]);
  expect(await keys('--after', newest[0].slice(0, 36))).toEqual([newest[1]]);
  expect(await keys('--type', 'invoice')).toEqual([newer.key]);
  expect(await keys('--agent', one.jacsSignature.agentID)).toEqual(newest);
  expect(await keys('--since', '2100-01-01T00:00:00Z')).toEqual([]);
  expect(await keys('--since', '2020-01-01T00:00:00Z')).toEqual(newest);
});

test('refuses what is no id or time', async () => {
  const workspace = await withAgent();
  await workspace.refused(['list', '--after', '../x'], 'JACS_INPUT');
  await workspace.refused(['list', '--since', 'yesterday'], 'JACS_INPUT');
  await workspace.refused(['list', '--agent', 'x'], 'JACS_INPUT');
});

test('wrong use', async () => {
  const workspace = await withAgent();
  await workspace.misused(['list', '--limit', 'many']);
  await workspace.misused(['list', 'something']);
});
