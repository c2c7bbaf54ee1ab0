'use strict';
// What a migration asks of a server: each object of the source once, and of the target no more than it must.

const { Agent } = require('../../index.js');
const { AGENT, DOCUMENT, FILE, countOf, describePlaces, objectsAt } = require('../support/places.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  objectsOf,
  sum,
  newStore,
} = require('../support/transfer.js');

// Of a document, before and after it is written: where the condition of a write is not atomic, both.
const LOOKS = { aws: 1, hai: 2 };

describePlaces('a migration without a fault', ({ name, place }) => {
  let store;
  let server;
  let objects;
  beforeAll(async () => {
    store = await newStore();
    await addMass(store.agent, { mass: 150, files: 10 });
    objects = objectsOf(store.data);
    server = await place();
  });
  beforeEach(() => server.proxy.requests.splice(0));

  const total = (method, kind) => sum([...countOf(server.proxy, method, kind).values()]);
  const count = (kind) => [...objects.keys()].filter((name) => kind.test(`/${name}`)).length;

  test('to it puts each object once, and looks no more often than it must to see that it arrived', async () => {
    const report = await Agent.migrate({ from: fsConfig(store.data), to: server.config(), env: server.env });
    expectDone(report, { copied: objects.size });
    expect(await objectsAt(server)).toEqual(objects);
    for (const kind of [AGENT, DOCUMENT]) expect([kind, total('PUT', kind)]).toEqual([kind, count(kind)]);
    for (const kind of [AGENT, DOCUMENT]) expect(total('GET', kind)).toBeLessThanOrEqual(LOOKS[name] * count(kind));
    expect(total('GET', FILE)).toBeLessThanOrEqual(count(FILE));
    // On S3 and on WebDAV what begins with another name is moved there: no file is sent twice.
    const sent = server.proxy.requests.filter(({ method, path }) => method === 'PUT' && /\/files\//.test(path));
    expect(sent).toHaveLength(count(FILE));
    expect(server.proxy.requests.filter(({ method }) => method === 'DELETE').length).toBeLessThanOrEqual(1);
  }, 60_000);

  test('to it once more writes nothing', async () => {
    const report = await Agent.migrate({ from: fsConfig(store.data), to: server.config(), env: server.env });
    expectDone(report, { copied: 0, same: objects.size });
    for (const kind of [AGENT, DOCUMENT, FILE]) expect([kind, total('PUT', kind)]).toEqual([kind, 0]);
    for (const kind of [AGENT, DOCUMENT, FILE]) expect(total('GET', kind)).toBeLessThanOrEqual(count(kind));
  }, 60_000);

  test('from it reads each document and each file once, and writes nothing', async () => {
    const to = emptyPlace();
    const report = await Agent.migrate({ from: server.config(), to: fsConfig(to), env: server.env });
    expectDone(report, { copied: objects.size });
    await expectSame(store.data, to);
    for (const kind of [DOCUMENT, FILE]) {
      const reads = [...countOf(server.proxy, 'GET', kind).values()];
      expect([kind, reads.length, Math.max(...reads)]).toEqual([kind, count(kind), 1]);
    }
    expect(total('GET', AGENT)).toBeLessThanOrEqual(4 * count(AGENT));
    const methods = new Set(server.proxy.requests.map(({ method }) => method));
    expect([...methods].filter((method) => !['GET', 'HEAD', 'PROPFIND', 'OPTIONS'].includes(method))).toEqual([]);
  }, 60_000);

  test('a dry run writes nothing', async () => {
    const empty = await place();
    const report = await Agent.migrate({
      from: fsConfig(store.data),
      to: empty.config(),
      env: empty.env,
      dryRun: true,
    });
    expect(report).toMatchObject({ copied: objects.size, failed: 0 });
    expect(await empty.raw.names()).toEqual([]);
    const methods = new Set(empty.proxy.requests.map(({ method }) => method));
    expect([...methods].filter((method) => !['GET', 'HEAD', 'PROPFIND', 'OPTIONS'].includes(method))).toEqual([]);
  }, 60_000);
});
