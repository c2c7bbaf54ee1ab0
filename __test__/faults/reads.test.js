'use strict';
// A system call that fails in a read: it is told as what it is, never taken for "not there" or for an older version, and
// the next read is right.

const path = require('node:path');
const { keyOf, newAgent, treeOf } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');

describeWith(['strace -p'], 'a read', () => {
  let place;
  let child;
  let first;
  let newest;
  let id;
  beforeAll(async () => {
    // What is remembered is not read.
    place = await newAgent({ settings: { jacs_cache_bytes: 0 } });
    const { agent } = place;
    first = await agent.createDocument({ n: 1 });
    newest = await agent.updateDocument(keyOf(first), { n: 2 });
    id = JSON.parse(first).jacsId;
    await agent.createDocuments([{ n: 3 }, { n: 4 }]);
    child = await startAgent(place);
  });

  const directory = () => path.join(place.data, 'documents', id);
  const file = () => path.join(directory(), `${keyOf(newest).split(':')[1]}.json`);
  const PLACES = {
    'the data directory': () => place.data,
    'documents/': () => path.join(place.data, 'documents'),
    'the directory of the document': directory,
    'the newest version': file,
    'the name of the newest version': () => path.basename(file()),
  };

  const READS = {
    'getDocument of a version': () => ['getDocument', keyOf(newest)],
    'getDocument of the newest': () => ['getDocument', id],
    'getDocument by hash': () => ['getDocument', keyOf(newest), { verify: 'hash' }],
    getDocumentSync: () => ['getDocumentSync', id],
    versions: () => ['versions', id],
    verifyHistory: () => ['verifyHistory', id],
    inspectDocument: () => ['inspectDocument', keyOf(newest)],
    listDocuments: () => ['listDocuments'],
    'listDocuments of all versions': () => ['listDocuments', { allVersions: true }],
    'listDocuments by agent': () => ['listDocuments', { agentId: place.agent.id }],
    updateDocument: () => ['updateDocument', keyOf(newest), { n: 5 }],
    'updateDocument of the version before': () => ['updateDocument', keyOf(first), { n: 5 }],
    removeDocument: () => ['removeDocument', keyOf(newest)],
  };
  // These tell of every version for itself: one that may not be read is no reason to refuse them.
  const JUDGING = ['versions', 'verifyHistory', 'inspectDocument', 'listDocuments by agent'];
  const LISTINGS = ['listDocuments', 'listDocuments of all versions'];
  const ALL = Object.keys(READS);
  const CONTENTS = ALL.filter((name) => ![...LISTINGS, 'removeDocument'].includes(name));
  const REFUSED = CONTENTS.filter((name) => !JUDGING.includes(name));
  const BY_ID = ALL.filter((name) => !['getDocument of a version', 'getDocument by hash'].includes(name));

  // The report on a version is given although its document's other versions could not be read.
  const WHOLE = BY_ID.filter((name) => name !== 'inspectDocument');

  const ERRORS = ['EIO', 'EMFILE', 'EACCES'];
  const FAULTS = [
    ['openat', 'the data directory', ERRORS, ALL],
    ['openat', 'documents/', ERRORS, ALL],
    ['openat', 'the name of the newest version', ['EIO', 'EMFILE'], CONTENTS],
    ['openat', 'the name of the newest version', ['EACCES'], REFUSED],
    ['fstat', 'the newest version', ['EIO'], CONTENTS],
    ['pread64', 'the newest version', ['EIO'], CONTENTS],
    ['pread64', 'the newest version', ['EACCES'], REFUSED],
    ['getdents64', 'the directory of the document', ['EIO'], WHOLE],
    ['getdents64', 'documents/', ['EIO'], ALL.filter((name) => name.startsWith('list'))],
    [
      'newfstatat',
      'the name of the newest version',
      ['EIO', 'EACCES'],
      [...LISTINGS, 'listDocuments by agent', 'removeDocument'],
    ],
    ['flock', 'the directory of the document', ['EIO'], ['updateDocument', 'removeDocument']],
    ['unlinkat', 'the directory of the document', ['EIO', 'EACCES'], ['removeDocument']],
  ];
  const CASES = FAULTS.flatMap(([call, where, errors, reads]) =>
    reads.flatMap((read) => errors.map((errno) => [read, `${call}:error=${errno}`, where])),
  );

  test.each(CASES)('%s: %s on %s', async (read, fault, where) => {
    const before = treeOf(place.data);
    const work = () => child.call(...READS[read]());
    const { outcome, hits } = await withFault(child.pid, fault, [PLACES[where]()], work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error ?? outcome).toMatchObject(TOLD[/error=(\w+)/.exec(fault)[1]]);
    expect(treeOf(place.data)).toEqual(before);

    expect(await child.call('getDocument', id)).toEqual({ value: newest });
    const { value } = await child.call('versions', id);
    expect(value.map(({ key, head }) => [key, head])).toEqual([
      [expect.any(String), false],
      [keyOf(newest), true],
    ]);
  });

  test('of a version that may not be read: it is told, and does not count', async () => {
    const calls = ({ agent, all }, key, id, agentId) =>
      Promise.all([
        agent.versions(id),
        agent.verifyHistory(id),
        agent.inspectDocument(key),
        all(agent.listDocuments({ agentId })),
      ]);
    const work = () => child.run(calls, keyOf(newest), id, place.agent.id);
    const on = [PLACES['the name of the newest version']()];
    const { outcome, hits } = await withFault(child.pid, 'openat:error=EACCES', on, work);
    expect(hits).toBeGreaterThan(0);
    const [versions, history, report, listed] = outcome.value;
    expect(versions.at(-1)).toMatchObject({ key: keyOf(newest), accepted: false, why: expect.any(String) });
    expect(history).toMatchObject({ valid: false });
    expect(history.versions.at(-1)).toMatchObject({ valid: false, code: 'JACS_PERMISSION' });
    expect(report).toMatchObject({ valid: false, code: 'JACS_PERMISSION' });
    expect(listed).toHaveLength(2);
    expect(listed.map((entry) => entry.id)).not.toContain(id);
  });
});
