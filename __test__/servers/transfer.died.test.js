'use strict';
// A server that dies in the middle of a migration, and comes back: the call tells it, and the next one goes on.

const fs = require('node:fs');
const { Agent } = require('../../index.js');
const { describePlaces, newCheckpoint, objectsAt } = require('../support/places.js');
const { startDav, startGateway } = require('../support/servers.js');
const { addMass, emptyPlace, expectSame, fsConfig, objectsOf, rootsOf, newStore } = require('../support/transfer.js');

const START = { aws: startGateway, hai: startDav };
const SETTINGS = { jacs_storage_options: { timeout_ms: 3000, retries: 1 } };

describePlaces('a server that dies', ({ name, place }) => {
  let store;
  let objects;
  let server;
  let there;
  beforeAll(async () => {
    store = await newStore();
    await addMass(store.agent, { mass: 500, files: 10 });
    objects = objectsOf(store.data);
    server = await START[name]();
    there = await place({ at: server });
  }, 120_000);

  /** Migrates; the server is killed once some objects are done, and started again when the call has ended. */
  async function interrupted(options) {
    const harm = { done: false };
    const onProgress = ({ done }) => {
      if (harm.done || done < 40) return;
      harm.done = true;
      harm.killed = server.kill();
    };
    const outcome = await Agent.migrate({ ...options, concurrency: 8, onProgress }).catch((error) => error);
    await harm.killed;
    expect(harm.done).toBe(true);
    await server.restart();
    return outcome;
  }

  async function interruptedAndDone(options) {
    const first = await interrupted(options);
    if (first instanceof Error) expect(first).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    else expect(first.failed).toBeGreaterThan(0);
    expect(fs.existsSync(options.checkpoint)).toBe(true);
    const second = await Agent.migrate(options);
    expect(second).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
    expect(second.copied + second.same).toBe(objects.size);
    expect(second.root).toEqual(rootsOf(store.data, store.data));
    expect(fs.existsSync(options.checkpoint)).toBe(false);
  }

  test('while it is the target', async () => {
    const checkpoint = newCheckpoint();
    const env = there.direct;
    await interruptedAndDone({ from: fsConfig(store.data), to: there.config(SETTINGS), env, checkpoint });
    expect(await objectsAt(there)).toEqual(objects);
  }, 120_000);

  test('while it is the source', async () => {
    const to = emptyPlace();
    const checkpoint = newCheckpoint();
    const env = there.direct;
    await interruptedAndDone({ from: there.config(SETTINGS), to: fsConfig(to), env, checkpoint });
    await expectSame(store.data, to);
  }, 120_000);
});
