'use strict';
// A file that changes while it is read, which strace slows down: refused, whatever becomes of its bytes.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { newAgent } = require('../support/agents.js');
const { filesAt, newSource, sha256 } = require('../support/attached.js');
const { startAgent } = require('../support/child.js');
const { withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { rawFolder } = require('../support/raw.js');
const { soundDocuments } = require('../support/sound.js');

const LENGTH = 8 * 2 ** 20;
/** Each read waits for so many microseconds; there are several. */
const SLOW = 'read,pread64:delay_enter=40000';

const CHANGES = {
  grows: (file) => fs.appendFileSync(file, 'more'),
  'is cut short': (file) => fs.truncateSync(file, LENGTH - 1),
  'is emptied': (file) => fs.truncateSync(file, 0),
  'is touched': (file) => fs.utimesSync(file, new Date(), new Date(1_000_000_000_000)),
  'is written to': (file) => {
    const descriptor = fs.openSync(file, 'r+');
    fs.writeSync(descriptor, 'other', 0);
    fs.closeSync(descriptor);
  },
};

describeWith(['strace -p'], 'a file that changes while it is read', () => {
  let place;
  let child;
  beforeEach(async () => {
    place = await newAgent();
    child = await startAgent(place);
    await child.call('createDocument', { title: 'before' });
  });

  async function changing(source, change, ...options) {
    const work = async () => {
      const created = child.call('createDocument', {}, { attachments: source.path }, ...options);
      await sleep(100);
      change(source.path);
      return created;
    };
    const { outcome, hits } = await withFault(child.pid, SLOW, [source.path], work);
    expect(hits).toBeGreaterThan(1);
    return outcome;
  }

  test.each(Object.keys(CHANGES))('it %s', async (name) => {
    const source = newSource(LENGTH);
    const { value, error } = await changing(source, CHANGES[name]);
    expect(value).toBeUndefined();
    expect(error).toMatchObject({ code: 'JACS_ATTACHMENT', path: source.path });
    expect(error.document).toBeUndefined();
    expect((await filesAt(rawFolder(place.data))).size).toBe(0);
  });

  test('it is replaced by another: the one that was opened is stored, or none', async () => {
    const source = newSource(LENGTH);
    const replaced = (file) => {
      fs.writeFileSync(`${file}.new`, 'another');
      fs.renameSync(`${file}.new`, file);
    };
    const { value, error } = await changing(source, replaced);
    if (error) expect(error).toMatchObject({ code: 'JACS_ATTACHMENT', path: source.path });
    else expect(JSON.parse(value).jacsFilesStored).toEqual([source.sha256]);
    const files = await filesAt(rawFolder(place.data));
    expect([...files.keys()]).toEqual(error ? [] : [source.sha256]);
  });

  test('it goes: the one that was opened is stored, or none', async () => {
    const source = newSource(LENGTH);
    const { value, error } = await changing(source, (file) => fs.rmSync(file));
    if (error) expect(error).toMatchObject({ code: 'JACS_ATTACHMENT', path: source.path });
    else expect(JSON.parse(value).jacsFilesStored).toEqual([source.sha256]);
  });

  test('and is as it was at the end: what is stored is what was hashed', async () => {
    const source = newSource(LENGTH);
    const { atime, mtime } = fs.statSync(source.path);
    const { value, error } = await changing(source, (file) => {
      CHANGES['is written to'](file);
      fs.utimesSync(file, atime, mtime);
    });
    const files = await filesAt(rawFolder(place.data));
    if (error) expect(error).toMatchObject({ code: 'JACS_ATTACHMENT', path: source.path });
    else expect([...files.keys()]).toEqual(JSON.parse(value).jacsFilesStored);
    expect(sha256(fs.readFileSync(source.path))).not.toBe(source.sha256);
  });

  test('before anything of a document is stored', async () => {
    const [changed, still] = [newSource(LENGTH, 'changed.bin'), newSource(1000, 'still.bin')];
    const documents = soundDocuments(place.data, [place.agent]);
    const work = async () => {
      const created = child.call('createDocument', {}, { attachments: [still.path, changed.path] });
      await sleep(100);
      CHANGES.grows(changed.path);
      return created;
    };
    const { outcome } = await withFault(child.pid, SLOW, [changed.path], work);
    expect(outcome.error).toMatchObject({ code: 'JACS_ATTACHMENT', path: changed.path });
    const found = (await rawFolder(place.data).names()).filter((name) => name.startsWith('documents/'));
    expect(found).toHaveLength(documents.length);
  });
});
