'use strict';
// createDocument and updateDocument with files, on fs: what lies on the disk, copies, noSave, the sync twins, progress.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { FORMS, fieldsOf, keyOf, newAgent, refusal, storedText } = require('../support/agents.js');
const support = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { faultsOf } = require('../support/witness.js');
const { bytesOf, entriesOf, inNewFolder, nameOfFile, noise, pathsOf, sha256, storedOf, written } = support;

const MIB = 1 << 20;
const here = inNewFolder();
let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  written(here.folder, { 'a.txt': 'a', 'b.bin': noise(3 * MIB), 'folder/c.txt': 'c', 'folder/d.txt': 'd' });
});

const fileIn = (hash, { data } = place) => path.join(data, nameOfFile(hash));

describe('on the disk', () => {
  test('the bytes lie under what sha256sum says, for this user alone', async () => {
    const text = await agent.createDocument({}, { attachments: ['b.bin', 'a.txt'] });
    const names = entriesOf(text).map((entry) => fileIn(entry.sha256));
    const sums = execFileSync('sha256sum', ['b.bin', 'a.txt', ...names], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const hashes = sums.map((line) => line.slice(0, 64));
    expect(hashes).toEqual([...names, ...names].map((name) => path.basename(name)));
    expect(entriesOf(text).map((entry) => entry.sha256)).toEqual(hashes.slice(0, 2));
    for (const name of names) {
      const { mode, nlink } = fs.statSync(name);
      expect([(mode & 0o777).toString(8), nlink]).toEqual(['600', 1]);
    }
    expect((fs.statSync(path.join(place.data, 'files')).mode & 0o777).toString(8)).toBe('700');
  });

  test('equal content is not written again', async () => {
    await agent.createDocument({}, { attachments: 'a.txt' });
    const { ino, ctimeNs } = fs.statSync(fileIn(sha256('a')), { bigint: true });
    await Promise.all(Array.from({ length: 8 }, () => agent.createDocument({}, { attachments: 'a.txt' })));
    expect(fs.statSync(fileIn(sha256('a')), { bigint: true })).toMatchObject({ ino, ctimeNs });
    expect(filesUnder(place.data).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('an update opens no file that it keeps', async () => {
    const first = await agent.createDocument({}, { attachments: 'b.bin' });
    const file = fileIn(sha256(noise(3 * MIB)));
    fs.utimesSync(file, 1000, 2_000_000_000);
    const { atimeMs, ctimeMs } = fs.statSync(file);
    fs.renameSync('b.bin', 'away.bin');
    try {
      const second = await agent.updateDocument(keyOf(first), { n: 2 }, { attachments: 'a.txt' });
      expect(pathsOf(second).sort()).toEqual(['a.txt', 'b.bin']);
      expect(fs.statSync(file)).toMatchObject({ atimeMs, ctimeMs });
    } finally {
      fs.renameSync('away.bin', 'b.bin');
    }
  });

  test('the file that was attached is not touched', async () => {
    const { ino, mtimeNs, ctimeNs } = fs.statSync('b.bin', { bigint: true });
    for (const embed of [undefined, true, false]) await agent.createDocument({}, { attachments: 'b.bin', embed });
    expect(fs.statSync('b.bin', { bigint: true })).toMatchObject({ ino, mtimeNs, ctimeNs, nlink: 1n });
  });
});

describe.each(Object.entries(FORMS))('%s', (_, call) => {
  test.each([undefined, true, false])('create, by position and by options (embed %p)', async (embed) => {
    const byPlace = await call(agent, 'createDocument', { n: 1 }, null, null, null, 'folder', embed);
    const byOption = await call(agent, 'createDocument', '{"n":1}', { attachments: ['folder'], embed });
    expect(entriesOf(byPlace)).toEqual(entriesOf(byOption));
    expect(pathsOf(byPlace)).toEqual(['folder/c.txt', 'folder/d.txt']);
    expect(fieldsOf(byOption)).toEqual({ n: 1 });
    expect(storedText(place.data, keyOf(byOption))).toBe(byOption);
    expect(faultsOf(byPlace, agent.publicKey)).toEqual([]);
    await expect(agent.verifyDocument(byPlace, { contents: true })).resolves.toBe(true);
  });

  test.each([undefined, true, false])('update, by position and by options (embed %p)', async (embed) => {
    const first = await call(agent, 'createDocument', { n: 1 }, { attachments: 'a.txt' });
    const second = await call(agent, 'updateDocument', keyOf(first), { n: 2 }, 'folder', embed);
    const options = { attachments: 'b.bin', embed };
    const third = await call(agent, 'updateDocument', keyOf(second), { n: 3 }, options);
    expect(pathsOf(second).sort()).toEqual(['a.txt', 'folder/c.txt', 'folder/d.txt']);
    expect(pathsOf(third).sort()).toEqual(['a.txt', 'b.bin', 'folder/c.txt', 'folder/d.txt']);
    expect(faultsOf(third, agent.publicKey)).toEqual([]);
    await expect(call(agent, 'verifyDocument', third, { contents: true })).resolves.toBe(true);
  });

  test.each([true, false])('noSave stores neither document nor file (embed %p)', async (embed) => {
    const before = filesUnder(place.folder);
    const options = { attachments: 'a.txt', embed, noSave: true };
    const text = await call(agent, 'createDocument', { title: 'aside' }, options);
    expect(pathsOf(text)).toEqual(['a.txt']);
    await refusal(agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    expect(filesUnder(place.folder)).toEqual(before);
    await expect(bytesOf(agent.readAttachment(text, 'a.txt'))).resolves.toEqual(Buffer.from('a'));
    const positional = await call(agent, 'createDocument', {}, null, null, true, 'a.txt', embed);
    expect(entriesOf(positional)).toEqual(entriesOf(text));
    expect(filesUnder(place.folder)).toEqual(before);
  });

  test('a copy by `filename` is the document, with what it embeds', async () => {
    const filename = path.join(temporaryFolder(), 'copy.json');
    for (const embed of [undefined, true, false]) {
      const options = { attachments: 'folder', embed, filename, overwrite: embed !== undefined };
      const text = await call(agent, 'createDocument', { title: 'copied' }, options);
      expect(fs.readFileSync(filename, 'utf8')).toBe(text);
    }
    const before = filesUnder(place.data).filter((name) => name.startsWith('documents/'));
    await refusal(call(agent, 'createDocument', {}, { attachments: 'a.txt', filename }), 'JACS_CONFLICT');
    expect(filesUnder(place.data).filter((name) => name.startsWith('documents/'))).toEqual(before);
  });

  test('a signed document whose copy could not be written is saved later, with its files', async () => {
    const { agent: other, data } = await newAgent();
    const filename = path.join(here.folder, 'a.txt', 'below a file.json');
    const error = await call(other, 'createDocument', {}, { attachments: 'b.bin', filename }).catch((one) => one);
    expect(error.code).toMatch(/^JACS_/);
    if (error.document === undefined) return;
    await expect(other.saveDocument(error.document)).resolves.toBe(error.document);
    expect(fs.existsSync(fileIn(sha256(noise(3 * MIB)), { data }))).toBe(true);
  });
});

test('in memory nothing touches the disk', async () => {
  const { agent: own, folder } = await newAgent({ storage: 'memory' });
  const before = filesUnder(folder);
  const text = await own.createDocument({}, { attachments: ['b.bin', 'a.txt'] });
  expect((await bytesOf(own.readAttachment(keyOf(text), 'b.bin'))).equals(noise(3 * MIB))).toBe(true);
  expect(filesUnder(folder)).toEqual(before);
  expect(filesUnder(here.folder)).toEqual(['a.txt', 'b.bin', 'folder/c.txt', 'folder/d.txt']);
});

test('with pq2025 all is the same', async () => {
  const { agent: own } = await newAgent({ algorithm: 'pq2025' });
  const text = await own.createDocument({}, { attachments: 'folder' });
  const next = await own.updateDocument(keyOf(text), {}, { attachments: 'a.txt', embed: true });
  expect(storedOf(next)).toEqual([sha256('c'), sha256('d')].sort());
  await expect(own.verifyDocument(next, { contents: true })).resolves.toBe(true);
});

describe('onProgress', () => {
  const sizes = { 'a.txt': 1, 'b.bin': 3 * MIB, folder: 2 };
  const totalBytes = sizes['a.txt'] + sizes['b.bin'] + sizes.folder;

  function told() {
    const reports = [];
    const onProgress = (report) => reports.push(report);
    return { reports, onProgress };
  }

  /** What was told, to the last file, never goes back. */
  async function rising(reports, files) {
    // The last report may come a moment after the call.
    for (let n = 0; n < 100 && reports.at(-1)?.done !== files; n++) await sleep(10);
    expect(reports.length).toBeGreaterThan(0);
    for (const [index, { done, bytes, failed }] of reports.entries()) {
      expect(failed).toBe(0);
      if (index === 0) continue;
      expect(done).toBeGreaterThanOrEqual(reports[index - 1].done);
      expect(bytes).toBeGreaterThanOrEqual(reports[index - 1].bytes);
    }
  }

  test.each([undefined, true, false])('counts files and their bytes (embed %p)', async (embed) => {
    const { reports, onProgress } = told();
    await agent.createDocument({}, { attachments: ['a.txt', 'b.bin', 'folder'], embed, onProgress });
    await rising(reports, 4);
    expect(reports.at(-1)).toEqual({ done: 4, total: 4, bytes: totalBytes, totalBytes, failed: 0 });
    expect(reports.every((report) => report.bytes <= totalBytes && report.total === 4)).toBe(true);
  });

  test('of an update counts the new ones, of a stream what came', async () => {
    const text = await agent.createDocument({}, { attachments: 'b.bin' });
    const { reports, onProgress } = told();
    async function* contents() {
      for (let n = 0; n < 8; n++) yield noise(MIB / 8, n);
    }
    await agent.updateDocument(keyOf(text), {}, { attachments: { path: 's', contents: contents() }, onProgress });
    await rising(reports, 1);
    expect(reports.at(-1)).toMatchObject({ done: 1, total: 1, bytes: MIB, failed: 0 });
  });

  test('of what is written to a directory', async () => {
    const text = await agent.createDocument({}, { attachments: ['a.txt', 'b.bin', 'folder'] });
    const { reports, onProgress } = told();
    await agent.saveAttachments(text, temporaryFolder(), { onProgress });
    await rising(reports, 4);
    expect(reports.at(-1)).toMatchObject({ done: 4, total: 4, bytes: totalBytes, failed: 0 });
  });

  test('is not called without attachments', async () => {
    const { reports, onProgress } = told();
    await agent.createDocument({ title: 'x' }, { onProgress });
    await sleep(20);
    expect(reports).toEqual([]);
  });
});
