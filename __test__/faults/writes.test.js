'use strict';
// A system call that fails at a step of a save, in a process with an agent: what the caller is told, that nothing partial
// is there, that the agent goes on, and that what was signed can be saved.

const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');
const { faultsOf } = require('../support/witness.js');

describeWith(['strace -p'], 'a save', () => {
  let place;
  let child;
  beforeAll(async () => {
    place = await newAgent();
    child = await startAgent(place);
    await child.call('createDocument', { n: 0 });
  });

  const inData = (...names) => path.join(place.data, ...names);
  const stored = () => soundDocuments(place.data, [place.agent]);
  const idOf = (key) => key.split(':')[0];

  /** What each verb begins with, and what it calls; `key` is what it would store, where that is known before. */
  const VERBS = {
    async create() {
      return { verb: 'createDocument', args: [{ title: 'new' }] };
    },
    async 'sync create'() {
      return { verb: 'createDocumentSync', args: [{ title: 'new' }] };
    },
    async update() {
      const { value } = await child.call('createDocument', { title: 'old' });
      return { verb: 'updateDocument', args: [keyOf(value), { title: 'new' }], id: idOf(keyOf(value)), old: value };
    },
    async save() {
      const { value } = await child.call('createDocument', { title: 'new' }, { noSave: true });
      return { verb: 'saveDocument', args: [value], id: idOf(keyOf(value)), signed: value };
    },
  };

  // The step, the calls, the place, the verbs, and whether the document may have its name by then.
  const STEPS = [
    ['making its directory', 'mkdirat', () => [inData('documents')], ['create', 'save']],
    ['opening documents/', 'openat', () => [inData('documents')], ['create']],
    ['opening the data directory', 'openat', () => [place.data], ['create']],
    ['making a file in its directory', 'openat', ({ id }) => [inData('documents', id)], ['save']],
    ['syncing the file', 'fsync,fdatasync', () => [], ['create', 'sync create', 'update', 'save']],
    ['giving the file its name', 'linkat', () => [], ['create', 'sync create', 'update', 'save']],
    ['syncing its directory', 'fsync', ({ id }) => [inData('documents', id)], ['update', 'save'], true],
    ['syncing documents/', 'fsync', () => [inData('documents')], ['create', 'sync create', 'update', 'save'], true],
  ];
  const CASES = STEPS.flatMap(([step, calls, on, verbs, mayBeThere = false]) =>
    verbs.flatMap((verb) => Object.keys(TOLD).map((errno) => ({ verb, step, errno, calls, on, mayBeThere }))),
  );

  test.each(CASES)('$verb: $errno in $step', async ({ verb, errno, calls, on, mayBeThere }) => {
    const call = await VERBS[verb]();
    const before = stored();
    const work = () => child.call(call.verb, ...call.args);
    const { outcome, hits } = await withFault(child.pid, `${calls}:error=${errno}`, on(call), work);
    expect(hits).toBeGreaterThan(0);
    expect(outcome.error).toMatchObject(TOLD[errno]);

    const signed = call.signed ?? outcome.error.document;
    expect(faultsOf(signed, place.agent.publicKey)).toEqual([]);
    const key = keyOf(signed);
    expect(outcome.error.key).toBe(key);
    const after = stored();
    if (!mayBeThere || after.length === before.length) expect(after).toEqual(before);
    else expect(after).toEqual([...before, key].sort());

    await expectAtWork(call, after.includes(key) ? signed : call.old);
    expect(await child.call('saveDocument', signed)).toEqual({ value: signed });
    expect(await child.call('getDocument', idOf(key))).toEqual({ value: signed });
    expect(await child.call('getDocument', key)).toEqual({ value: signed });
    expect(stored()).toEqual([...before, key].sort());
  });

  /** The agent whose call failed reads, creates and lists as before. */
  async function expectAtWork({ id }, newest) {
    const created = await child.call('createDocument', { title: 'another' });
    expect(await child.call('getDocument', keyOf(created.value))).toEqual(created);
    if (id && newest) expect(await child.call('getDocument', id)).toEqual({ value: newest });
    await child.call('removeDocument', keyOf(created.value));
  }
});
