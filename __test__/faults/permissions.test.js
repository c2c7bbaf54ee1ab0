'use strict';
// A user who may not enter or read some place in the data directory: told at every level what it is, nothing lost, and all
// as before when the permission is given.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent, treeOf } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { describeWith } = require('../support/needs.js');
const { OWN_ADDON } = require('../support/run.js');
const { soundDocuments } = require('../support/sound.js');
const { AS_NOBODY, NOBODY, readablePackage } = require('../support/unprivileged.js');
const { faultsOf } = require('../support/witness.js');

const REFUSED = { code: 'JACS_PERMISSION', retryable: false };

describeWith(['setpriv'], 'another user', () => {
  let place;
  let child;
  let first;
  let newest;
  let signed;
  let id;
  beforeAll(async () => {
    // What is remembered is not read.
    place = await newAgent({ settings: { jacs_cache_bytes: 0 } });
    first = await place.agent.createDocument({ n: 1 });
    newest = await place.agent.updateDocument(keyOf(first), { n: 2 });
    signed = await place.agent.createDocument({ n: 3 }, { noSave: true });
    await place.agent.createDocument({ n: 4 });
    id = JSON.parse(first).jacsId;
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, place.folder]);
    const cwd = readablePackage();
    const env = { HOME: cwd, ...OWN_ADDON };
    child = await startAgent(place, { wrapper: AS_NOBODY, name: 'jacs-agent', cwd, env });
  });

  const PLACES = {
    'the data directory': () => place.data,
    'documents/': () => path.join(place.data, 'documents'),
    'the directory of a document': () => path.join(place.data, 'documents', id),
    'a version': () => path.join(place.data, 'documents', id, `${keyOf(newest).split(':')[1]}.json`),
  };
  const ALL = Object.keys(PLACES);
  const ABOVE = ALL.slice(0, 2);

  // What is called, and the places without which it cannot be done.
  const CALLS = {
    createDocument: [() => ['createDocument', { n: 5 }], ABOVE],
    createDocuments: [() => ['createDocuments', [{ n: 5 }, { n: 6 }]], ABOVE],
    'saveDocument of a new one': [() => ['saveDocument', signed], ABOVE],
    'saveDocument of a stored one': [() => ['saveDocument', newest], ALL],
    'saveDocument of the version before': [() => ['saveDocument', first], ALL.slice(0, 3)],
    updateDocument: [() => ['updateDocument', keyOf(newest), { n: 7 }], ALL],
    'updateDocument of the version before': [() => ['updateDocument', keyOf(first), { n: 7 }], ALL],
    'getDocument of a version': [() => ['getDocument', keyOf(newest)], ALL],
    'getDocument of the newest': [() => ['getDocument', id], ALL],
    versions: [() => ['versions', id], ALL.slice(0, 3)],
    verifyHistory: [() => ['verifyHistory', id], ALL.slice(0, 3)],
    inspectDocument: [() => ['inspectDocument', keyOf(newest)], ALL.slice(0, 3)],
    listDocuments: [() => ['listDocuments'], ALL.slice(0, 3)],
    'listDocuments of all versions': [() => ['listDocuments', { allVersions: true }], ALL.slice(0, 3)],
    'removeDocument of a version': [() => ['removeDocument', keyOf(first)], ALL.slice(0, 3)],
    verifyDocument: [() => ['verifyDocument', newest], []],
  };
  const cases = (refused) =>
    Object.entries(CALLS).flatMap(([name, [, places]]) =>
      ALL.filter((where) => places.includes(where) === refused).map((where) => [name, where]),
    );

  /** The outcome of a call while nobody has no permission at all in a place. */
  async function without(where, [verb, ...args]) {
    const { mode } = fs.statSync(PLACES[where]());
    fs.chmodSync(PLACES[where](), 0);
    return child.call(verb, ...args).finally(() => fs.chmodSync(PLACES[where](), mode));
  }

  test.each(cases(true))('%s is refused without permission to %s', async (name, where) => {
    const before = treeOf(place.data);
    const [call] = CALLS[name];
    const { error, value } = await without(where, call());
    expect(error ?? value).toMatchObject(REFUSED);
    expect(treeOf(place.data)).toEqual(before);
    if (name === 'createDocuments') expect(error.documents).toEqual([null, null]);
    if (error.document) {
      expect(error.key).toBe(keyOf(error.document));
      expect(faultsOf(error.document, place.agent.publicKey)).toEqual([]);
      expect(await child.call('saveDocument', error.document)).toEqual({ value: error.document });
      expect(await child.call('removeDocument', error.key)).toEqual({});
    }
    // A create is signed before anything is asked of the disk.
    if (name === 'createDocument') expect(error.document).toEqual(expect.any(String));
    expect(await child.call('getDocument', id)).toEqual({ value: newest });
    expect(treeOf(place.data)).toEqual(before);
  });

  test.each(cases(false))('%s needs no permission to %s', async (name, where) => {
    const before = soundDocuments(place.data, [place.agent]);
    const [call] = CALLS[name];
    const { error } = await without(where, call());
    expect(error).toBeUndefined();
    const after = soundDocuments(place.data, [place.agent]);
    for (const key of after.filter((key) => !before.includes(key))) await child.call('removeDocument', key);
    if (name === 'removeDocument of a version') await child.call('saveDocument', first);
    expect(soundDocuments(place.data, [place.agent])).toEqual(before);
  });

  test('a version that may not be read is told by what tells of every version, and none takes its place', async () => {
    const versions = (await without('a version', ['versions', id])).value;
    expect(versions.at(-1)).toMatchObject({ key: keyOf(newest), accepted: false, why: expect.any(String) });
    const history = (await without('a version', ['verifyHistory', id])).value;
    expect(history).toMatchObject({ valid: false });
    expect(history.versions.at(-1)).toMatchObject({ valid: false, code: 'JACS_PERMISSION' });
    const report = (await without('a version', ['inspectDocument', keyOf(newest)])).value;
    expect(report).toMatchObject({ valid: false, code: 'JACS_PERMISSION' });
    const listed = (await without('a version', ['listDocuments'])).value;
    expect(listed.map(({ key }) => key)).toContain(keyOf(newest));
  });
});
