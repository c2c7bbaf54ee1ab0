'use strict';
// A store that is not what it was: what is wrong is not copied and is told; everything else arrives.

const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf, loadAgain, refusal } = require('../support/agents.js');
const { noise, sha256 } = require('../support/attachments.js');
const { firstVersion, newAuthor, rehashed, signWithNode } = require('../support/witness.js');
const {
  addMass,
  briefly,
  emptyPlace,
  expectSame,
  migrate,
  objectsOf,
  putFile,
  putVersion,
  range,
  rootsOf,
  newStore,
} = require('../support/transfer.js');

let store;
let texts;
let sound;
beforeEach(async () => {
  store = await newStore();
  texts = await addMass(store.agent, { mass: 12, files: 3 });
  sound = objectsOf(store.data).size;
});

const changed = (text, change) => JSON.stringify({ ...JSON.parse(text), ...change });
const put = (text, key) => putVersion(store.data, text, 'documents', key);

/** Ways to damage a document in its place; the finding's kind and code. */
const DAMAGE = {
  'a changed field': [(text) => put(changed(text, { number: 99 }), keyOf(text)), 'hash JACS_HASH'],
  'a changed field, hashed again': [
    (text) => put(rehashed({ ...JSON.parse(text), number: 99 }), keyOf(text)),
    'signature JACS_SIGNATURE',
  ],
  'a signature that is gone': [
    (text) => put(rehashed({ ...JSON.parse(text), jacsSignature: undefined }), keyOf(text)),
    'signature JACS_SIGNATURE',
  ],
  'half of a document': [(text) => put(text.slice(0, text.length / 2), keyOf(text)), 'malformed JACS_HASH'],
  'an empty document': [(text) => put('', keyOf(text)), 'malformed JACS_HASH'],
  'bytes that are no text': [
    (text) => {
      const name = put('', keyOf(text));
      fs.writeFileSync(path.join(store.data, name), noise(400, 3));
      return name;
    },
    'malformed JACS_HASH',
  ],
};

test.each(Object.entries(DAMAGE))('%s', async (_, [damage, finding]) => {
  const to = emptyPlace();
  const name = damage(texts[5]);
  const report = await migrate(store.data, to);
  expect(report).toMatchObject({ copied: sound - 1, same: 0, conflicts: 0, failed: 1 });
  expect(briefly(report.failures)).toEqual([`${finding} ${name}`]);
  expect(report.failures[0]).toMatchObject({ severity: 'damage', key: keyOf(texts[5]) });
  expect([...objectsOf(to).keys()]).toEqual([...objectsOf(store.data).keys()].filter((other) => other !== name));
  expect(report.root).toEqual(rootsOf(store.data, to));
});

test('a document in the place of another one', async () => {
  const to = emptyPlace();
  const key = `${keyOf(texts[0]).split(':')[0]}:${keyOf(texts[1]).split(':')[1]}`;
  const name = put(texts[0], key);
  const report = await migrate(store.data, to);
  expect(report).toMatchObject({ copied: sound, failed: 1 });
  expect(report.failures).toMatchObject([{ kind: 'misplaced', code: 'JACS_HASH', severity: 'damage', path: name }]);
  expect(fs.existsSync(path.join(to, name))).toBe(false);
});

test('keepInvalid copies them as they are, and tells them all the same', async () => {
  const to = emptyPlace();
  const damages = Object.values(DAMAGE);
  const told = damages.map(([damage, finding], index) => `${finding} ${damage(texts[index])}`);
  const strict = await migrate(store.data, emptyPlace());
  expect(briefly(strict.failures)).toEqual(told.sort());
  expect(strict).toMatchObject({ copied: sound - damages.length, failed: damages.length });
  const report = await migrate(store.data, to, { keepInvalid: true });
  expect(briefly(report.failures)).toEqual(told.sort());
  expect(report).toMatchObject({ copied: sound, same: 0, failed: 0 });
  await expectSame(store.data, to);
  expect(report.root).toEqual(rootsOf(store.data, to));
  const again = await migrate(store.data, to, { keepInvalid: true });
  expect(again).toMatchObject({ copied: 0, same: sound, failed: 0 });
  const reader = await loadAgain({ ...store, data: to });
  await refusal(reader.getDocument(keyOf(texts[0])), 'JACS_HASH');
});

test('a document of somebody without a key is copied, and one with a wrong hash of his is not', async () => {
  const to = emptyPlace();
  const author = newAuthor();
  const [good, bad] = range(2).map((n) => signWithNode(firstVersion({ n }), author));
  const names = [put(good), put(changed(bad, { n: 7 }), keyOf(bad))];
  const report = await migrate(store.data, to);
  expect(report).toMatchObject({ copied: sound + 1, failed: 1 });
  expect(briefly(report.failures)).toEqual([`hash JACS_HASH ${names[1]}`, `key JACS_KEY ${names[0]}`]);
});

