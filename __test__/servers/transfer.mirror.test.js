'use strict';
// A mirror on a server: the second call asks for listings and for what is new, and for nothing else.

const { keyOf, refusal } = require('../support/agents.js');
const { AGENT, DOCUMENT, FILE, countOf, describePlaces, objectsAt } = require('../support/places.js');
const { addMass, expectDone, objectsOf, rootsOf, sum, newStore } = require('../support/transfer.js');
const { againOn } = require('../support/remote.js');

const idOf = (text) => JSON.parse(text).jacsId;

describePlaces('a mirror', ({ name, place }) => {
  let store;
  let texts;
  let server;
  let agent;
  beforeAll(async () => {
    store = await newStore();
    texts = await addMass(store.agent, { mass: 60, files: 6 });
    server = await place();
    // Its own store is a folder; the variables are those of the mirror's server.
    agent = await againOn(
      { ...store, env: server.env },
      { settings: { jacs_default_storage: 'fs', jacs_data_directory: store.data } },
    );
  }, 60_000);
  beforeEach(() => {
    server.proxy.clear();
    server.proxy.requests.splice(0);
  });

  const mirror = (options, settings) => agent.mirror(server.config(settings), options);
  const total = (method, kind) => sum([...countOf(server.proxy, method, kind).values()]);
  const expectEqual = async () => expect(await objectsAt(server)).toEqual(objectsOf(store.data));

  test('gets everything', async () => {
    expectDone(await mirror(), { copied: objectsOf(store.data).size });
    await expectEqual();
  }, 60_000);

  test('a second call reads and writes no object', async () => {
    expectDone(await mirror(), { copied: 0, same: objectsOf(store.data).size });
    for (const kind of [AGENT, DOCUMENT, FILE]) {
      for (const method of ['GET', 'PUT', 'HEAD', 'DELETE']) {
        expect([method, kind, total(method, kind)]).toEqual([method, kind, 0]);
      }
    }
  });

  test('one after something is new writes just that', async () => {
    const { size } = objectsOf(store.data);
    const added = await addMass(agent, { mass: 3, files: 2, seed: 40 });
    added.push(await agent.updateDocument(keyOf(texts[0]), { title: 'new' }));
    expectDone(await mirror(), { copied: 8, same: size });
    const names = (kind) => [...countOf(server.proxy, 'PUT', kind).keys()].map((each) => each.slice(1)).sort();
    expect(names(DOCUMENT)).toEqual(added.map((text) => `documents/${keyOf(text).replace(':', '/')}.json`).sort());
    expect([total('PUT', DOCUMENT), total('PUT', AGENT)]).toEqual([6, 0]);
    const reads = new Set([...countOf(server.proxy, 'GET', DOCUMENT).keys()]);
    for (const text of texts) expect(reads.has(`/documents/${keyOf(text).replace(':', '/')}.json`)).toBe(false);
    await expectEqual();
  }, 60_000);

  test('with deep it reads every object once', async () => {
    const report = await mirror({ deep: true });
    const objects = objectsOf(store.data);
    expectDone(report, { copied: 0, same: objects.size });
    expect(report.root).toEqual(rootsOf(store.data, store.data));
    for (const kind of [DOCUMENT, FILE]) {
      const reads = [...countOf(server.proxy, 'GET', kind).values()];
      expect([reads.length, Math.max(...reads)]).toEqual([
        [...objects.keys()].filter((each) => kind.test(`/${each}`)).length,
        1,
      ]);
    }
  }, 60_000);

  test('with deep it finds what was altered there, and leaves it', async () => {
    const [, altered] = texts;
    const where = `documents/${keyOf(altered).replace(':', '/')}.json`;
    const other = Buffer.from(altered.replace('"number":1', '"number":8'));
    expect(other.length).toBe(Buffer.byteLength(altered));
    await server.raw.put(where, other);
    expect(await mirror()).toMatchObject({ conflicts: 0 });
    const report = await mirror({ deep: true });
    expect(report).toMatchObject({ copied: 0, conflicts: 1, failed: 0 });
    expect(report.failures).toMatchObject([{ kind: 'conflict', code: 'JACS_CONFLICT', path: where }]);
    expect(await server.raw.get(where)).toEqual(other);
    expect(report.root.from).not.toBe(report.root.to);
    await server.raw.remove(where);
    expect(await mirror()).toMatchObject({ copied: 1, conflicts: 0 });
    await expectEqual();
  }, 60_000);

  test('keeps what was removed, unless told', async () => {
    const before = objectsOf(store.data).size;
    for (const text of texts.slice(2, 5)) await agent.removeDocument(idOf(text), { allVersions: true });
    expect(await mirror()).toMatchObject({ copied: 0, removed: 0, same: before - 3 });
    expect((await objectsAt(server)).size).toBe(before);
    expect(await mirror({ removeMissing: true })).toMatchObject({ copied: 0, removed: 3 });
    await expectEqual();
  }, 60_000);

  test('removes nothing when its own listing is cut off', async () => {
    const { size } = await objectsAt(server);
    await agent.removeDocument(idOf(texts[6]), { allVersions: true });
    const list = name === 'aws' ? { method: 'GET', path: 'list-type=2' } : { method: 'PROPFIND' };
    server.proxy.fail({ ...list, times: Infinity, answer: { status: 503, body: 'no' } });
    const settings = { jacs_storage_options: { retries: 0 } };
    await refusal(mirror({ removeMissing: true }, settings), 'JACS_UNAVAILABLE');
    server.proxy.clear();
    expect((await objectsAt(server)).size).toBe(size);
    expect(total('DELETE', DOCUMENT)).toBe(0);
  }, 60_000);
});

