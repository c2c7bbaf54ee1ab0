'use strict';
// Part of storage.suite.js: attachments as they are made, read, written to a directory and kept by updates.

const fs = require('node:fs');
const path = require('node:path');
const { Readable } = require('node:stream');
const support = require('../support/attachments.js');
const { all, fieldsOf, keyOf, refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { faultsOf } = require('../support/witness.js');
const { sha256, noise, written, inNewFolder, entriesOf, pathsOf, storedOf, nameOfFile, bytesOf } = support;

const MIB = 1 << 20;
/** More than one part of an upload, and no whole number of them. */
const LARGE = 17 * MIB + 5;
const REPORT = 'The report, in Zürich.\n';

module.exports = (world, { reachable }) =>
  describe('attachments', () => {
    const here = inNewFolder();
    const create = (attachments, embed, fields = { title: 'with files' }) =>
      world.agent.createDocument(fields, { attachments, embed });
    const read = (textOrKey, name, options) => bytesOf(world.agent.readAttachment(textOrKey, name, options));
    const idOf = (text) => JSON.parse(text).jacsId;
    /** The names under files/, where they can be seen. */
    const storedFiles = async () =>
      reachable ? (await world.raw.names()).filter((name) => name.startsWith('files/')) : [];

    beforeAll(() => {
      written(here.folder, { 'report.txt': REPORT, 'a/x.bin': noise(100), 'a/b/y.bin': noise(200), 'a-b': 'after a/' });
    });

    describe('a file', () => {
      const entry = { mimetype: 'text/plain', path: 'report.txt', sha256: sha256(REPORT) };

      test('is stored under its hash, and the document has path and hash', async () => {
        const { agent } = world;
        const text = await agent.createDocument({ title: 'x' }, null, null, false, './report.txt');
        expect(entriesOf(text)).toEqual([{ ...entry, embed: false }]);
        expect(storedOf(text)).toEqual([entry.sha256]);
        expect(faultsOf(text, agent.publicKey)).toEqual([]);
        expect(JSON.parse(text).jacsSignature.fields).toEqual(expect.arrayContaining(['jacsFiles', 'jacsFilesStored']));
        await expect(agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
        if (reachable) expect((await world.raw.get(nameOfFile(entry.sha256))).toString()).toBe(REPORT);
        for (const from of [text, keyOf(text), idOf(text)]) {
          expect((await read(from, 'report.txt')).toString()).toBe(REPORT);
        }
      });

      test('is embedded, and nothing more is stored', async () => {
        const { agent } = world;
        const before = await storedFiles();
        const text = await agent.createDocument({ title: 'x' }, null, null, false, './report.txt', true);
        const contents = Buffer.from(REPORT).toString('base64');
        expect(entriesOf(text)).toEqual([{ ...entry, embed: true, contents }]);
        expect(JSON.parse(text)).not.toHaveProperty('jacsFilesStored');
        expect(faultsOf(text, agent.publicKey)).toEqual([]);
        await expect(agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
        expect((await read(keyOf(text), 'report.txt')).toString()).toBe(REPORT);
        expect(await storedFiles()).toEqual(before);
      });

      test('is only referenced, and nothing more is stored', async () => {
        const { agent } = world;
        written(here.folder, { 'reference.txt': 'only there' });
        const before = await storedFiles();
        const text = await agent.createDocument({ title: 'x' }, null, null, false, './reference.txt', false);
        const hash = sha256('only there');
        expect(entriesOf(text)).toEqual([
          { mimetype: 'text/plain', path: 'reference.txt', embed: false, sha256: hash },
        ]);
        expect(JSON.parse(text)).not.toHaveProperty('jacsFilesStored');
        expect((await read(keyOf(text), 'reference.txt')).toString()).toBe('only there');
        expect(await storedFiles()).toEqual(before);
      });
    });

    const part = noise(64).subarray(16, 48);
    const inA = { 'a/b/y.bin': noise(200), 'a/x.bin': noise(100) };
    const webStream = () =>
      new ReadableStream({
        start(controller) {
          for (const chunk of ['ab', '', 'c']) controller.enqueue(new TextEncoder().encode(chunk));
          controller.close();
        },
      });
    async function* chunks() {
      for (let n = 0; n < 40; n++) yield noise(4096, n);
    }
    const FORMS = {
      'a path': [() => './report.txt', { 'report.txt': REPORT }],
      'an absolute path in the working directory': [
        () => path.join(here.folder, 'report.txt'),
        { 'report.txt': REPORT },
      ],
      'an object': [() => ({ path: 'a/x.bin' }), { 'a/x.bin': noise(100) }],
      'a list': [() => ['report.txt', { path: './a/b/y.bin' }], { 'report.txt': REPORT, 'a/b/y.bin': noise(200) }],
      'an empty list': [() => [], {}],
      'a folder': [() => 'a', inA],
      'a folder with slashes': [() => './/a/./', inA],
      'a folder and a file': [() => [{ path: 'a' }, 'report.txt'], { ...inA, 'report.txt': REPORT }],
      'a Buffer': [() => ({ path: 'given/one.bin', contents: noise(500) }), { 'given/one.bin': noise(500) }],
      'a part of a buffer': [() => [{ path: 'part', contents: new Uint8Array(part) }], { part }],
      'a view of a buffer': [() => ({ path: 'view', contents: part }), { view: part }],
      'a web stream': [() => ({ path: 'web.txt', contents: webStream() }), { 'web.txt': 'abc' }],
      'a stream of node': [
        () => ({ path: 'node.txt', contents: fs.createReadStream('report.txt', { highWaterMark: 5 }) }),
        { 'node.txt': REPORT },
      ],
      'a stream of node that has buffers': [
        () => ({ path: 'from', contents: Readable.from([Buffer.from('1'), Buffer.from('2')]) }),
        { from: '12' },
      ],
      'an iterable of bytes': [
        () => ({ path: 'chunks', contents: chunks() }),
        { chunks: Buffer.concat(Array.from({ length: 40 }, (_, n) => noise(4096, n))) },
      ],
      'streams and files': [
        () => [{ path: 's1', contents: chunks() }, 'report.txt', { path: 's2', contents: webStream() }],
        {
          s1: Buffer.concat(Array.from({ length: 40 }, (_, n) => noise(4096, n))),
          'report.txt': REPORT,
          s2: 'abc',
        },
      ],
      'no bytes': [() => ({ path: 'empty.bin', contents: new Uint8Array(0) }), { 'empty.bin': '' }],
    };

    describe.each([
      ['stored', undefined],
      ['stored', null],
      ['embedded', true],
    ])('%s (embed: %p)', (kind, embed) => {
      test.each(Object.entries(FORMS))('%s', async (_, [attachments, expected]) => {
        const text = await create(attachments(), embed);
        const hashes = Object.fromEntries(Object.entries(expected).map(([name, bytes]) => [name, sha256(bytes)]));
        expect(entriesOf(text).map((entry) => [entry.path, entry.sha256, entry.embed])).toEqual(
          Object.entries(hashes).map(([name, hash]) => [name, hash, embed === true]),
        );
        expect(storedOf(text)).toEqual(embed ? [] : [...new Set(Object.values(hashes))].sort());
        for (const [name, bytes] of Object.entries(expected)) {
          expect(Buffer.from(bytes).equals(await read(keyOf(text), name))).toBe(true);
        }
        await expect(world.agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
      });
    });

    test.each([null, true])('a stream without bytes is a file without bytes (embed: %p)', async (embed) => {
      const text = await create({ path: 'empty', contents: Readable.from([]) }, embed);
      expect(entriesOf(text)).toMatchObject([{ path: 'empty', sha256: sha256('') }]);
      expect(await read(keyOf(text), 'empty')).toHaveLength(0);
    });

    test.each([0, 1, MIB - 1, MIB, LARGE])('%i bytes come back as they were', async (length) => {
      const bytes = noise(length, 1);
      written(here.folder, { 'sized.bin': bytes });
      const text = await create('sized.bin');
      expect(entriesOf(text)[0].sha256).toBe(sha256(bytes));
      expect((await read(keyOf(text), 'sized.bin')).equals(bytes)).toBe(true);
      if (reachable) expect((await world.raw.get(nameOfFile(sha256(bytes)))).equals(bytes)).toBe(true);
    });

    test('a stream of many bytes is stored whole', async () => {
      const bytes = noise(LARGE, 2);
      const stream = Readable.from(
        (function* () {
          for (let at = 0; at < LARGE; at += 100_000) yield bytes.subarray(at, at + 100_000);
        })(),
      );
      const text = await create({ path: 'large', contents: stream });
      expect((await read(keyOf(text), 'large')).equals(bytes)).toBe(true);
    });

    test('what a stream gives is a Uint8Array, and reading may stop early', async () => {
      const text = await create({ path: 'x', contents: noise(3 * MIB, 3) });
      const reader = world.agent.readAttachment(keyOf(text), 'x').getReader();
      const { done, value } = await reader.read();
      expect([done, ArrayBuffer.isView(value), value.length > 0]).toEqual([false, true, true]);
      expect(
        noise(3 * MIB, 3)
          .subarray(0, value.length)
          .equals(value),
      ).toBe(true);
      await reader.cancel('enough');
      await expect(reader.read()).resolves.toEqual({ done: true, value: undefined });
    });

    test('many readers at once read the same', async () => {
      const bytes = noise(MIB + 3, 4);
      const text = await create({ path: 'x', contents: bytes });
      const read16 = await Promise.all(Array.from({ length: 16 }, () => read(keyOf(text), 'x')));
      expect(read16.filter((one) => !one.equals(bytes))).toEqual([]);
    });

    describe('equal content', () => {
      test('is stored once', async () => {
        const contents = noise(1000, 5);
        const both = await create([
          { path: 'one', contents },
          { path: 'two', contents },
        ]);
        expect(pathsOf(both)).toEqual(['one', 'two']);
        expect(storedOf(both)).toEqual([sha256(contents)]);
        const again = await create({ path: 'three', contents });
        expect(storedOf(again)).toEqual([sha256(contents)]);
        expect(await read(keyOf(again), 'three')).toEqual(contents);
        if (reachable) expect((await storedFiles()).filter((name) => name.endsWith(sha256(contents)))).toHaveLength(1);
      });

      test('by sixteen at once is stored once, and all succeed', async () => {
        const contents = noise(2 * MIB, 6);
        const before = await storedFiles();
        const inputs = Array.from({ length: 16 }, (_, n) => create({ path: 'same', contents }, null, { n }));
        const texts = await Promise.all(inputs);
        expect(texts.map((text) => fieldsOf(text).n)).toEqual([...texts.keys()]);
        for (const text of texts) expect((await read(keyOf(text), 'same')).equals(contents)).toBe(true);
        if (!reachable) return;
        expect(await storedFiles()).toEqual([...before, nameOfFile(sha256(contents))].sort());
        expect((await world.raw.get(nameOfFile(sha256(contents)))).equals(contents)).toBe(true);
      });
    });

    test('nothing but documents, agents and files named by their hashes is in the store', async () => {
      if (!reachable) return;
      const pattern = /^((agents|documents)\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.json|files\/[0-9a-f]{64})$/;
      expect((await world.raw.names()).filter((name) => !pattern.test(name))).toEqual([]);
      for (const name of await storedFiles()) expect(nameOfFile(sha256(await world.raw.get(name)))).toBe(name);
    });

    test('two hundred files of a folder are in one document, in the order of their names', async () => {
      const names = Array.from({ length: 200 }, (_, n) => `many/${n % 7}/${n}.bin`);
      written(here.folder, Object.fromEntries(names.map((name, n) => [name, noise(n, n)])));
      const text = await create('many', null, { title: 'many' });
      expect(pathsOf(text)).toEqual([...names].sort());
      expect(storedOf(text)).toEqual(
        entriesOf(text)
          .map((entry) => entry.sha256)
          .sort(),
      );
      const target = path.join(temporaryFolder(), 'saved');
      const saved = await world.agent.saveAttachments(keyOf(text), target);
      expect(saved).toEqual(pathsOf(text).map((name) => path.join(target, name)));
      const wrong = names.filter((name, n) => !fs.readFileSync(path.join(target, name)).equals(noise(n, n)));
      expect(wrong).toEqual([]);
      expect(filesUnder(target)).toEqual([...names].sort());
    }, 60_000);

    test('listings do not show files', async () => {
      const text = await create('report.txt');
      const keys = (await all(world.agent.listDocuments({ allVersions: true }))).map(({ key }) => key);
      expect(keys).toContain(keyOf(text));
      expect(keys.filter((key) => !/^[0-9a-f-]{36}:[0-9a-f-]{36}$/.test(key))).toEqual([]);
    });

    test('what is not attached is not found', async () => {
      const text = await create('report.txt');
      for (const name of ['other.txt', './report.txt', 'report', '']) {
        await refusal(read(keyOf(text), name), 'JACS_NOT_FOUND');
      }
      await refusal(read(`${idOf(text)}:00000000-0000-4000-8000-000000000000`, 'report.txt'), 'JACS_NOT_FOUND');
    });
  });
