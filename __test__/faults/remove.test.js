'use strict';
// A system call that fails in a removal: a version is there whole or gone, and the same call finishes the work.

const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');

describeWith(['strace -p'], 'a removal', () => {
  let place;
  let child;
  beforeAll(async () => {
    place = await newAgent();
    child = await startAgent(place);
  });

  const stored = () => soundDocuments(place.data, [place.agent]);

  /** A document of three versions. */
  async function document() {
    const texts = [await place.agent.createDocument({ n: 0 })];
    for (const n of [1, 2]) texts.push(await place.agent.updateDocument(keyOf(texts.at(-1)), { n }));
    const id = JSON.parse(texts[0]).jacsId;
    return { id, keys: texts.map(keyOf), directory: path.join(place.data, 'documents', id) };
  }

  // How many versions are left at most: the oldest goes first.
  const FAULTS = [
    ['flock:error=EIO', 'EIO', 3],
    ['unlinkat:error=EIO', 'EIO', 3],
    ['unlinkat:error=EACCES', 'EACCES', 3],
    ['newfstatat:error=EIO', 'EIO', 3],
    ['fsync:error=EIO', 'EIO', 2],
    ['fsync:error=ENOSPC', 'ENOSPC', 2],
  ];

  test.each(FAULTS)('of a document: %s', async (fault, errno, left) => {
    const { id, keys, directory } = await document();
    const before = stored();
    const remove = () => child.call('removeDocument', id, { allVersions: true });
    const { outcome, hits } = await withFault(child.pid, fault, [directory], remove);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error).toMatchObject(TOLD[errno]);
    expect(outcome.error.key.startsWith(id)).toBe(true);
    expect(stored()).toEqual(before.filter((key) => !keys.includes(key) || keys.indexOf(key) >= 3 - left));
    expect(await child.call('getDocument', keys[2])).toMatchObject({ value: expect.any(String) });

    expect(await remove()).toEqual({});
    expect(stored()).toEqual(before.filter((key) => !keys.includes(key)));
    expect((await child.call('getDocument', id)).error).toMatchObject({ code: 'JACS_NOT_FOUND' });
  });

  test.each(FAULTS)('of a version: %s', async (fault, errno, left) => {
    const { id, keys, directory } = await document();
    const before = stored();
    const remove = () => child.call('removeDocument', keys[2]);
    const { outcome, hits } = await withFault(child.pid, fault, [directory], remove);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error).toMatchObject(TOLD[errno]);
    expect(stored()).toEqual(before.filter((key) => key !== keys[2] || left === 3));
    const newest = (await child.call('getDocument', id)).value;
    expect(keyOf(newest)).toBe(left === 3 ? keys[2] : keys[1]);
    if (left === 3) expect(await remove()).toEqual({});
    else expect((await remove()).error).toMatchObject({ code: 'JACS_NOT_FOUND' });
    expect(stored()).toEqual(before.filter((key) => key !== keys[2]));
  });

  test('whose directory cannot be removed leaves no document behind', async () => {
    const text = await place.agent.createDocument({ n: 0 });
    const id = JSON.parse(text).jacsId;
    const before = stored();
    const remove = () => child.call('removeDocument', keyOf(text));
    const { hits } = await withFault(child.pid, 'unlinkat:error=EIO', [id], remove);
    expect(hits).toBeGreaterThan(0);
    expect((await child.call('getDocument', id)).error).toMatchObject({ code: 'JACS_NOT_FOUND' });
    expect((await child.call('listDocuments')).value.map((entry) => entry.id)).not.toContain(id);
    // What was removed may be saved again, and then removed with its directory.
    expect(await child.call('saveDocument', text)).toEqual({ value: text });
    expect(await remove()).toEqual({});
    expect(stored()).toEqual(before.filter((key) => key !== keyOf(text)));
  });
});
