'use strict';

const { NOWHERE, lines, withAgent } = require('./support.js');

test('oldest first, with date and standing', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  const rows = (await workspace.done(['versions', first.jacsId])).trimEnd().split('\n');
  expect(rows.map((row) => row.split('\t'))).toEqual([
    [first.key, first.jacsVersionDate, 'accepted'],
    [second.key, second.jacsVersionDate, 'head'],
  ]);
  const entries = lines(await workspace.done(['versions', first.jacsId, '--json']));
  expect(entries).toMatchObject([
    { key: first.key, head: false, accepted: true },
    { key: second.key, head: true, previous: first.jacsVersion },
  ]);
});

test('refuses what is not there and what is no id', async () => {
  const workspace = await withAgent();
  await workspace.refused(['versions', NOWHERE], 'JACS_NOT_FOUND');
  await workspace.refused(['versions', 'x'], 'JACS_INPUT');
});

test('wrong use', async () => {
  await (await withAgent()).misused(['versions']);
});
