'use strict';
// The first writes into a new place by several at once: collections that another is just making, and the look at what
// the server does with conditions, while another looks, too.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { all, keyOf, refusal } = require('../support/agents.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { rawFolder } = require('../support/raw.js');
const { agentOnDav, agentOnS3, againOn, onEmptyPlace } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const MANY = 32;
const ROUNDS = 10;

/** Looks until something is so. */
async function waited(isSo) {
  while (!isSo()) await sleep(5);
}

const numbered = (count) => Array.from({ length: count }, (_, number) => ({ number }));

describeWith(['dav'], 'collections', () => {
  let place;
  let proxy;

  beforeAll(async () => {
    proxy = await startProxy(servers.dav.url);
    place = await agentOnDav({ endpoint: proxy.url });
  });

  afterEach(() => proxy.clear());

  test(`of a new place, made by ${MANY} creates of two agents at once, ${ROUNDS} times`, async () => {
    const direct = await agentOnDav();
    for (let round = 0; round < ROUNDS; round++) {
      const one = await onEmptyPlace(direct);
      const { value } = (await one.doctor({ probe: false })).settings.find(({ key }) => key === 'jacs_data_directory');
      const two = await againOn({ ...direct, data: value });
      const creates = numbered(MANY).map((fields) => (fields.number % 2 ? one : two).createDocument(fields));
      const keys = (await Promise.all(creates)).map(keyOf).sort();
      expect((await all(one.listDocuments())).map(({ key }) => key)).toEqual(keys);
    }
  }, 60_000);

  // Apache forbids to make a collection that came to be between its look and its own mkdir.
  test('that are forbidden because another has just made them are there', async () => {
    const made = (name) => (request) => {
      if (!request.url.endsWith(`/${name}/`)) return false;
      const folder = path.join(place.collection.folder, 'data', name);
      fs.mkdirSync(folder, { recursive: true });
      const { uid, gid } = fs.statSync(place.collection.folder);
      for (const one of [path.dirname(folder), folder]) fs.chownSync(one, uid, gid);
      return true;
    };
    const rules = ['agents', 'documents'].map((name) => {
      return proxy.fail({ method: 'MKCOL', when: made(name), answer: { status: 403 } });
    });
    const text = await place.agent.createDocument({ title: 'first' });
    expect(rules.map(({ hits }) => hits)).toEqual([1, 1]);
    const stored = await rawFolder(place.stored).names();
    expect(stored).toContain(`documents/${keyOf(text).replace(':', '/')}.json`);
  });

  test('that are forbidden and are not there fail the create', async () => {
    const agent = await onEmptyPlace(place);
    proxy.fail({ method: 'MKCOL', times: 100, answer: { status: 403 } });
    const error = await refusal(agent.createDocument({ title: 'refused' }), 'JACS_PERMISSION');
    expect(error.retryable).toBe(false);
    proxy.clear();
    await expect(agent.saveDocument(error.document)).resolves.toBe(error.document);
  });
});

describeWith(['rgw'], 'what the server does with conditions', () => {
  test('is found out while another finds it out, too, and removes what it wrote for that', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const slow = await agentOnS3({ endpoint: proxy.url });
    const { bucket, prefix } = slow;
    const quick = await agentOnS3({ bucket, prefix });
    const second = proxy.fail({ method: 'PUT', path: 'probe', skip: 1, delay: 1000 });
    const given = async ({ agent }) => agent.saveDocument(await agent.createDocument({}, { noSave: true }));
    const saved = given(slow);
    await Promise.race([saved, waited(() => second.hits > 0)]);
    expect(second.hits).toBe(1);
    await given(quick);
    await saved;
    for (const { agent } of [slow, quick]) {
      const { storage } = await agent.doctor({ probe: false });
      expect(storage.createOnce).toBe('atomic');
    }
  });
});
