'use strict';
// A checkpoint: what is done stands in it, whatever happened to it; and it is good for the migration that wrote it alone.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { fileOf, keyOf, refusal } = require('../support/agents.js');
const { noise } = require('../support/attachments.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  migrate,
  objectsOf,
  putVersion,
  rootsOf,
  newStore,
} = require('../support/transfer.js');

let store;
let texts;
let count;
beforeAll(async () => {
  store = await newStore();
  texts = await addMass(store.agent, { mass: 150, files: 10 });
  count = objectsOf(store.data).size;
});

const newCheckpoint = () => path.join(temporaryFolder(), 'checkpoint');

/** A migration that was ended in the middle: its target and its checkpoint. */
async function begun() {
  const [to, checkpoint] = [emptyPlace(), newCheckpoint()];
  const abort = new AbortController();
  const error = refusal(migrate(store.data, to, { signal: abort.signal, checkpoint, concurrency: 4 }), 'JACS_ABORTED');
  const documents = path.join(to, 'documents');
  while (!fs.existsSync(documents) || fs.readdirSync(documents).length < 40) await sleep(1);
  abort.abort();
  await error;
  expect(objectsOf(to).size).toBeLessThan(count);
  return { to, checkpoint };
}

/** Goes on, and everything is there. */
async function expectFinished({ to, checkpoint }, from = store.data) {
  const report = await migrate(from, to, { checkpoint });
  expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
  expect(report.copied + report.same).toBe(count);
  expect(report.root).toEqual(rootsOf(from, to));
  await expectSame(from, to);
  expect(fs.existsSync(checkpoint)).toBe(false);
  return report;
}

test('a migration with one leaves none when all is done', async () => {
  const [to, checkpoint] = [emptyPlace(), newCheckpoint()];
  expectDone(await migrate(store.data, to, { checkpoint }), { copied: count });
  expect(fs.readdirSync(path.dirname(checkpoint))).toEqual([]);
});

test('it is a file of lines, for its owner alone, the first of which says whose it is', async () => {
  const { to, checkpoint } = await begun();
  const [first, ...lines] = fs.readFileSync(checkpoint, 'utf8').split('\n');
  expect(JSON.parse(first)).toEqual(expect.any(Object));
  expect(lines.length).toBeGreaterThan(40);
  expect(fs.statSync(checkpoint).mode & 0o777).toBe(0o600);
  await expectFinished({ to, checkpoint });
});

test('what stands in it is at the target', async () => {
  const { to, checkpoint } = await begun();
  const arrived = objectsOf(to);
  const text = fs.readFileSync(checkpoint, 'utf8');
  const recorded = [...objectsOf(store.data).keys()].filter((name) => text.includes(name));
  // The data first: never the other way round.
  for (const name of recorded) expect([name, arrived.has(name)]).toEqual([name, true]);
});

test.each([
  ['whose last line is cut', (text) => text.slice(0, -7)],
  ['with a part of a line more', (text) => `${text}{"pa`],
  ['with zeros at its end', (text) => `${text}\0\0\0\0\0`],
  ['that lost its second half', (text) => text.slice(0, text.length / 2)],
  ['that has only its first line', (text) => text.slice(0, text.indexOf('\n') + 1)],
  ['with a line twice', (text) => `${text}${text.trimEnd().split('\n').at(-1)}\n`],
])('one %s is gone on from', async (_, change) => {
  const { to, checkpoint } = await begun();
  const text = fs.readFileSync(checkpoint, 'utf8');
  fs.writeFileSync(checkpoint, change(text.endsWith('\n') ? text : text.slice(0, text.lastIndexOf('\n') + 1)));
  await expectFinished({ to, checkpoint });
});

test('an empty one is a new one', async () => {
  const place = { to: emptyPlace(), checkpoint: newCheckpoint() };
  fs.writeFileSync(place.checkpoint, '');
  await expectFinished(place);
});

test.each([
  ['a text', 'my notes\nof today\n'],
  ['JSON of something else', '{"title":"mine"}\n{"more":1}\n'],
  ['bytes', noise(5000, 8)],
  ['a long line', 'x'.repeat(300_000)],
])('%s is refused, and stays as it is', async (_, content) => {
  const [to, checkpoint] = [emptyPlace(), newCheckpoint()];
  fs.writeFileSync(checkpoint, content);
  await refusal(migrate(store.data, to, { checkpoint }), 'JACS_INPUT');
  expect(fs.readFileSync(checkpoint).equals(Buffer.from(content))).toBe(true);
  expect(fs.existsSync(to)).toBe(false);
});

