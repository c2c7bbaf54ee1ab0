'use strict';
// Writing and syncing the file itself fails. It has no name yet, but a number: on a small filesystem of its own, numbers
// are given from 1 on, so that all that it may get can be listed for strace.

const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { temporaryFolder } = require('../support/folder.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');

const NUMBERS = 1000;
/** Longer than what is kept in memory until it is written. */
const LONG = 1_300_000;

describeWith(['strace -p', 'mount'], 'the file of a document', () => {
  let place;
  let child;
  beforeAll(async () => {
    const data = temporaryFolder();
    place = { ...(await newAgent({ dataDirectory: data })), data };
    const mounted = 'mount -t tmpfs -o size=200m tmpfs "$1" && shift && exec "$@"';
    child = await startAgent(place, { wrapper: ['unshare', '--mount', 'sh', '-c', mounted, 'sh', data] });
    await child.call('createDocument', { n: 0 });
  });

  /** The disk of the child is mounted for it alone. */
  const stored = () => soundDocuments(path.join('/proc', String(child.pid), 'root', place.data), [place.agent]);
  const numbered = (id) =>
    Array.from({ length: NUMBERS }, (_, number) => path.join(place.data, 'documents', id, `#${number + 1}`));

  async function update(fields) {
    const { value } = await child.call('createDocument', { title: 'old' });
    return { id: JSON.parse(value).jacsId, call: ['updateDocument', keyOf(value), fields], old: value };
  }

  async function save(fields) {
    const { value } = await child.call('createDocument', fields, { noSave: true });
    return { id: JSON.parse(value).jacsId, call: ['saveDocument', value], signed: value };
  }

  const VERBS = { update, save };
  const LENGTHS = { short: 100, long: LONG };
  const FAULTS = [
    ...Object.keys(TOLD).flatMap((errno) => [`write:error=${errno}`, `fsync:error=${errno}`]),
    // Nothing of what was to be written, without an error.
    'write:retval=0',
  ];
  const CASES = Object.keys(VERBS).flatMap((verb) => [
    ...FAULTS.map((fault) => [verb, 'short', fault]),
    ...['write:error=EIO', 'write:error=ENOSPC', 'fsync:error=EIO'].map((fault) => [verb, 'long', fault]),
  ]);

  test.each(CASES)('%s of a %s document: %s', async (verb, length, fault) => {
    const { id, call, signed, old } = await VERBS[verb]({ pad: 'x'.repeat(LENGTHS[length]) });
    const before = stored();
    const { outcome, hits } = await withFault(child.pid, fault, numbered(id), () => child.call(...call));
    expect(hits).toBeGreaterThan(0);
    const [, errno] = /error=(\w+)/.exec(fault) ?? [];
    expect(outcome.error).toMatchObject(errno ? TOLD[errno] : { code: 'JACS_UNAVAILABLE' });
    expect(stored()).toEqual(before);

    const document = signed ?? outcome.error.document;
    expect(outcome.error.key).toBe(keyOf(document));
    if (old) expect(await child.call('getDocument', id)).toEqual({ value: old });
    expect(await child.call('saveDocument', document)).toEqual({ value: document });
    expect(await child.call('getDocument', id)).toEqual({ value: document });
    expect(stored()).toEqual([...before, keyOf(document)].sort());
    await child.call('removeDocument', id, { allVersions: true });
  });

  test('a write that is interrupted is gone on with', async () => {
    for (const length of Object.keys(LENGTHS)) {
      const { id, call, signed } = await save({ pad: 'x'.repeat(LENGTHS[length]) });
      const work = () => child.call(...call);
      const { outcome, hits } = await withFault(child.pid, 'write:error=EINTR:when=1', numbered(id), work);
      expect(hits).toBeGreaterThan(0);
      expect(outcome).toEqual({ value: signed });
      expect(stored()).toContain(keyOf(signed));
    }
  });
});