describePlaces('a store on a server with a mirror in a folder', ({ name, place }) => {
  test('removes nothing there when the store cannot be listed', async () => {
    const { Agent } = require('../../index.js');
    const { emptyPlace, fsConfig } = require('../support/transfer.js');
    const store = await newStore();
    await addMass(store.agent, { mass: 20, files: 2 });
    const server = await place();
    await Agent.migrate({ from: fsConfig(store.data), to: server.config(), env: server.direct });
    const { jacs_data_directory: data, jacs_default_storage: storage } = server.config();
    const settings = { jacs_default_storage: storage, jacs_storage_options: { retries: 0 } };
    const agent = await againOn({ ...store, data, env: server.env }, { settings });
    const mirror = emptyPlace();
    expectDone(await agent.mirror(fsConfig(mirror)), { copied: objectsOf(store.data).size });
    const before = objectsOf(mirror);
    const list = name === 'aws' ? { method: 'GET', path: 'list-type=2' } : { method: 'PROPFIND' };
    // Each of the listings, one after the other, and all of them.
    for (let skip = 0; skip < 6; skip++) {
      server.proxy.fail({ ...list, skip, times: 1, answer: { status: 503, body: 'no' } });
      await agent.mirror(fsConfig(mirror), { removeMissing: true }).catch(({ code }) => {
        expect(code).toBe('JACS_UNAVAILABLE');
      });
      expect(objectsOf(mirror)).toEqual(before);
      server.proxy.clear();
    }
    for (const fault of [{ answer: { status: 503, body: 'no' } }, { cutAnswer: 400 }, { reset: 'before' }]) {
      server.proxy.fail({ ...list, times: Infinity, ...fault });
      await refusal(agent.mirror(fsConfig(mirror), { removeMissing: true }), 'JACS_UNAVAILABLE');
      expect(objectsOf(mirror)).toEqual(before);
      server.proxy.clear();
    }
    expectDone(await agent.mirror(fsConfig(mirror), { removeMissing: true }), { copied: 0, same: before.size });
  }, 60_000);
});