test('garbage between its lines is refused, and nothing is lost', async () => {
  const { to, checkpoint } = await begun();
  const lines = fs.readFileSync(checkpoint, 'utf8').split('\n');
  lines.splice(20, 0, 'not a line of a checkpoint');
  fs.writeFileSync(checkpoint, lines.join('\n'));
  const before = fs.readFileSync(checkpoint);
  await refusal(migrate(store.data, to, { checkpoint }), 'JACS_INPUT');
  expect(fs.readFileSync(checkpoint)).toEqual(before);
  fs.rmSync(checkpoint);
  await expectFinished({ to, checkpoint });
});

test('that of another migration is refused, and stays as it is', async () => {
  const { to, checkpoint } = await begun();
  const before = fs.readFileSync(checkpoint);
  const elsewhere = path.join(temporaryFolder(), 'copy');
  fs.cpSync(store.data, elsewhere, { recursive: true });
  await refusal(migrate(store.data, emptyPlace(), { checkpoint }), 'JACS_INPUT');
  await refusal(migrate(elsewhere, to, { checkpoint }), 'JACS_INPUT');
  await refusal(migrate(store.data, to, { checkpoint, keepInvalid: true }), 'JACS_INPUT');
  await refusal(store.agent.mirror(fsConfig(to), { checkpoint }), 'JACS_INPUT');
  expect(fs.readFileSync(checkpoint)).toEqual(before);
  await expectFinished({ to, checkpoint });
});

test('a dry run leaves none', async () => {
  const checkpoint = newCheckpoint();
  await migrate(store.data, emptyPlace(), { checkpoint, dryRun: true });
  const { to, checkpoint: kept } = await begun();
  const before = fs.readFileSync(kept);
  await migrate(store.data, to, { checkpoint: kept, dryRun: true }).catch(({ code }) =>
    expect(code).toBe('JACS_INPUT'),
  );
  expect(fs.readFileSync(kept)).toEqual(before);
  // What a dry run would do is not done.
  await expectFinished({ to, checkpoint });
});

test('what failed is tried again, and the file is there until nothing fails', async () => {
  const from = path.join(temporaryFolder(), 'copy');
  fs.cpSync(store.data, from, { recursive: true });
  const place = { to: emptyPlace(), checkpoint: newCheckpoint() };
  const name = putVersion(from, texts[3].slice(0, 100), 'documents', keyOf(texts[3]));
  for (const round of [1, 2]) {
    const report = await migrate(from, place.to, { checkpoint: place.checkpoint });
    expect([round, report.copied + report.same, report.failed]).toEqual([round, count - 1, 1]);
    expect(report.failures).toMatchObject([{ kind: 'malformed', path: name }]);
    expect(fs.existsSync(place.checkpoint)).toBe(true);
  }
  fs.writeFileSync(fileOf(from, keyOf(texts[3])), texts[3]);
  await expectFinished(place, from);
});

test('what is new at the source since is copied, too', async () => {
  const from = path.join(temporaryFolder(), 'copy');
  fs.cpSync(store.data, from, { recursive: true });
  const place = { to: emptyPlace(), checkpoint: newCheckpoint() };
  putVersion(from, 'not a document', 'documents', keyOf(texts[3]));
  expect(await migrate(from, place.to, { checkpoint: place.checkpoint })).toMatchObject({ failed: 1 });
  const text = await store.agent.createDocument({ title: 'new' }, { noSave: true });
  const name = putVersion(from, text);
  const report = await migrate(from, place.to, { checkpoint: place.checkpoint });
  expect([report.copied + report.same, report.failed]).toEqual([count, 1]);
  expect(report.root).toEqual(rootsOf(from, place.to));
  expect(fs.readFileSync(path.join(place.to, name), 'utf8')).toBe(text);
});

test('two calls cannot have one at the same time', async () => {
  const checkpoint = newCheckpoint();
  const to = emptyPlace();
  const calls = [1, 2].map(() => migrate(store.data, to, { checkpoint }));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter(({ reason }) => reason);
  expect(refused.map(({ reason }) => reason.code)).toEqual(['JACS_CONFLICT']);
  await expectSame(store.data, to);
});

test.each([
  ['a directory', (place) => fs.mkdirSync(place)],
  ['a pipe', (place) => execFileSync('mkfifo', [place])],
])('%s is none', async (_, make) => {
  const checkpoint = newCheckpoint();
  make(checkpoint);
  const to = emptyPlace();
  const error = await migrate(store.data, to, { checkpoint }).catch((error) => error);
  expect(['JACS_INPUT', 'JACS_UNAVAILABLE', 'JACS_PERMISSION']).toContain(error.code);
  expect([fs.existsSync(to), fs.existsSync(checkpoint)]).toEqual([false, true]);
});