test('a document that is not in canonical form is copied as it is', async () => {
  const to = emptyPlace();
  const name = put(JSON.stringify(JSON.parse(texts[0]), null, 2), keyOf(texts[0]));
  const report = await migrate(store.data, to);
  expect(report).toMatchObject({ copied: sound, failed: 0 });
  expect(report.failures.filter(({ severity }) => severity === 'damage')).toEqual([]);
  expect(fs.readFileSync(path.join(to, name))).toEqual(fs.readFileSync(path.join(store.data, name)));
});

describe('a stored file', () => {
  const hashOf = (text) => JSON.parse(text).jacsFilesStored[0];

  test.each([
    ['of other bytes', (bytes) => noise(bytes.length, 55)],
    ['cut short', (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['that is empty', () => Buffer.alloc(0)],
  ])('%s is never copied, not even by keepInvalid', async (_, change) => {
    const text = texts.at(-1);
    const file = path.join(store.data, 'files', hashOf(text));
    fs.writeFileSync(file, change(fs.readFileSync(file)));
    for (const keepInvalid of [false, true]) {
      const to = emptyPlace();
      const report = await migrate(store.data, to, { keepInvalid });
      expect(report).toMatchObject({ copied: sound - 1, failed: 1 });
      const [finding] = report.failures.filter(({ kind }) => kind === 'attachment-altered');
      expect(finding).toMatchObject({
        code: 'JACS_ATTACHMENT',
        severity: 'damage',
        path: `files/${hashOf(text)}`,
      });
      expect(fs.readdirSync(path.join(to, 'files'))).not.toContain(hashOf(text));
      expect(report.root).toEqual(rootsOf(store.data, to));
    }
  });

  test('that is missing: its document is copied, and the file is told', async () => {
    const text = texts.at(-1);
    fs.rmSync(path.join(store.data, 'files', hashOf(text)));
    const to = emptyPlace();
    const report = await migrate(store.data, to);
    expect(report.copied).toBe(sound - 1);
    expect(report.failures).toMatchObject([
      { kind: 'attachment-missing', code: 'JACS_ATTACHMENT', severity: 'damage' },
    ]);
    await expectSame(store.data, to);
    // What the target has already is not missing there.
    const { length } = fs.readdirSync(path.join(to, 'files'));
    const report2 = await migrate(store.data, to);
    expect(report2.same).toBe(sound - 1);
    expect(fs.readdirSync(path.join(to, 'files'))).toHaveLength(length);
  });

  test('that no document names is checked, too', async () => {
    const bytes = noise(1000, 66);
    putFile(store.data, noise(1000, 67), sha256(bytes));
    const report = await migrate(store.data, emptyPlace());
    expect(briefly(report.failures)).toEqual([`attachment-altered JACS_ATTACHMENT files/${sha256(bytes)}`]);
  });
});

test('strays and temporary files are not copied', async () => {
  const folder = path.join(store.data, 'documents', JSON.parse(texts[0]).jacsId);
  fs.writeFileSync(path.join(folder, '.tmp-0123'), 'half');
  fs.writeFileSync(path.join(folder, 'notes.txt'), 'a stray');
  fs.writeFileSync(path.join(store.data, 'jacs.private.pem.enc'), 'a key');
  fs.mkdirSync(path.join(store.data, 'more'));
  fs.symlinkSync('/etc/hostname', path.join(store.data, 'files', sha256('link')));
  const to = emptyPlace();
  const report = await migrate(store.data, to);
  expect(report.copied).toBe(sound);
  expect(objectsOf(to).size).toBe(sound);
  expect(fs.readdirSync(to).sort()).toEqual(['agents', 'documents', 'files']);
  expect(fs.readdirSync(path.join(to, 'documents', JSON.parse(texts[0]).jacsId))).toHaveLength(1);
  expect(fs.readdirSync(path.join(to, 'files'))).not.toContain(sha256('link'));
});

test('what the reader of the copy sees is what the reader of the source sees', async () => {
  const to = emptyPlace();
  DAMAGE['a changed field'][0](texts[0]);
  await migrate(store.data, to);
  const reader = await loadAgain({ ...store, data: to });
  const listed = (await all(reader.listDocuments())).map(({ key }) => key);
  expect(listed).toEqual(texts.slice(1).map(keyOf).sort());
  for (const text of texts.slice(1)) await expect(reader.getDocument(keyOf(text))).resolves.toBe(text);
});
