'use strict';
// What each call asks of a server: requests cost time and money, so their number is part of the promise. With the cache
// off, after a first write that published the agent.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf } = require('../support/agents.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { servers, s3 } = require('../support/servers.js');
const { uuidV7 } = require('../support/witness.js');

const settings = { jacs_cache_bytes: 0 };

/** A request by its method; a listing of S3, which is a GET too, as LIST. */
const named = ({ method, path: url }) => (url.includes('list-type=2') ? 'LIST' : method);

/** `['GET', 'GET', 'PUT']` as `2 GET, 1 PUT`, in the order of their first appearance. */
function counted(names) {
  const order = [...new Set(names)];
  return order.map((name) => `${names.filter((each) => each === name).length} ${name}`).join(', ');
}

/** Calls to count; each gets what the ones before left in `state`. */
const CALLS = {
  load: ({ place }) => againOn(place),
  'first create': async (state) => {
    state.first = await state.agent.createDocument({ title: 'first' });
    Object.assign(state, { key: keyOf(state.first), id: JSON.parse(state.first).jacsId });
  },
  create: ({ agent }) => agent.createDocument({ title: 'second' }),
  'get id:version': ({ agent, key }) => agent.getDocument(key),
  'get id': ({ agent, id }) => agent.getDocument(id),
  update: async (state) => {
    state.second = keyOf(await state.agent.updateDocument(state.key, { title: 'updated' }));
  },
  'get id of two versions': ({ agent, id }) => agent.getDocument(id),
  'versions, of two': ({ agent, id }) => agent.versions(id),
  'inspect id:version, of two': ({ agent, key }) => agent.inspectDocument(key),
  'verify, of the own agent': ({ agent, first }) => agent.verifyDocument(first),
  'create with noSave': async (state) => {
    state.others = await state.agent.createDocuments([{ title: 'other' }, { title: 'more' }], { noSave: true });
  },
  'first save': ({ agent, others }) => agent.saveDocument(others[0]),
  save: ({ agent, others }) => agent.saveDocument(others[1]),
  'save again': ({ agent, others }) => agent.saveDocument(others[0]),
  'list, of four': ({ agent }) => all(agent.listDocuments()),
  'list of agents, of one': ({ agent }) => all(agent.listAgents()),
  'remove one version': ({ agent, second }) => agent.removeDocument(second),
  'remove all, of one': ({ agent, id }) => agent.removeDocument(id, { allVersions: true }),
  doctor: ({ agent }) => agent.doctor(),
  'doctor without probe': ({ agent }) => agent.doctor({ probe: false }),
};

/** What every call of the table asked for. */
async function counts(place, proxy) {
  const state = { place, agent: place.agent };
  const found = {};
  for (const [name, call] of Object.entries(CALLS)) {
    const before = proxy.requests.length;
    await call(state);
    found[name] = counted(proxy.requests.slice(before).map(named));
  }
  return found;
}

