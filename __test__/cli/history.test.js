'use strict';

const fs = require('node:fs');
const { NOWHERE, withAgent } = require('./support.js');

async function twoVersions() {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  return { workspace, first, second };
}

test('every version with its verdict and chain', async () => {
  const { workspace, first, second } = await twoVersions();
  const rows = (await workspace.done(['history', first.jacsId])).trimEnd().split('\n');
  expect(rows.map((row) => row.split('\t'))).toEqual([
    [first.key, first.jacsVersionDate, 'valid', 'first', 'accepted'],
    [second.key, second.jacsVersionDate, 'valid', 'linked', 'head'],
    ['owner', first.jacsSignature.agentID],
    ['valid', 'yes'],
  ]);
  const report = JSON.parse(await workspace.done(['history', first.jacsId, '--json']));
  expect(report).toMatchObject({ id: first.jacsId, valid: true, heads: [second.key], gaps: [] });
});

test('a version that is missing: exit code 1', async () => {
  const { workspace, first } = await twoVersions();
  fs.rmSync(workspace.path(workspace.stored(first)));
  const { code, stdout } = await workspace.run(['history', first.jacsId]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^gap\t.*\n(.*\n)*valid\tno\n$/m) });
  expect(stdout).toContain(first.jacsVersion);
});

test('a version that was changed: exit code 1', async () => {
  const { workspace, first, second } = await twoVersions();
  const file = workspace.path(workspace.stored(second));
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('second', 'record'));
  const { code, stdout } = await workspace.run(['history', first.jacsId, '--json']);
  expect(code).toBe(1);
  expect(stdout).toContain('JACS_HASH');
});

test('refuses what is not there and what is no id', async () => {
  const workspace = await withAgent();
  await workspace.refused(['history', NOWHERE], 'JACS_NOT_FOUND');
  await workspace.refused(['history', 'x'], 'JACS_INPUT');
});

test('wrong use', async () => {
  await (await withAgent()).misused(['history']);
});
