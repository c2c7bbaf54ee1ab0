'use strict';
// A disk that fails while a file is read, spooled, stored or saved: what the caller is told, that no document and no part of
// a file is there, and that the next call is right. Unnamed files have a number: see file.test.js.

const path = require('node:path');
const { newAgent } = require('../support/agents.js');
const { filesAt, newSource } = require('../support/attached.js');
const { startAgent } = require('../support/child.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { rawFolder } = require('../support/raw.js');

const NUMBERS = 1000;
const LENGTH = 3_000_000;
const MOUNTED =
  'mount -t tmpfs -o size=200m tmpfs "$1" && mount -t tmpfs -o size=20m tmpfs "$2" && mount -t tmpfs -o size=4m tmpfs "$3" && shift 3 && exec "$@"';

describeWith(['strace -p', 'mount'], 'a file', () => {
  let place;
  let child;
  let spool;
  let target;
  let source;
  let text;
  beforeAll(async () => {
    const data = temporaryFolder();
    spool = temporaryFolder();
    target = temporaryFolder();
    place = { ...(await newAgent({ dataDirectory: data })), data };
    const wrapper = ['unshare', '--mount', 'sh', '-c', MOUNTED, 'sh', data, spool, target];
    child = await startAgent(place, { wrapper, env: { TMPDIR: spool } });
    source = newSource(LENGTH, 'first.bin');
    text = (await create(source.path)).value;
  });

  /** Folders of the child, which are mounted for it alone. */
  const within = (folder) => path.join('/proc', String(child.pid), 'root', folder);
  const raw = () => rawFolder(within(place.data));
  const documents = async () => (await raw().names()).filter((name) => name.startsWith('documents/'));
  const numbered = (folder) => Array.from({ length: NUMBERS }, (_, number) => path.join(folder, `#${number + 1}`));
  const inFiles = () => path.join(place.data, 'files');
  const create = (attachments) => child.call('createDocument', { title: 'with a file' }, { attachments });

  async function expectNothing(before, mayBeThere = []) {
    expect(await documents()).toEqual(before);
    const files = [...(await filesAt(raw())).keys()].filter((hash) => !mayBeThere.includes(hash));
    expect(files).toEqual([source.sha256]);
    expect((await raw().names()).filter((name) => !/^(agents|documents|files)\/[^.]/.test(name))).toEqual([]);
    expect(filesUnder(within(spool))).toEqual([]);
  }

  /** Takes away what was stored, so that there is always the first file alone. */
  async function removed(made, { sha256 }) {
    const { jacsId, jacsVersion } = JSON.parse(made);
    await raw().remove(`documents/${jacsId}/${jacsVersion}.json`);
    await raw().remove(`files/${sha256}`);
  }

  const OF_STORE = [
    ...Object.keys(TOLD).flatMap((errno) => [
      ['writing it', `write:error=${errno}`, () => numbered(inFiles())],
      ['syncing it', `fsync,fdatasync:error=${errno}`, () => numbered(inFiles())],
      ['giving it its name', `linkat:error=${errno}:when=1`, () => []],
      ['opening the folder of files', `openat:error=${errno}`, () => [inFiles()]],
    ]),
    ['syncing the folder of files', 'fsync:error=EIO', () => [inFiles()], true],
    ['writing nothing of it', 'write:retval=0', () => numbered(inFiles())],
  ].map(([step, fault, on, mayBeThere]) => ({ step, fault, on, mayBeThere }));

  test.each(OF_STORE)('of which $step fails: $fault', async ({ fault, on, mayBeThere }) => {
    const other = newSource(LENGTH);
    const before = await documents();
    const { outcome, hits } = await withFault(child.pid, fault, on(), () => create(other.path));
    expect(hits).toBeGreaterThan(0);
    const [, errno] = /error=(\w+)/.exec(fault) ?? [];
    expect(outcome.error ?? outcome).toMatchObject(TOLD[errno] ?? { code: 'JACS_UNAVAILABLE' });
    expect(outcome.error.document).toBeUndefined();
    await expectNothing(before, mayBeThere ? [other.sha256] : []);
    const { value } = await create(other.path);
    expect(await child.call('verifyDocument', value, { contents: true })).toEqual({ value: true });
    await removed(value, other);
  });

  test.each([
    ['openat', 'EIO'],
    ['openat', 'EMFILE'],
    ['openat', 'EACCES'],
    ['read,pread64', 'EIO'],
  ])('that cannot be read itself: %s, %s', async (call, errno) => {
    const other = newSource(LENGTH);
    const before = await documents();
    const work = () => create(other.path);
    // Whatever it is opened by: its path, or its name in its folder.
    const on = call === 'openat' ? [other.path, path.dirname(other.path), other.name] : [other.path];
    const { outcome, hits } = await withFault(child.pid, `${call}:error=${errno}`, on, work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error ?? outcome).toMatchObject({ code: 'JACS_ATTACHMENT', path: other.path });
    await expectNothing(before);
  });

  /** Runs in the process: the error of a stream, or how much it gave. */
  async function read({ agent }, text, name) {
    let bytes = 0;
    for await (const piece of agent.readAttachment(text, name)) bytes += piece.length;
    return bytes;
  }

  async function expectUnread(call, errno, code) {
    const on = call === 'openat' ? [inFiles(), source.sha256] : [path.join(inFiles(), source.sha256)];
    const work = () => child.run(read, text, source.name);
    const { outcome, hits } = await withFault(child.pid, `${call}:error=${errno}`, on, work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error ?? outcome).toMatchObject({ code });
    expect(await child.run(read, text, source.name)).toEqual({ value: LENGTH });
  }

  test.each([
    ['openat', 'EIO', 'JACS_UNAVAILABLE'],
    ['openat', 'EMFILE', 'JACS_UNAVAILABLE'],
    ['read,pread64', 'EIO', 'JACS_UNAVAILABLE'],
  ])('of which the read fails in %s: %s', expectUnread);

  test('that may not be read', () => expectUnread('openat', 'EACCES', 'JACS_PERMISSION'));

  test('of which the read stops early fails, whatever the system calls it', async () => {
    const on = [path.join(inFiles(), source.sha256)];
    const work = () => child.run(read, text, source.name);
    const { outcome, hits } = await withFault(child.pid, 'read,pread64:retval=0', on, work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error ?? outcome).toMatchObject({ code: 'JACS_ATTACHMENT' });
  });

  /** Runs in the process: a document with a stream of so many pieces of a hundred thousand bytes. */
  async function spooled({ agent, require }, pieces) {
    const { Readable } = require('node:stream');
    const contents = Readable.from(Array.from({ length: pieces }, () => require('node:crypto').randomBytes(100_000)));
    return agent.createDocument({}, { attachments: { path: 'stream.bin', contents } });
  }

  test.each(['ENOSPC', 'EIO'])('of a stream that cannot be spooled: %s', async (errno) => {
    const before = await documents();
    const work = () => child.run(spooled, 30);
    const { outcome, hits } = await withFault(child.pid, `write,pwrite64:error=${errno}`, numbered(spool), work);
    expect(hits).toBeGreaterThan(0);
    expect(['JACS_UNAVAILABLE', 'JACS_ATTACHMENT']).toContain(outcome.error?.code);
    await expectNothing(before);
  });

  test('of a stream for which there is no room is refused, and the room is free again', async () => {
    const before = await documents();
    const { error } = await child.run(spooled, 300);
    expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    await expectNothing(before);
    // Of those that were stored, too: each takes three quarters of it.
    for (let times = 0; times < 3; times++) {
      const { value } = await child.run(spooled, 150);
      expect(await child.call('verifyDocument', value, { contents: true })).toEqual({ value: true });
      await removed(value, { sha256: JSON.parse(value).jacsFilesStored[0] });
    }
  });

  describe('that is saved', () => {
    const save = () => child.call('saveAttachments', text, target);

    const NAMING = 'link,linkat,rename,renameat,renameat2';

    async function expectSaved() {
      expect(filesUnder(within(target))).toEqual([]);
      expect(await save()).toEqual({ value: [path.join(target, source.name)] });
      await rawFolder(within(target)).remove(source.name);
    }

    test.each([
      ['synced', 'fsync,fdatasync:error=EIO:when=1', 'JACS_UNAVAILABLE'],
      ['named', `${NAMING}:error=EIO`, 'JACS_UNAVAILABLE'],
      ['named', `${NAMING}:error=EACCES`, 'JACS_PERMISSION'],
    ])('and cannot be %s: %s', async (_, fault, code) => {
      const { outcome, hits } = await withFault(child.pid, fault, [], save);
      expect(hits).toBeGreaterThan(0);
      expect(outcome.error ?? outcome).toMatchObject({ code });
      await expectSaved();
    });

    test('and for which there is no room', async () => {
      const { put, remove } = rawFolder(within(target));
      await put('other', Buffer.alloc(2_000_000));
      const { error } = await save();
      expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
      await remove('other');
      await expectSaved();
    });
  });
});