describeWith(['rgw'], 'S3', () => {
  let proxy;
  let place;
  beforeAll(async () => {
    proxy = await startProxy(servers.rgw.endpoint);
    place = await agentOnS3({ endpoint: proxy.url, settings });
  });

  /** Objects that the agent did not make, `count` by the keys of `name(index)`. */
  async function fill(count, name) {
    const names = Array.from({ length: count }, (_, index) => name(index));
    const put = (key) => s3('PUT', `${place.bucket}/${key}.json`, { at: servers.rgw, body: '{}' });
    const workers = Array.from({ length: 32 }, async () => {
      while (names.length > 0) expect((await put(names.pop())).status).toBe(200);
    });
    await Promise.all(workers);
  }

  test('every call', async () => {
    expect(await counts(place, proxy)).toEqual({
      load: '',
      // Whether the agent's own document is there; it; the document.
      'first create': '1 GET, 2 PUT',
      create: '1 PUT',
      'get id:version': '1 GET',
      'get id': '1 LIST, 1 GET',
      update: '1 LIST, 1 GET, 1 PUT',
      'get id of two versions': '1 LIST, 2 GET',
      'versions, of two': '1 LIST, 2 GET',
      'inspect id:version, of two': '3 GET, 1 LIST',
      'verify, of the own agent': '',
      'create with noSave': '',
      // Whether conditions are kept here, by an object written twice and removed: once for each place and process.
      'first save': '1 LIST, 3 PUT, 1 DELETE',
      save: '1 LIST, 1 PUT',
      'save again': '1 LIST, 1 PUT, 1 GET',
      'list, of four': '1 LIST',
      'list of agents, of one': '1 LIST',
      'remove one version': '1 LIST, 1 HEAD, 1 DELETE',
      'remove all, of one': '2 LIST, 1 DELETE',
      doctor: '1 LIST, 2 PUT, 2 GET, 1 DELETE',
      'doctor without probe': '1 LIST, 1 GET',
    });
  });

  test('a history reads each version once', async () => {
    const key = keyOf(await place.agent.createDocument({ title: 'one' }));
    await place.agent.updateDocument(key, { title: 'two' });
    const before = proxy.requests.length;
    const { versions } = await place.agent.verifyHistory(key.split(':')[0]);
    expect(versions).toHaveLength(2);
    expect(counted(proxy.requests.slice(before).map(named))).toBe('1 LIST, 2 GET');
  });

  test('all of 1,100 versions are removed in batches, the newest last', async () => {
    const id = randomUUID();
    await fill(1100, (index) => `data/documents/${id}/${uuidV7(1_700_000_000_000 + index)}`);
    const before = proxy.requests.length;
    await place.agent.removeDocument(id, { allVersions: true });
    const asked = proxy.requests.slice(before);
    // 1,099 by a thousand, and the last alone once the others are gone. Two pages twice: first whether it is a document.
    expect(counted(asked.map(named))).toBe('5 LIST, 2 POST, 1 DELETE');
    expect(asked.at(-1).method).toBe('DELETE');
    const { body } = await s3('GET', place.bucket, { at: servers.rgw, query: { prefix: `data/documents/${id}` } });
    expect(body.toString()).not.toContain('<Key>');
  });

  test('1,100 documents are listed in pages of a thousand keys', async () => {
    const other = await againOn({ ...place, data: `s3://${place.bucket}/listed` });
    await fill(1100, () => `listed/documents/${randomUUID()}/${uuidV7()}`);
    const before = proxy.requests.length;
    const found = await all(other.listDocuments());
    expect(counted(proxy.requests.slice(before).map(named))).toBe('2 LIST');
    expect(found).toHaveLength(1100);
  });
});

describeWith(['dav'], 'WebDAV', () => {
  let proxy;
  let place;
  beforeAll(async () => {
    proxy = await startProxy(servers.dav.url);
    place = await agentOnDav({ endpoint: proxy.url, settings });
  });

  test('every call', async () => {
    expect(await counts(place, proxy)).toEqual({
      load: '',
      // Two collections above the agent's and one above the document's are missing; each is asked for from below.
      'first create': '1 GET, 8 MKCOL, 2 PUT',
      create: '1 MKCOL, 1 PUT',
      'get id:version': '1 GET',
      'get id': '1 PROPFIND, 1 GET',
      // A known collection.
      update: '1 PROPFIND, 1 GET, 1 PUT',
      'get id of two versions': '1 PROPFIND, 2 GET',
      'versions, of two': '1 PROPFIND, 2 GET',
      'inspect id:version, of two': '3 GET, 1 PROPFIND',
      'verify, of the own agent': '',
      'create with noSave': '',
      // Its condition is not atomic: a look before and after.
      'first save': '1 PROPFIND, 2 GET, 1 MKCOL, 1 PUT',
      save: '1 PROPFIND, 2 GET, 1 MKCOL, 1 PUT',
      'save again': '1 PROPFIND, 1 GET',
      'list, of four': '5 PROPFIND',
      'list of agents, of one': '2 PROPFIND',
      'remove one version': '2 PROPFIND, 1 DELETE',
      'remove all, of one': '2 PROPFIND, 1 DELETE',
      // The second object of the probe is an upload that breaks off, whose PUT does not get through as a request.
      doctor: expect.stringMatching(/^2 PROPFIND, [23] PUT, 2 GET, 1 DELETE$/),
      'doctor without probe': '1 PROPFIND, 1 GET',
    });
  });

  test('the next create in a known place is two requests, whoever made it', async () => {
    // A new process knows no collection yet.
    const agent = await againOn(place);
    await agent.createDocument({ title: 'publishes the agent' });
    const before = proxy.requests.length;
    await agent.createDocument({ title: 'one collection' });
    expect(counted(proxy.requests.slice(before).map(named))).toBe('1 MKCOL, 1 PUT');
  });

  test('60 versions are removed with a request each', async () => {
    const id = randomUUID();
    const folder = path.join(place.stored, 'documents', id);
    const { uid, gid } = fs.statSync(path.dirname(folder));
    fs.mkdirSync(folder);
    fs.chownSync(folder, uid, gid);
    for (let index = 0; index < 60; index++) {
      fs.writeFileSync(path.join(folder, `${uuidV7(1_700_000_000_000 + index)}.json`), '{}');
    }
    const before = proxy.requests.length;
    await place.agent.removeDocument(id, { allVersions: true });
    expect(counted(proxy.requests.slice(before).map(named))).toBe('2 PROPFIND, 60 DELETE');
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});
