'use strict';

const fs = require('node:fs');
const { filesUnder } = require('../support/folder.js');
const { lines, withAgent } = require('./support.js');

test('prints exactly the stored bytes and a line end', async () => {
  const workspace = await withAgent();
  workspace.write('in.json', { title: 'Grüße', n: 1.5 });
  const text = await workspace.done(['create', 'in.json']);
  const document = JSON.parse(text);
  expect(document).toMatchObject({ title: 'Grüße', n: 1.5 });
  expect(text).toBe(`${workspace.read(workspace.stored(document))}\n`);
});

test('reads standard input, with and without -, also behind a byte order mark', async () => {
  const workspace = await withAgent();
  for (const args of [['create', '-'], ['create']]) {
    expect(JSON.parse(await workspace.done(args, { input: '\ufeff{"a":1}' }))).toMatchObject({ a: 1 });
  }
});

test('several files, one document a line in their order; --json changes nothing about documents', async () => {
  const workspace = await withAgent();
  const names = Array.from({ length: 20 }, (_, n) => workspace.write(`${n}.json`, { n }));
  const made = lines(await workspace.done(['create', ...names, '--json']));
  expect(made.map(({ n }) => n)).toEqual(names.map((_, n) => n));
  for (const document of made) expect(fs.existsSync(workspace.path(workspace.stored(document)))).toBe(true);
});

test('one bad file among several is told about and does not stop the others', async () => {
  const workspace = await withAgent();
  const names = [workspace.write('a.json', { n: 1 }), workspace.write('bad.json', '[1]'), 'none.json'];
  names.push(workspace.write('z.json', { n: 2 }));
  const human = await workspace.run(['create', ...names]);
  expect(human.code).toBe(1);
  expect(lines(human.stdout).map(({ n }) => n)).toEqual([1, 2]);
  expect(human.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^jacs-agent: JACS_INPUT: .*\[file: bad\.json\]$/),
    expect.stringMatching(/^jacs-agent: JACS_INPUT: .*\[file: none\.json\]$/),
  ]);
  const machine = await workspace.run(['create', '--json', ...names]);
  expect(machine).toMatchObject({ code: 1, stderr: '' });
  expect(lines(machine.stdout).map(({ error, n }) => error?.file ?? n)).toEqual([1, 'bad.json', 'none.json', 2]);
});

test('--output also writes the document, and never over a file without --overwrite', async () => {
  const workspace = await withAgent();
  const text = await workspace.done(['create', '-', '--output', 'signed.json'], { input: '{}' });
  expect(`${workspace.read('signed.json')}\n`).toBe(text);
  const error = await workspace.refused(['create', '-', '--output', 'signed.json'], 'JACS_CONFLICT', { input: '{}' });
  expect(error.path).toMatch(/signed\.json$/);
  expect(`${workspace.read('signed.json')}\n`).toBe(text);
  const other = await workspace.done(['create', '-', '--output', 'signed.json', '--overwrite'], { input: '{}' });
  expect(`${workspace.read('signed.json')}\n`).toBe(other);
});

test('--no-save stores nothing', async () => {
  const workspace = await withAgent();
  const before = filesUnder(workspace.folder);
  const document = JSON.parse(await workspace.done(['create', '-', '--no-save'], { input: '{}' }));
  expect(document.jacsSignature).toBeDefined();
  expect(filesUnder(workspace.folder)).toEqual(before);
});

test('--schema is checked before anything is stored', async () => {
  const workspace = await withAgent();
  const schema = { type: 'object', required: ['amount'], properties: { amount: { type: 'number' } } };
  workspace.write('schema.json', schema);
  await workspace.done(['create', '-', '--schema', 'schema.json'], { input: '{"amount":1}' });
  await workspace.refused(['create', '-', '--schema', 'schema.json'], 'JACS_SCHEMA', { input: '{"amount":"x"}' });
  await workspace.refused(['create', '-', '--schema', JSON.stringify(schema)], 'JACS_SCHEMA', { input: '{}' });
  expect(lines(await workspace.done(['list', '--json']))).toHaveLength(1);
});

test('--resign stores a version of the migration recipe where others are', async () => {
  const workspace = await withAgent();
  const { text: first, key } = await workspace.create();
  const second = await workspace.update(key, { title: 'second' });
  const recipe = JSON.parse(second.text);
  delete recipe.jacsSignature;
  delete recipe.jacsSha256;
  await workspace.done(['remove', second.key, '--yes', '--json']);
  await workspace.refused(['create', '-'], 'JACS_CONFLICT', { input: JSON.stringify(recipe) });
  const again = JSON.parse(await workspace.done(['create', '-', '--resign'], { input: JSON.stringify(recipe) }));
  expect(again).toMatchObject({ jacsVersion: second.jacsVersion, title: 'second' });
  expect(await workspace.done(['get', key])).toBe(first);
});

test.each([
  ['not JSON', 'x'],
  ['an array', '[1]'],
  ['a duplicate key', '{"a":1,"a":2}'],
  ['a system field', '{"jacsId":"x"}'],
  ['nothing', ''],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
])('refuses %s and stores nothing', async (_, input) => {
  const workspace = await withAgent();
  await workspace.refused(['create', '-'], 'JACS_INPUT', { input });
  expect(await workspace.done(['list'])).toBe('');
});

test('a folder in place of a file is refused', async () => {
  const workspace = await withAgent();
  const error = await workspace.refused(['create', 'jacs_keys'], 'JACS_INPUT');
  expect(error).toMatchObject({ path: 'jacs_keys', causes: [expect.stringContaining('EISDIR')] });
});

test('wrong use: --output for several documents, standard input twice', async () => {
  const workspace = await withAgent();
  await workspace.misused(['create', 'a', 'b', '--output', 'c']);
  await workspace.misused(['create', '-', '-']);
});

test('a wrong password is refused', async () => {
  const workspace = await withAgent();
  await workspace.refused(['create', '-'], 'JACS_PASSWORD', {
    input: '{}',
    env: { JACS_PRIVATE_KEY_PASSWORD: 'wrong horse 1' },
  });
});
