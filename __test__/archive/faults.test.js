'use strict';
// Disks that fail or are full, and processes that are killed: no archive is half of one, and an import is finished by
// importing again.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const support = require('../support/archives.js');
const { loadAgain, newAgent, onEmptyStore } = require('../support/agents.js');
const { noise } = require('../support/attachments.js');
const { startAgent } = require('../support/child.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { expectSame, newFile, unpacked } = support;

const DOCUMENTS = 300;
const LENGTH = 3_000_000;
const MOUNTED = 'mount -t tmpfs -o size=$1 tmpfs "$2" && shift 2 && exec "$@"';

let place;
let archive;
let names;
beforeAll(async () => {
  place = await newAgent();
  await place.agent.createDocuments(Array.from({ length: DOCUMENTS }, (_, number) => ({ number })));
  const attachments = { path: 'long.bin', contents: noise(LENGTH, 7) };
  await place.agent.createDocument({ title: 'with a file' }, { attachments });
  archive = newFile();
  await place.agent.exportArchive(archive);
  names = filesUnder(place.data);
});

/** A process with the agent that has a small disk of its own at `folder`. */
const onSmallDisk = (folder, size, { at = place, ...options } = {}) =>
  startAgent(at, { wrapper: ['unshare', '--mount', 'sh', '-c', MOUNTED, 'sh', size, folder], ...options });
/** A folder of the child, which is mounted for it alone. */
const within = (child, folder) => path.join('/proc', String(child.pid), 'root', folder);
/** The configuration of the agent on another store. */
const elsewhere = (data) => ({
  ...place,
  config: { jacs_data_directory: data, jacs_key_directory: place.keys },
});

describeWith(['mount'], 'a full disk', () => {
  test('ends an export, and leaves nothing of it', async () => {
    const folder = temporaryFolder();
    const child = await onSmallDisk(folder, '1m');
    const { error } = await child.call('exportArchive', path.join(folder, 'archive.tar.gz'));
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    expect(filesUnder(within(child, folder))).toEqual([]);
    const { value } = await child.call('exportArchive', newFile());
    expect(value).toMatchObject({ failed: 0 });
  });

  test('keeps out of a store what has no room, which comes in later', async () => {
    const folder = temporaryFolder();
    const data = path.join(folder, 'jacs_data');
    const child = await onSmallDisk(folder, '2500k', { at: elsewhere(data) });
    const { value } = await child.call('importArchive', archive);
    expect(value).toMatchObject({ copied: names.length - 1, failed: 1, conflicts: 0 });
    expect(value.failures).toContainEqual(expect.objectContaining({ kind: 'failed', code: 'JACS_UNAVAILABLE' }));
    const there = filesUnder(within(child, data));
    expect(there).toEqual(names.filter((name) => !name.startsWith('files/')));
    const copy = temporaryFolder();
    fs.cpSync(within(child, data), path.join(copy, 'jacs_data'), { recursive: true });
    const again = await loadAgain({ ...place, data: path.join(copy, 'jacs_data') });
    expect(await again.importArchive(archive)).toMatchObject({ copied: 1, same: names.length - 1, failed: 0 });
    await expectSame(place.data, path.join(copy, 'jacs_data'));
  });

  test('that takes nothing at all ends an import', async () => {
    const folder = temporaryFolder();
    const child = await onSmallDisk(folder, '100k', { at: elsewhere(path.join(folder, 'jacs_data')) });
    const { error } = await child.call('importArchive', archive);
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    for (const name of filesUnder(within(child, folder))) expect(names).toContain(name.replace('jacs_data/', ''));
  });

  test('without room for a long file on its way ends an import', async () => {
    const folder = temporaryFolder();
    const { data } = await onEmptyStore(place);
    const child = await onSmallDisk(folder, '1m', { at: elsewhere(data), env: { TMPDIR: folder } });
    const { error } = await child.call('importArchive', archive);
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    expect(filesUnder(within(child, folder))).toEqual([]);
  });
});

describeWith(['strace -p'], 'a disk that fails', () => {
  let child;
  beforeAll(async () => {
    child = await startAgent(place);
  });

  test.each([
    ...['EIO', 'ENOSPC', 'EACCES'].map((errno) => ['syncing', `fsync,fdatasync:error=${errno}`]),
    ['giving it its name', 'rename,renameat,renameat2,link,linkat:error=EIO'],
    ['giving it its name', 'rename,renameat,renameat2,link,linkat:error=EACCES'],
    ['beginning it', 'openat:error=ENOSPC'],
  ])('while an export is %s: %s', async (step, fault) => {
    const file = newFile();
    const folder = path.dirname(file);
    const on = step === 'beginning it' ? [folder] : [];
    const work = () => child.call('exportArchive', file);
    const { outcome, hits } = await withFault(child.pid, fault, on, work);
    expect(hits).toBeGreaterThan(0);
    const [, errno] = /error=(\w+)/.exec(fault);
    expect(outcome.error ?? outcome).toMatchObject(TOLD[errno]);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('gives no archive that looks whole: what is read of a file fails', async () => {
    const file = newFile();
    const stored = path.join(
      place.data,
      names.find((name) => name.startsWith('files/')),
    );
    const work = () => child.call('exportArchive', file);
    const { outcome, hits } = await withFault(child.pid, 'read,pread64:error=EIO:when=2+', [stored], work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.value).toMatchObject({ copied: names.length - 1, failed: 1 });
    expect(outcome.value.failures).toEqual([expect.objectContaining({ kind: 'failed', code: 'JACS_UNAVAILABLE' })]);
    const folder = path.join(await unpacked(file), 'jacs_data');
    expect(filesUnder(folder)).toEqual(names.filter((name) => !name.startsWith('files/')));
  });
});

describe('a process that is killed', () => {
  /** Kills it so many ms after it was told to begin; the name of the signal. */
  async function killed(at, ms, verb, file) {
    const child = await startAgent(at);
    const call = child.call(verb, file).then(
      () => 'ended',
      () => 'killed',
    );
    await sleep(ms);
    process.kill(child.pid, 'SIGKILL');
    return call;
  }

  const MOMENTS = [0, 20, 60, 120, 250];

  test('while it exports leaves no file under the name', async () => {
    const file = newFile();
    const ends = [];
    for (const ms of MOMENTS) {
      ends.push(await killed(place, ms, 'exportArchive', file));
      if (ends.at(-1) === 'killed' && !fs.existsSync(file)) continue;
      // It was done, or as good as done.
      await expectSame(place.data, path.join(await unpacked(file), 'jacs_data'));
      fs.rmSync(file);
    }
    expect(ends).toContain('killed');
    await place.agent.exportArchive(file);
    await expectSame(place.data, path.join(await unpacked(file), 'jacs_data'));
  });

  test('while it imports loses nothing: the next import goes on', async () => {
    const data = path.join(temporaryFolder(), 'jacs_data');
    const ends = [];
    for (const ms of MOMENTS) ends.push(await killed(elsewhere(data), ms, 'importArchive', archive));
    expect(ends).toContain('killed');
    for (const name of fs.existsSync(data) ? filesUnder(data) : [])
      if (names.includes(name)) {
        const [one, other] = [data, place.data].map((folder) => fs.readFileSync(path.join(folder, name)));
        expect(one.equals(other)).toBe(true);
      } else expect(path.basename(name)).toMatch(/^\.tmp-/);
    const again = await loadAgain({ ...place, data });
    const report = await again.importArchive(archive);
    expect(report).toMatchObject({ failed: 0, conflicts: 0, root: { to: report.root.from } });
    expect(report.copied + report.same).toBe(names.length);
    for (const name of names)
      expect(fs.readFileSync(path.join(data, name)).equals(fs.readFileSync(path.join(place.data, name)))).toBe(true);
  });
});
