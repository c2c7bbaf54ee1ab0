'use strict';
// Part of storage.suite.js: attachments that stay with a document, and those that somebody changed in the store.

const fs = require('node:fs');
const path = require('node:path');
const support = require('../support/attachments.js');
const { keyOf, refusal, unsigned } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { sha256, noise, written, inNewFolder, entriesOf, pathsOf, storedOf, nameOfFile, bytesOf, outcomeOf } = support;

const MIB = 1 << 20;

module.exports = (world, { reachable }) =>
  describe('attachments', () => {
    const here = inNewFolder();
    let seed = 100;
    /** Bytes that nothing else in this store is made of. */
    const fresh = (length = 1000) => noise(length, seed++);
    const create = (attachments, embed) => world.agent.createDocument({ title: 'first' }, { attachments, embed });
    const read = (textOrKey, name, options) => bytesOf(world.agent.readAttachment(textOrKey, name, options));
    const idOf = (text) => JSON.parse(text).jacsId;

    describe('an update', () => {
      const [kept, other, added] = [fresh(), fresh(), fresh()];
      const two = () =>
        create([
          { path: 'kept', contents: kept },
          { path: 'other', contents: other },
        ]);

      test('keeps them when it does not speak of them', async () => {
        const first = await two();
        const second = await world.agent.updateDocument(keyOf(first), { title: 'second' });
        expect(entriesOf(second)).toEqual(entriesOf(first));
        expect(storedOf(second)).toEqual(storedOf(first));
        expect(await read(idOf(first), 'other')).toEqual(other);
      });

      test('drops those that it does not list, and leaves their bytes', async () => {
        const first = await two();
        const [entry] = entriesOf(first);
        const second = await world.agent.updateDocument(keyOf(first), { jacsFiles: [entry] });
        expect(entriesOf(second)).toEqual([entry]);
        expect(storedOf(second)).toEqual([sha256(kept)]);
        await refusal(read(idOf(first), 'other'), 'JACS_NOT_FOUND');
        expect(await read(keyOf(first), 'other')).toEqual(other);
        const third = await world.agent.updateDocument(keyOf(second), { jacsFiles: [] });
        expect([entriesOf(third), storedOf(third)]).toEqual([[], []]);
      });

      test.each([null, true])('adds some (embed: %p)', async (embed) => {
        const first = await two();
        const attachments = { path: 'added', contents: added };
        const second = await world.agent.updateDocument(keyOf(first), { title: 'second' }, { attachments, embed });
        expect(pathsOf(second).sort()).toEqual(['added', 'kept', 'other']);
        expect(storedOf(second)).toEqual([kept, other, ...(embed ? [] : [added])].map(sha256).sort());
        expect(await read(idOf(first), 'added')).toEqual(added);
        expect(await read(idOf(first), 'kept')).toEqual(kept);
      });

      test('adds one by its arguments', async () => {
        written(here.folder, { 'by-argument': added });
        const first = await two();
        const second = await world.agent.updateDocument(keyOf(first), { title: 'second' }, './by-argument', false);
        expect(entriesOf(second).find((entry) => entry.path === 'by-argument')).toMatchObject({ embed: false });
        expect(storedOf(second)).toEqual(storedOf(first));
      });

      test('drops and adds at once', async () => {
        const first = await two();
        const fields = { jacsFiles: entriesOf(first).slice(1) };
        const attachments = { path: 'added', contents: added };
        const second = await world.agent.updateDocument(keyOf(first), fields, { attachments });
        expect(pathsOf(second).sort()).toEqual(['added', 'other']);
        expect(storedOf(second)).toEqual([other, added].map(sha256).sort());
      });

      test.each([null, true])('replaces the one of the same path (embed: %p)', async (embed) => {
        const first = await two();
        const attachments = { path: 'kept', contents: added };
        const second = await world.agent.updateDocument(keyOf(first), { title: 'second' }, { attachments, embed });
        expect(pathsOf(second).sort()).toEqual(['kept', 'other']);
        expect(storedOf(second)).toEqual([other, ...(embed ? [] : [added])].map(sha256).sort());
        expect(await read(idOf(first), 'kept')).toEqual(added);
        expect(await read(keyOf(first), 'kept')).toEqual(kept);
      });

      test('of a version that is no longer the newest is refused with files too', async () => {
        const first = await two();
        const second = await world.agent.updateDocument(keyOf(first), { title: 'second' });
        const attachments = { path: 'added', contents: fresh() };
        const error = await refusal(world.agent.updateDocument(keyOf(first), {}, { attachments }), 'JACS_CONFLICT');
        expect(error).toMatchObject({ current: keyOf(second) });
        expect(pathsOf(await world.agent.getDocument(idOf(first)))).toEqual(['kept', 'other']);
      });
    });

    describe('removal and copies', () => {
      test('a removed document leaves the bytes, which another document may have', async () => {
        const contents = fresh();
        const [one, two] = [await create({ path: 'x', contents }), await create({ path: 'y', contents })];
        await world.agent.removeDocument(keyOf(one));
        expect(await read(keyOf(two), 'y')).toEqual(contents);
        await world.agent.removeDocument(idOf(two), { allVersions: true });
        if (reachable) expect(await world.raw.get(nameOfFile(sha256(contents)))).toEqual(contents);
      });

      test('a document is not saved where its file is not, and is once it is', async () => {
        const contents = fresh();
        const text = await create({ path: 'x', contents });
        const elsewhere = await world.again();
        const error = await refusal(elsewhere.saveDocument(text), 'JACS_ATTACHMENT');
        expect(error.key).toBe(keyOf(text));
        await refusal(elsewhere.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
        await elsewhere.createDocument({ title: 'brings it' }, { attachments: { path: 'z', contents } });
        await expect(elsewhere.saveDocument(text)).resolves.toBe(text);
        expect(await bytesOf(elsewhere.readAttachment(keyOf(text), 'x'))).toEqual(contents);
      });

      test('the migration recipe signs a document again where its files are, and nowhere else', async () => {
        const contents = fresh();
        const text = await create([
          { path: 'x', contents },
          { path: 'y', contents: fresh() },
        ]);
        const input = unsigned(text);
        const elsewhere = await world.again();
        await refusal(elsewhere.createDocument(input), 'JACS_ATTACHMENT');
        await elsewhere.createDocument({}, { attachments: { path: 'one of them', contents } });
        await refusal(elsewhere.createDocument(input), 'JACS_ATTACHMENT');
        await refusal(elsewhere.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
        const signed = await world.agent.createDocument(input, { noSave: true, resign: true });
        expect([entriesOf(signed), storedOf(signed)]).toEqual([entriesOf(text), storedOf(text)]);
      });

      test('embedded ones go with their document', async () => {
        const contents = fresh();
        const text = await create({ path: 'x', contents }, true);
        const elsewhere = await world.again();
        await elsewhere.saveDocument(text);
        expect(await bytesOf(elsewhere.readAttachment(keyOf(text), 'x'))).toEqual(contents);
      });
    });

    test('a report says where each is, and of what was read whether it is right', async () => {
      const { agent } = world;
      const [embedded, stored] = [fresh(), fresh()];
      written(here.folder, { 'there.bin': fresh() });
      const first = await create('there.bin', false);
      const second = await agent.updateDocument(
        keyOf(first),
        {},
        { attachments: { path: 'e', contents: embedded }, embed: true },
      );
      const text = await agent.updateDocument(keyOf(second), {}, { attachments: { path: 's', contents: stored } });
      const expected = (ok) => ({
        s: { path: 's', sha256: sha256(stored), where: 'store', present: true, ok },
        e: { path: 'e', sha256: sha256(embedded), where: 'document', present: true, ok: true },
        'there.bin': { ...pick(entriesOf(first)[0]), where: 'reference', present: true, ok },
      });
      const byPath = ({ attachments }) => Object.fromEntries(attachments.map((one) => [one.path, one]));
      const report = await agent.inspectDocument(keyOf(text));
      expect(report.attachments.map((one) => one.path)).toEqual(pathsOf(text));
      expect(byPath(report)).toEqual(expected(undefined));
      expect(byPath(await agent.inspectDocument(text, { contents: true }))).toEqual(expected(true));
      expect(byPath(await agent.assertDocument(text, { contents: true }))).toEqual(expected(true));
    });

    const pick = (entry) => ({ path: entry.path, sha256: entry.sha256 });

    if (reachable) altered(world, { create, fresh });
  });

/** What becomes of stored bytes, and whether their absence or length already tells. */
const ATTACKS = {
  'taken away': [(raw, name) => raw.remove(name), true],
  'cut short': [(raw, name, bytes) => raw.put(name, bytes.subarray(0, -1))],
  'cut short by half': [(raw, name, bytes) => raw.put(name, bytes.subarray(0, bytes.length >> 1))],
  emptied: [(raw, name) => raw.put(name, Buffer.alloc(0))],
  lengthened: [(raw, name, bytes) => raw.put(name, Buffer.concat([bytes, Buffer.from('x')]))],
  'changed in its first byte': [(raw, name, bytes) => raw.put(name, flipped(bytes, 0))],
  'changed in its last byte': [(raw, name, bytes) => raw.put(name, flipped(bytes, bytes.length - 1))],
  'replaced by another of its length': [(raw, name, bytes) => raw.put(name, noise(bytes.length, 255))],
};

function flipped(bytes, at) {
  const copy = Buffer.from(bytes);
  copy[at] ^= 1;
  return copy;
}

function altered(world, { create, fresh }) {
  describe.each(Object.entries(ATTACKS))('a stored file that was %s', (_, [attack, missing = false]) => {
    let text;
    let bytes;
    beforeAll(async () => {
      bytes = fresh(2 * MIB + 1);
      text = await create([
        { path: 'sound', contents: fresh() },
        { path: 'x', contents: bytes },
      ]);
      await attack(world.raw, nameOfFile(sha256(bytes)), bytes);
    });

    test('fails the stream, which never ends', async () => {
      for (const from of [text, keyOf(text)]) {
        const { error } = await outcomeOf(world.agent.readAttachment(from, 'x'));
        expect(error).toMatchObject({ name: 'JacsError', code: 'JACS_ATTACHMENT' });
      }
      const reader = world.agent.readAttachment(keyOf(text), 'x').getReader();
      const endings = [];
      for (let n = 0; n < 3; n++) endings.push(await drained(reader));
      expect(endings).toEqual(Array(3).fill('JACS_ATTACHMENT'));
    });

    test('is not written to a directory, nor is any other of the document', async () => {
      const folder = temporaryFolder();
      const target = path.join(folder, 'made');
      await refusal(world.agent.saveAttachments(keyOf(text), target), 'JACS_ATTACHMENT');
      expect(fs.readdirSync(folder)).toEqual([]);
      const there = written(temporaryFolder(), { x: 'mine', sound: 'mine too' });
      await refusal(world.agent.saveAttachments(text, there, { overwrite: true }), 'JACS_ATTACHMENT');
      expect(filesUnder(there)).toEqual(['sound', 'x']);
      expect(['x', 'sound'].map((name) => fs.readFileSync(path.join(there, name), 'utf8'))).toEqual([
        'mine',
        'mine too',
      ]);
    });

    test('is told by a verification of the contents, and by any when it is not there', async () => {
      const { agent } = world;
      const contents = { contents: true };
      await expect(agent.verifyDocument(text, contents)).resolves.toBe(false);
      expect((await refusal(agent.assertDocument(text, contents), 'JACS_ATTACHMENT')).key).toBe(keyOf(text));
      const report = await agent.inspectDocument(keyOf(text), contents);
      expect(report).toMatchObject({ valid: false, code: 'JACS_ATTACHMENT' });
      expect(report.checks.find(({ name }) => name === 'attachments')).toMatchObject({ ok: false });
      const [sound, hit] = report.attachments;
      expect(sound).toMatchObject({ present: true, ok: true });
      expect(hit).toMatchObject({ path: 'x', where: 'store', present: !missing });
      expect(hit.ok).not.toBe(true);
      if (!missing) return;
      await expect(agent.verifyDocument(text)).resolves.toBe(false);
      await refusal(agent.assertDocument(text), 'JACS_ATTACHMENT');
      expect(await agent.inspectDocument(keyOf(text))).toMatchObject({ valid: false, code: 'JACS_ATTACHMENT' });
    });

    test('is an error about the document', async () => {
      const { agent } = world;
      const { error } = await outcomeOf(agent.readAttachment(keyOf(text), 'x'));
      expect(error.key).toBe(keyOf(text));
      const target = temporaryFolder();
      expect((await refusal(agent.saveAttachments(text, target), 'JACS_ATTACHMENT')).key).toBe(keyOf(text));
    });

    test('hides neither the document nor the files beside it', async () => {
      await expect(world.agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
      await expect(bytesOf(world.agent.readAttachment(keyOf(text), 'sound'))).resolves.toHaveLength(1000);
    });

    test('is not taken for its bytes when they are attached again', async () => {
      const outcome = await create({ path: 'again', contents: bytes }).then(
        (made) => ({ made }),
        (error) => ({ error }),
      );
      // Stored anew, or refused: what has another length is seen, what is of the same may be found by reading alone.
      if (outcome.error) expect(outcome.error.code).toBe('JACS_ATTACHMENT');
      else if (missing) {
        expect((await bytesOf(world.agent.readAttachment(outcome.made, 'again'))).equals(bytes)).toBe(true);
      } else {
        const read = await outcomeOf(world.agent.readAttachment(outcome.made, 'again'));
        expect(read.error?.code ?? sha256(read.bytes)).toMatch(new RegExp(`^(JACS_ATTACHMENT|${sha256(bytes)})$`));
      }
    });
  });

  test('an update that keeps files stores none anew', async () => {
    const { agent, raw } = world;
    const bytes = fresh();
    const text = await create({ path: 'x', contents: bytes });
    const name = nameOfFile(sha256(bytes));
    // Whoever would store it again would put the right bytes back.
    await raw.put(name, flipped(bytes, 7));
    const second = await agent.updateDocument(keyOf(text), { title: 'second' });
    const attachments = { path: 'y', contents: fresh() };
    await agent.updateDocument(keyOf(second), { title: 'third' }, { attachments });
    expect(await raw.get(name)).toEqual(flipped(bytes, 7));
  });
}

/** Reads on until the end, or the code of the error. */
async function drained(reader) {
  try {
    for (;;) if ((await reader.read()).done) return 'ended';
  } catch (error) {
    return error.code;
  }
}
