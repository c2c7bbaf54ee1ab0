'use strict';
// A system call that fails in the first write of a store, which makes the directories and stores the agent's own document.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');
const { faultsOf } = require('../support/witness.js');

// The step, the calls, and the places.
const STEPS = [
  ['making the data directory', 'mkdirat', ({ folder }) => [folder]],
  ['making agents/', 'mkdirat', ({ data }) => [data]],
  ["making the agent's directory", 'mkdirat', ({ data }) => [path.join(data, 'agents')]],
  ["making the file of the agent's document", 'openat', ({ data, agent }) => [path.join(data, 'agents', agent.id)]],
  ["syncing the agent's document", 'fsync', () => []],
  ["giving the agent's document its name", 'linkat', ({ data, agent }) => [path.join(data, 'agents', agent.id)]],
  ["syncing the agent's directory", 'fsync', ({ data, agent }) => [path.join(data, 'agents', agent.id)]],
  ['syncing agents/', 'fsync', ({ data }) => [path.join(data, 'agents')]],
  ['syncing the data directory', 'fsync', ({ data }) => [data]],
  ['syncing what holds the data directory', 'fsync', ({ folder }) => [folder]],
  ['making documents/', 'mkdirat', () => ['documents']],
];

describeWith(['strace -p'], 'the first write of a store', () => {
  let place;
  let child;
  beforeAll(async () => {
    place = await newAgent();
    child = await startAgent(place);
  });

  const stored = (data) => soundDocuments(data, [place.agent]);

  /** The store begins anew, and in a process that knows nothing of it. */
  async function emptied() {
    await child.stop();
    fs.rmSync(place.data, { recursive: true, force: true });
    child = await startAgent(place);
  }

  test.each(STEPS)('that fails in %s is told, and is done by the next', async (_, calls, on) => {
    for (const errno of ['EIO', 'ENOSPC']) {
      await emptied();
      const work = () => child.call('createDocument', { n: 1 });
      const { outcome, hits } = await withFault(child.pid, `${calls}:error=${errno}`, on(place), work);
      expect(hits).toBeGreaterThan(0);
      expect(outcome.error).toMatchObject(TOLD[errno]);
      const { document, key } = outcome.error;
      expect([keyOf(document), faultsOf(document, place.agent.publicKey)]).toEqual([key, []]);
      expect([[], [key]]).toContainEqual(stored(place.data));

      expect(await child.call('saveDocument', document)).toEqual({ value: document });
      expect(stored(place.data)).toEqual([key]);
      expect(await child.call('listAgents')).toMatchObject({ value: [{ id: place.agent.id }] });
      expect(await child.call('getDocument', key)).toEqual({ value: document });
    }
  });

  test('by many at a time: those that are refused are told, the others are done', async () => {
    await emptied();
    const many = ({ agent, attempt }) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => attempt(agent.createDocument({ n }))));
    const { outcome, hits } = await withFault(child.pid, 'mkdirat:error=EIO:when=2..4', [], () => child.run(many));
    expect(hits).toBeGreaterThan(0);
    const errors = outcome.value.flatMap(({ error }) => error ?? []);
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expect(error).toMatchObject(TOLD.EIO);
    const made = outcome.value.flatMap(({ value }) => value ?? []);
    expect(stored(place.data)).toEqual(made.map(keyOf).sort());
    for (const { document } of errors) expect(await child.call('saveDocument', document)).toEqual({ value: document });
    expect(stored(place.data)).toHaveLength(20);
  });
});
