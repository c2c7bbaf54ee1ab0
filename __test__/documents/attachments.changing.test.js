'use strict';
// A file that changes while it is read is refused: what is signed is never half of one and half of another.

const fs = require('node:fs');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { newAgent, refusal } = require('../support/agents.js');
const { bytesOf, entriesOf, inNewFolder, noise, sha256, written } = require('../support/attachments.js');
const { filesUnder } = require('../support/folder.js');

/** Long enough to read that the changes below are under way meanwhile. */
const LENGTH = 24 << 20;

const here = inNewFolder();
let place;
let agent;
let bytes;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  await agent.createDocument({ title: 'stored' });
  bytes = noise(LENGTH);
});

/** The outcome of a create while `change` is called again and again. */
async function changing(change, attachments, embed) {
  const state = { done: false };
  const outcome = agent
    .createDocument({ title: 'x' }, { attachments, embed })
    .then(
      (text) => ({ text }),
      (error) => ({ error }),
    )
    .finally(() => {
      state.done = true;
    });
  for (let n = 0; !state.done; n++) {
    change(n);
    await turn();
  }
  return outcome;
}

/** The error of a create while the file is changed. On a busy machine it may once be read between two changes. */
async function refusedWhile(act, embed) {
  for (let attempt = 0; attempt < 10; attempt++) {
    written(here.folder, { 'big.bin': bytes });
    const before = filesUnder(place.data);
    const { text, error } = await changing(act, 'big.bin', embed);
    if (error) {
      expect(filesUnder(place.data)).toEqual(before);
      return error;
    }
    if (embed === undefined) await agent.assertDocument(text, { contents: true });
  }
  throw new Error('never refused');
}

const change = (flags, act) => (n) => {
  const file = fs.openSync('big.bin', flags);
  act(file, n);
  fs.closeSync(file);
};

describe.each([
  ['stored', undefined],
  ['referenced', false],
])('%s', (_, embed) => {
  test.each([
    ['grows', change('a', (file) => fs.writeSync(file, 'more'))],
    ['becomes shorter', change('r+', (file, n) => fs.ftruncateSync(file, LENGTH - n - 1))],
    // The same bytes at the same place: nothing but the time tells, and a time may be all that tells of other bytes.
    ['is written over', change('r+', (file) => fs.writeSync(file, bytes, 0, 4096, 0))],
    ['is written over behind', change('r+', (file, n) => fs.writeSync(file, `${n}`, LENGTH - 100))],
  ])('that %s', async (name, act) => {
    const error = await refusedWhile(act, embed);
    expect(error).toMatchObject({ code: 'JACS_ATTACHMENT' });
    expect(path.resolve(error.path)).toBe(path.resolve('big.bin'));
  });

  test('that is replaced by another is one of the two, or refused', async () => {
    const [one, two] = [bytes, noise(LENGTH, 1)];
    written(here.folder, { 'big.bin': one, other: two });
    const swap = (n) => {
      if (n > 0) return;
      fs.renameSync('other', 'big.bin');
    };
    const { text, error } = await changing(swap, 'big.bin', embed);
    if (error) {
      expect(error.code).toBe('JACS_ATTACHMENT');
      return;
    }
    const [{ sha256: hash }] = entriesOf(text);
    expect([one, two].map(sha256)).toContain(hash);
    if (embed === undefined) expect(sha256(await bytesOf(agent.readAttachment(text, 'big.bin')))).toBe(hash);
  });

  test('that is emptied is refused, or was empty when its reading began', async () => {
    written(here.folder, { 'big.bin': bytes });
    const { text, error } = await changing(
      change('w', () => {}),
      'big.bin',
      embed,
    );
    if (error) expect(error.code).toBe('JACS_ATTACHMENT');
    else expect(entriesOf(text)).toMatchObject([{ sha256: sha256('') }]);
  });

  test('that is taken away while it is read: as if it were read before, or refused', async () => {
    written(here.folder, { 'big.bin': bytes });
    const { text, error } = await changing(() => fs.rmSync('big.bin', { force: true }), 'big.bin', embed);
    if (error) expect(error.code).toBe('JACS_ATTACHMENT');
    else expect(entriesOf(text)).toMatchObject([{ sha256: sha256(bytes) }]);
  });
});

test('an embedded one that grows', async () => {
  const error = await refusedWhile(
    change('a', (file) => fs.writeSync(file, 'more')),
    true,
  );
  expect(error).toMatchObject({ code: 'JACS_ATTACHMENT' });
});

test('bytes that the caller changes after the call: they are those of the call, or refused', async () => {
  const contents = Buffer.from(bytes);
  const pending = agent.createDocument({}, { attachments: { path: 'x', contents } });
  contents.fill(0);
  const outcome = await pending.then(
    (text) => ({ text }),
    (error) => ({ error }),
  );
  if (outcome.error) expect(outcome.error.code).toBe('JACS_ATTACHMENT');
  else {
    const [{ sha256: hash }] = entriesOf(outcome.text);
    expect(sha256(await bytesOf(agent.readAttachment(outcome.text, 'x')))).toBe(hash);
  }
});

test('a reference to a file that has changed since is refused, at any length', async () => {
  written(here.folder, { 'later.txt': 'first' });
  const text = await agent.createDocument({}, { attachments: 'later.txt', embed: false });
  for (const now of ['secon', 'firs', 'first!', '']) {
    written(here.folder, { 'later.txt': now });
    await refusal(bytesOf(agent.readAttachment(text, 'later.txt')), 'JACS_ATTACHMENT');
    await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(false);
  }
  written(here.folder, { 'later.txt': 'first' });
  await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
});

test('a folder that files come to while it is read: each entry is of a whole file', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `coming/${n}`);
  written(here.folder, Object.fromEntries(names.map((name) => [name, name])));
  const come = (n) => fs.writeFileSync(`coming/new-${n}`, `new ${n}`);
  const { text, error } = await changing(come, 'coming');
  if (error) {
    expect(error.code).toBe('JACS_ATTACHMENT');
    return;
  }
  const entries = entriesOf(text);
  expect(entries.map((entry) => entry.path)).toEqual(expect.arrayContaining(names));
  for (const entry of entries) expect(entry.sha256).toBe(sha256(fs.readFileSync(entry.path)));
});
