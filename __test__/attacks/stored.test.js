'use strict';
// Files of the store that somebody changed: refused with the right code, their bytes never given back, and the same
// agent goes on working.

const { execFileSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('../support/folder.js');
const { agentOn, all, fileOf, forge, forger, goesOn, keyOf, plant, rehashed, v7 } = require('./forge.js');

const MARK = 'the-bytes-of-the-attacker';

const edit = (file, change) => fs.writeFileSync(file, change(fs.readFileSync(file, 'utf8')));
const replace = (file, make) => (fs.rmSync(file), make());
const set = (fields) => (text) => rehashed({ ...JSON.parse(text), ...fields });

/** What is done to a file, and the code of every read of it. `other` is the file of another document. */
const ATTACKS = [
  ['changed', 'JACS_HASH', (file) => edit(file, (text) => text.replace('ours', MARK))],
  ['changed and hashed again', 'JACS_SIGNATURE', (file) => edit(file, set({ from: MARK }))],
  ['given another field and hashed again', 'JACS_SIGNATURE', (file) => edit(file, set({ secret: MARK }))],
  ['cut off', 'JACS_HASH', (file) => fs.truncateSync(file, fs.statSync(file).size - 1)],
  ['emptied', 'JACS_HASH', (file) => fs.truncateSync(file)],
  ['lengthened', 'JACS_HASH', (file) => fs.appendFileSync(file, MARK)],
  ['replaced by another document', 'JACS_HASH', (file, { other }) => fs.copyFileSync(other, file)],
  ['replaced by bytes that are not UTF-8', 'JACS_HASH', (file) => fs.writeFileSync(file, Buffer.from([0xff, 0xfe]))],
  ['grown over the limit', 'JACS_HASH', (file) => fs.truncateSync(file, (64 << 20) + 1)],
  ['replaced by a directory', 'JACS_PERMISSION', (file) => replace(file, () => fs.mkdirSync(file))],
  ['replaced by a FIFO', 'JACS_PERMISSION', (file) => replace(file, () => execFileSync('mkfifo', [file]))],
  [
    'replaced by a symbolic link out of the directory',
    'JACS_PERMISSION',
    (file, { outside }) => {
      const copy = path.join(outside, path.basename(file));
      fs.renameSync(file, copy);
      fs.symlinkSync(copy, file);
    },
  ],
  [
    'replaced by a symbolic link inside the directory',
    'JACS_PERMISSION',
    (file, { other }) => replace(file, () => fs.symlinkSync(path.relative(path.dirname(file), other), file)),
  ],
];

let data;
let agent;
let stranger;
let world;

beforeAll(async () => {
  data = temporaryFolder();
  agent = await agentOn(data);
  stranger = await agentOn(data);
  const other = fileOf(data, keyOf(await agent.createDocument({ from: 'another' })));
  world = { other, outside: temporaryFolder() };
});

describe.each(ATTACKS)('a stored document %s', (_, code, spoil) => {
  /** A document of one or two versions, of which one is spoilt. */
  async function spoilt({ newest = true, versions = 1 } = {}) {
    const texts = [await agent.createDocument({ from: 'ours' })];
    if (versions > 1) texts.push(await agent.updateDocument(keyOf(texts[0]), { from: 'ours', again: true }));
    const keys = texts.map(keyOf);
    spoil(fileOf(data, newest ? keys.at(-1) : keys[0]), world);
    return { id: JSON.parse(texts[0]).jacsId, keys, texts };
  }

  async function refused(call) {
    const error = await call().then(
      (text) => ({ code: 'none', text }),
      (error) => error,
    );
    expect(error).toMatchObject({ code });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(MARK);
  }

  test('is refused by key and by id', async () => {
    const { id, keys } = await spoilt();
    for (const name of [...keys, id]) {
      await refused(() => agent.getDocument(name));
      await refused(() => stranger.getDocument(name));
      await refused(async () => agent.getDocumentSync(name));
      if (code !== 'JACS_SIGNATURE') await refused(() => agent.getDocument(name, { verify: 'hash' }));
    }
    expect(await goesOn(agent)).toBe(true);
  });

  test('is invalid for inspectDocument by key and by id', async () => {
    const { id, keys } = await spoilt();
    for (const name of [keys[0], id]) {
      const report = await agent.inspectDocument(name);
      expect(report).toMatchObject({ valid: false, code, key: keys[0] });
      expect(JSON.stringify(report)).not.toContain(MARK);
    }
    expect(await goesOn(agent)).toBe(true);
  });

  test('as the newest version hides no older one behind it', async () => {
    const { id, keys, texts } = await spoilt({ versions: 2 });
    await refused(() => agent.getDocument(id));
    await refused(() => stranger.getDocument(id));
    await refused(() => agent.getDocument(keys[1]));
    expect(await agent.getDocument(keys[0])).toBe(texts[0]);
    await refused(() => agent.updateDocument(keys[1], { from: 'ours' }));
    expect(fs.readdirSync(path.dirname(fileOf(data, keys[0])))).toHaveLength(2);
    expect(await goesOn(agent)).toBe(true);
  });

  test('as an older version leaves the newest as it is', async () => {
    const { id, keys, texts } = await spoilt({ versions: 2, newest: false });
    await refused(() => agent.getDocument(keys[0]));
    expect(await agent.getDocument(keys[1])).toBe(texts[1]);
    expect(await agent.getDocument(id)).toBe(texts[1]);
    expect(await agent.verifyHistory(id)).toMatchObject({ valid: false });
    expect(await goesOn(agent)).toBe(true);
  });

  test('does not stop a listing', async () => {
    const before = await agent.createDocument({ n: 1 });
    await spoilt();
    const later = await agent.createDocument({ n: 2 });
    const listed = (await all(agent.listDocuments())).map(({ key }) => key);
    expect(listed).toEqual(expect.arrayContaining([keyOf(before), keyOf(later)]));
    const typed = (await all(agent.listDocuments({ type: 'document' }))).map(({ key }) => key);
    expect(typed).toEqual(expect.arrayContaining([keyOf(before), keyOf(later)]));
  });

  test('is never overwritten by its true text', async () => {
    const { keys, texts } = await spoilt();
    const file = fileOf(data, keys[0]);
    const before = fs.lstatSync(file);
    const other = code === 'JACS_PERMISSION' ? code : 'JACS_CONFLICT';
    await expect(agent.saveDocument(texts[0])).rejects.toMatchObject({ code: other });
    expect(fs.lstatSync(file)).toMatchObject({ ino: before.ino, size: before.size, mtimeMs: before.mtimeMs });
    expect(await goesOn(agent)).toBe(true);
  });
});

test('two versions of one document that changed places are both refused', async () => {
  const first = await agent.createDocument({ n: 1 });
  const next = await agent.updateDocument(keyOf(first), { n: 2 });
  fs.writeFileSync(fileOf(data, keyOf(first)), next);
  fs.writeFileSync(fileOf(data, keyOf(next)), first);
  for (const reader of [agent, stranger]) {
    for (const name of [keyOf(first), keyOf(next), JSON.parse(first).jacsId]) {
      await expect(reader.getDocument(name)).rejects.toMatchObject({ code: 'JACS_HASH' });
    }
  }
  await expect(agent.updateDocument(keyOf(next), { n: 3 })).rejects.toMatchObject({ code: 'JACS_HASH' });
  expect(await agent.verifyHistory(JSON.parse(first).jacsId)).toMatchObject({ valid: false });
  expect(await goesOn(agent)).toBe(true);
});

test('a document under the id of another is refused, and is not that one', async () => {
  const [text, other] = [await agent.createDocument({ n: 1 }), await agent.createDocument({ n: 2 })];
  const [{ jacsId }, { jacsVersion }] = [JSON.parse(text), JSON.parse(other)];
  fs.writeFileSync(fileOf(data, `${jacsId}:${jacsVersion}`), other);
  for (const name of [`${jacsId}:${jacsVersion}`, jacsId]) {
    await expect(agent.getDocument(name)).rejects.toMatchObject({ code: 'JACS_HASH' });
  }
  expect(await agent.getDocument(keyOf(text))).toBe(text);
  expect(await agent.getDocument(keyOf(other))).toBe(other);
});

test('names that are not of the layout change nothing', async () => {
  const text = await agent.createDocument({ n: 1 });
  const { jacsId: id, jacsVersion: version } = JSON.parse(text);
  const documents = path.join(data, 'documents');
  const empty = randomUUID();
  for (const name of [
    '.tmp-1',
    'note.txt',
    `${randomUUID()}`,
    `${randomUUID().toUpperCase()}.json`,
    `${version}.JSON`,
  ]) {
    fs.writeFileSync(path.join(documents, id, name), MARK);
    fs.writeFileSync(path.join(documents, `${name}x`), MARK);
  }
  for (const name of [empty, id.toUpperCase(), 'x', `${id}.json`, '\n']) fs.mkdirSync(path.join(documents, name));
  fs.writeFileSync(path.join(documents, id.toUpperCase(), `${version}.json`), text);
  for (const reader of [agent, stranger]) {
    expect(await reader.getDocument(id)).toBe(text);
    expect((await reader.versions(id)).map(({ key }) => key)).toEqual([keyOf(text)]);
    const listed = (await all(reader.listDocuments({ allVersions: true }))).map(({ key }) => key);
    expect(listed.filter((key) => key.startsWith(id))).toEqual([keyOf(text)]);
    expect(listed.filter((key) => !/^[0-9a-f-]{36}:[0-9a-f-]{36}$/.test(key))).toEqual([]);
    await expect(reader.getDocument(empty)).rejects.toMatchObject({ code: 'JACS_NOT_FOUND' });
    await expect(reader.versions(empty)).rejects.toMatchObject({ code: 'JACS_NOT_FOUND' });
  }
  const next = await agent.updateDocument(keyOf(text), { n: 2 });
  expect(await agent.getDocument(id)).toBe(next);
});

describe('a signed document with a strange field', () => {
  const UUID = randomUUID();
  const STRANGE = [
    null,
    true,
    0,
    -1,
    1e300,
    '',
    ' ',
    'x',
    '\0',
    UUID.toUpperCase(),
    UUID,
    [],
    [null],
    [UUID, UUID],
    {},
  ];
  const DATES = ['9999-12-31T23:59:59Z', '+275760-09-13T00:00:00Z', '-009999-01-01T00:00:00Z', '2026-13-01T00:00:00Z'];
  const SYSTEM = ['$schema', 'jacsVersionDate', 'jacsOriginalDate', 'jacsOriginalVersion', 'jacsPreviousVersion'];
  const OTHERS = ['jacsPreviousSha256', 'jacsMergedVersions', 'jacsType', 'jacsLevel', 'jacsFiles', 'jacsFilesStored'];
  const CLAIMS = ['agentID', 'agentVersion', 'date', 'iat', 'jti', 'publicKeyHash', 'signingAlgorithm', 'response'];
  const KNOWN = /^JACS_(HASH|SIGNATURE|KEY|UNTRUSTED|CONFLICT|ATTACHMENT|INPUT)$/;
  const values = [
    ...STRANGE,
    ...DATES,
    'agent',
    'config',
    'raw',
    Number.MAX_SAFE_INTEGER,
    'ffffffff-ffff-7fff-bfff-ffffffffffff',
  ];

  let signer;
  beforeAll(() => plant(data, (signer = forger()).text, 'agents'));

  /** Every way to look at a document, stored or not; what was said against it. */
  async function looks(text) {
    const key = plant(data, text);
    const id = key.split(':')[0];
    const calls = [
      ...[key, id].flatMap((name) => [agent.getDocument(name), agent.inspectDocument(name)]),
      ...[agent.versions(id), agent.verifyHistory(id), agent.verifyDocument(text), agent.updateDocument(key, { n: 1 })],
      ...[agent.saveDocument(text), agent.getDocument(key, { verify: 'hash' })],
    ];
    const settled = await Promise.allSettled(calls);
    return settled.flatMap(({ reason }) => (reason ? [reason.code] : []));
  }

  test.each([...SYSTEM, ...OTHERS].map((name) => [name]))('%s', async (name) => {
    for (const value of values) {
      for (const code of await looks(forge(signer, { [name]: value })))
        expect([value, code]).toEqual([value, expect.stringMatching(KNOWN)]);
    }
    expect(await goesOn(agent)).toBe(true);
  });

  test.each(CLAIMS.map((name) => [name]))('jacsSignature.%s', async (name) => {
    for (const value of values) {
      for (const code of await looks(forge(signer, {}, { [name]: value })))
        expect([value, code]).toEqual([value, expect.stringMatching(KNOWN)]);
    }
    expect(await goesOn(agent)).toBe(true);
  });

  test('versions of the first and the last possible time, and two that replace each other', async () => {
    for (const jacsVersion of [
      '00000000-0000-7000-8000-000000000000',
      'ffffffff-ffff-7fff-bfff-ffffffffffff',
      '00000000-0000-0000-0000-000000000000',
    ]) {
      for (const code of await looks(forge(signer, { jacsVersion })))
        expect([jacsVersion, code]).toEqual([jacsVersion, expect.stringMatching(KNOWN)]);
    }
    const [one, two] = [v7(), v7()];
    const circle = { jacsId: randomUUID(), jacsOriginalVersion: one };
    plant(data, forge(signer, { ...circle, jacsVersion: one, jacsPreviousVersion: two }));
    const codes = await looks(forge(signer, { ...circle, jacsVersion: two, jacsPreviousVersion: one }));
    for (const code of codes) expect(code).toMatch(KNOWN);
    const since = await all(agent.listDocuments({ since: '2000-01-01T00:00:00Z', allVersions: true }));
    expect(since.length).toBeGreaterThan(1);
    expect(await goesOn(agent)).toBe(true);
  });
});

describe('a directory replaced by a symbolic link', () => {
  /** Moves a directory to another place and leaves a link to it. */
  function moved(directory, place) {
    const target = path.join(place, path.basename(directory) + '-moved');
    fs.renameSync(directory, target);
    fs.symlinkSync(target, directory);
    return () => (fs.unlinkSync(directory), fs.renameSync(target, directory));
  }

  test.each([
    ['out of the data directory', () => world.outside],
    ['inside the data directory', () => data],
  ])("a document's own, %s", async (_, place) => {
    const text = await agent.createDocument({ secret: MARK });
    const [id, key] = [JSON.parse(text).jacsId, keyOf(text)];
    const undo = moved(path.join(data, 'documents', id), place());
    for (const call of [
      () => agent.getDocument(key),
      () => agent.getDocument(id),
      () => agent.versions(id),
      () => agent.updateDocument(key, { n: 2 }),
      () => agent.saveDocument(text),
      () => agent.removeDocument(key),
    ]) {
      const error = await call().catch((error) => error);
      expect(error).toMatchObject({ code: 'JACS_PERMISSION' });
      expect(JSON.stringify({ ...error, document: undefined })).not.toContain(MARK);
    }
    const listed = (await all(agent.listDocuments())).map((entry) => entry.key);
    expect(listed).not.toContain(key);
    expect(await goesOn(agent)).toBe(true);
    undo();
    expect(await agent.getDocument(id)).toBe(text);
  });

  test('documents/ itself: nothing is read, written or listed through it', async () => {
    const text = await agent.createDocument({ n: 1 });
    const undo = moved(path.join(data, 'documents'), world.outside);
    const count = () => fs.readdirSync(path.join(world.outside, 'documents-moved')).length;
    const before = count();
    const refused = { code: 'JACS_PERMISSION' };
    await expect(agent.getDocument(keyOf(text))).rejects.toMatchObject(refused);
    await expect(agent.getDocument(JSON.parse(text).jacsId)).rejects.toMatchObject(refused);
    await expect(all(agent.listDocuments())).rejects.toMatchObject(refused);
    const error = await agent.createDocument({ n: 2 }).catch((error) => error);
    expect(error).toMatchObject({ ...refused, document: expect.any(String) });
    expect(count()).toBe(before);
    undo();
    expect(await agent.saveDocument(error.document)).toBe(error.document);
    expect(await agent.getDocument(error.key)).toBe(error.document);
    expect(await goesOn(agent)).toBe(true);
  });

  test('the data directory itself may be one: whoever configured it chose so', async () => {
    const link = path.join(temporaryFolder(), 'data');
    const target = temporaryFolder();
    fs.symlinkSync(target, link);
    const other = await agentOn(link);
    expect(await goesOn(other)).toBe(true);
    expect(fs.readdirSync(target).sort()).toEqual(['agents', 'documents']);
  });
});
