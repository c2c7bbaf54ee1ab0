'use strict';
// Export: plain tar, gzip and python read it, what comes out is the store, and nothing half-made ever has its name.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const support = require('../support/archives.js');
const { fileOf, keyOf, loadAgain, newAgent, refusal, treeOf } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');
const { filledStore, newFile, unpacked, expectSame, rootOf } = support;

const PYTHON = `
import sys, tarfile
with tarfile.open(sys.argv[1]) as archive:
    for member in archive:
        if member.isfile(): archive.extractfile(member).read()
        print(member.name, oct(member.mode), member.uid, member.mtime, member.isdir())
`;

describe('an export', () => {
  let place;
  beforeAll(async () => {
    place = await filledStore();
  });
  const objects = () => filesUnder(place.data);

  test('unpacked by tar is the same data directory, which loads and reads', async () => {
    const file = newFile();
    const report = await place.agent.exportArchive(file);
    const folder = await unpacked(file);
    await expectSame(place.data, path.join(folder, 'jacs_data'));
    expect(fs.readdirSync(folder)).toEqual(['jacs_data']);
    const sizes = objects().map((name) => fs.statSync(path.join(place.data, name)).size);
    expect(report).toEqual({
      copied: sizes.length,
      same: 0,
      conflicts: 0,
      failed: 0,
      removed: 0,
      resigned: 0,
      bytes: sizes.reduce((sum, size) => sum + size),
      failures: [],
      createOnce: 'atomic',
      root: { from: rootOf(place.data, objects()), to: rootOf(place.data, objects()) },
    });
    const again = await loadAgain({ ...place, data: path.join(folder, 'jacs_data') });
    for (const [key, text] of Object.entries(place.texts)) {
      expect(await again.getDocument(key)).toBe(text);
      expect(await again.verifyDocument(text, { contents: true, baseDirectory: folder })).toBe(true);
    }
  });

  test('is for this user alone, in the order that an import needs, with the times of the versions', async () => {
    const file = newFile();
    await place.agent.exportArchive(file);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    await succeed('gzip', ['-t', file]);
    const lines = (await succeed('python3', ['-c', PYTHON, file])).trim().split('\n');
    const entries = lines.map((line) => line.split(' '));
    const names = entries.map(([name]) => name);
    const inOrder = (kind) => objects().filter((name) => name.startsWith(`${kind}/`));
    const expected = ['agents', 'files', 'documents'].flatMap(inOrder).map((name) => `jacs_data/${name}`);
    expect(names.filter((name) => /\.json$|files\/./.test(name))).toEqual(expected);
    for (const [name, mode, uid, modified, isDirectory] of entries) {
      expect([mode, uid]).toEqual([isDirectory === 'True' ? '0o700' : '0o600', '0']);
      const version = /([0-9a-f-]{36})\.json$/.exec(name)?.[1].replace(/-/g, '');
      expect(Number(modified)).toBe(version ? Math.floor(parseInt(version.slice(0, 12), 16) / 1000) : 0);
    }
    for (const name of expected) expect(names).toContain(path.dirname(name));
  });

  test('of the same store is always the same bytes', async () => {
    const [one, other] = [newFile(), newFile()];
    await place.agent.exportArchive(one);
    await place.other.agent.exportArchive(other, { concurrency: 1 });
    expect(fs.readFileSync(one).equals(fs.readFileSync(other))).toBe(true);
  });

  test('of an empty store is an empty data directory', async () => {
    const { agent, data } = await newAgent();
    const file = newFile();
    // A disk that is not mounted is no backup.
    await refusal(agent.exportArchive(file), 'JACS_NOT_FOUND');
    fs.mkdirSync(data);
    const report = await agent.exportArchive(file);
    expect(report).toMatchObject({ copied: 0, failed: 0, root: { from: support.sha256(''), to: support.sha256('') } });
    const folder = await unpacked(file);
    expect(fs.readdirSync(folder, { recursive: true })).toEqual(['jacs_data']);
  });

  test('never takes the place of a file unasked', async () => {
    const file = newFile();
    fs.writeFileSync(file, 'precious');
    const error = await refusal(place.agent.exportArchive(file), 'JACS_CONFLICT');
    expect([error.path, fs.readFileSync(file, 'utf8')]).toEqual([file, 'precious']);
    await place.agent.exportArchive(file, { overwrite: true });
    await expectSame(place.data, path.join(await unpacked(file), 'jacs_data'));
    for (const options of [{}, { overwrite: true }])
      await refusal(place.agent.exportArchive(path.dirname(file), options), 'JACS_CONFLICT');
    expect(fs.readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
  });

  test('does not go where the agent keeps what is its own, nor nowhere', async () => {
    const before = treeOf(place.folder);
    const link = path.join(temporaryFolder(), 'link');
    fs.symlinkSync(place.data, link);
    for (const [target, options] of [
      [path.join(place.data, 'archive.tar.gz')],
      [path.join(place.data, 'documents', 'archive.tar.gz')],
      [path.join(link, 'archive.tar.gz')],
      [path.join(place.keys, 'archive.tar.gz')],
      [path.join(place.keys, 'jacs.private.pem.enc'), { overwrite: true }],
      [place.config, { overwrite: true }],
      [path.join(temporaryFolder(), 'missing', 'archive.tar.gz')],
      [''],
      ['a\0b'],
      [undefined],
      [{}],
      [newFile(), { overwrite: 'yes' }],
      [newFile(), { overwrit: true }],
      [newFile(), { onFinding: 1 }],
    ])
      await refusal(place.agent.exportArchive(target, options), 'JACS_INPUT');
    expect(treeOf(place.folder)).toEqual(before);
  });

  test('that is only tried writes nothing and says the same', async () => {
    const file = newFile();
    const tried = await place.agent.exportArchive(file, { dryRun: true });
    expect(fs.readdirSync(path.dirname(file))).toEqual([]);
    // What is not there has no root.
    const { root, ...report } = await place.agent.exportArchive(file);
    expect(root.from).toBe(root.to);
    expect(report).toEqual(tried);
  });

  test('tells how far it is, and of nothing after its end', async () => {
    const heard = [];
    const { copied, bytes } = await place.agent.exportArchive(newFile(), { onProgress: (now) => heard.push(now) });
    const count = heard.length;
    expect(heard.at(-1)).toMatchObject({ done: copied, bytes, failed: 0 });
    await sleep(100);
    expect(heard).toHaveLength(count);
  });

  test('is reported in a signed document, if that is wanted', async () => {
    const { signed, root } = await place.agent.exportArchive(newFile(), { sign: true });
    expect(await place.agent.verifyDocument(signed)).toBe(true);
    expect(JSON.parse(signed)).toMatchObject({ transfer: 'export', report: { root } });
    const reader = await loadAgain(place, {}, { readOnly: true });
    await refusal(reader.exportArchive(newFile(), { sign: true }), 'JACS_PERMISSION');
    expect((await reader.exportArchive(newFile())).root).toEqual(root);
  });

  test('that is aborted leaves nothing', async () => {
    const file = newFile();
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await refusal(place.agent.exportArchive(file, { signal: AbortSignal.abort() }), 'JACS_ABORTED');
    const outcome = await place.agent.exportArchive(file, options).catch((error) => error.code);
    expect(['JACS_ABORTED', 'object']).toContain(typeof outcome === 'object' ? 'object' : outcome);
    if (typeof outcome === 'string') expect(fs.readdirSync(path.dirname(file))).toEqual([]);
  });
});

describe('an export of a damaged store', () => {
  let place;
  let damaged;
  beforeAll(async () => {
    place = await filledStore();
    const [first, second, third] = Object.keys(place.texts).map((key) => fileOf(place.data, key));
    fs.writeFileSync(first, fs.readFileSync(first, 'utf8').replace('first', 'worse'));
    fs.writeFileSync(second, 'no document');
    fs.copyFileSync(fileOf(place.data, Object.keys(place.texts)[3]), third);
    const files = filesUnder(path.join(place.data, 'files')).map((name) => path.join(place.data, 'files', name));
    const sizeOf = (file) => fs.statSync(file).size;
    files.sort((one, other) => sizeOf(one) - sizeOf(other));
    for (const file of files.slice(1)) {
      const bytes = fs.readFileSync(file);
      bytes[bytes.length - 1] ^= 1;
      fs.writeFileSync(file, bytes);
    }
    damaged = {
      [first]: ['hash', 'JACS_HASH'],
      [second]: ['malformed', 'JACS_HASH'],
      [third]: ['misplaced', 'JACS_HASH'],
      [files[1]]: ['attachment-altered', 'JACS_ATTACHMENT'],
      [files[2]]: ['attachment-altered', 'JACS_ATTACHMENT'],
    };
  });
  const found = ({ failures }) =>
    Object.fromEntries(failures.map(({ path: name, kind, code }) => [path.join(place.data, name), [kind, code]]));

  test('leaves out what is not what its hash says, and takes all else', async () => {
    const file = newFile();
    const heard = [];
    const report = await place.agent.exportArchive(file, { onFinding: (finding) => heard.push(finding) });
    expect(found(report)).toEqual(damaged);
    expect(heard).toEqual(report.failures);
    expect(report).toMatchObject({ failed: 5, copied: filesUnder(place.data).length - 5 });
    const folder = path.join(await unpacked(file), 'jacs_data');
    const whole = filesUnder(place.data).filter((name) => !damaged[path.join(place.data, name)]);
    expect(filesUnder(folder)).toEqual(whole);
    for (const name of whole)
      expect(fs.readFileSync(path.join(folder, name)).equals(fs.readFileSync(path.join(place.data, name)))).toBe(true);
    expect(report.root).toEqual({ from: rootOf(place.data, filesUnder(place.data)), to: rootOf(folder, whole) });
  });

  test('takes all of it if that is wanted, and says so', async () => {
    const file = newFile();
    const report = await place.agent.exportArchive(file, { keepInvalid: true });
    expect(found(report)).toEqual(damaged);
    expect(report).toMatchObject({ failed: 0, copied: filesUnder(place.data).length });
    await expectSame(place.data, path.join(await unpacked(file), 'jacs_data'));
  });

  test('passes over what is no file', async () => {
    const text = await place.agent.createDocument({ title: 'a link later' });
    const at = fileOf(place.data, keyOf(text));
    fs.rmSync(at);
    fs.symlinkSync('/etc/passwd', at);
    fs.writeFileSync(path.join(path.dirname(at), '.tmp-left'), 'x');
    fs.writeFileSync(path.join(place.data, 'README'), 'x');
    const file = newFile();
    const report = await place.agent.exportArchive(file);
    expect(report.failed).toBe(6);
    expect(report.failures.find(({ key }) => key === keyOf(text))).toMatchObject({ severity: 'damage' });
    const names = filesUnder(await unpacked(file));
    expect(names.filter((name) => /tmp|README/.test(name) || name.includes(keyOf(text).split(':')[1]))).toEqual([]);
  });
});
