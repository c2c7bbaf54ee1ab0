'use strict';
// Calls to servers of all kinds: several agents in one process, in worker threads, synchronous ones, and close.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Agent } = require('../../index.js');
const { all, fieldsOf, keyOf, newAgent, refusal } = require('../support/agents.js');
const { root } = require('../support/addon.js');
const { describeWith } = require('../support/needs.js');
const { nameOf, rawBucket, rawFolder } = require('../support/raw.js');
const { againOn, agentOnDav, agentOnS3 } = require('../support/remote.js');
const { environment } = require('../support/run.js');
const { newBucket, servers } = require('../support/servers.js');

const idOf = (text) => JSON.parse(text).jacsId;
const numbered = (count) => Array.from({ length: count }, (_, number) => ({ number }));

/** Runs in a worker thread, whose environment is its own: loads an agent from it, and uses both forms of each call. */
async function inWorker([name, config, password]) {
  const { parentPort } = require('node:worker_threads');
  const { Agent } = require(name);
  const keyOf = (text) => `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`;
  const agent = new Agent();
  agent.loadSync(config, { password });
  const [texts, made] = [[agent.createDocumentSync({ where: 'worker' })], []];
  texts.push(agent.updateDocumentSync(keyOf(texts[0]), { where: 'worker', again: true }));
  made.push(agent.getDocumentSync(keyOf(texts[0]), { cache: false }) === texts[0]);
  made.push(agent.verifyDocumentSync(texts[1]));
  const more = await Promise.all(Array.from({ length: 20 }, (_, number) => agent.createDocument({ number })));
  made.push(agent.getDocumentSync(JSON.parse(texts[0]).jacsId) === texts[1]);
  await agent.close();
  parentPort.postMessage({ keys: [...texts, ...more].map(keyOf), made });
}

/** What a worker with these variables came to. */
function worker({ config, password }, env) {
  const code = `(${inWorker})(require('node:worker_threads').workerData)`;
  const own = Object.fromEntries(Object.entries(environment()).filter(([name]) => !/^(AWS|HAI)_/.test(name)));
  const workerData = [path.join(root, 'index.js'), config, password];
  return new Promise((resolve, reject) => {
    const thread = new Worker(code, { eval: true, env: { ...own, ...env }, workerData });
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`the worker ended: ${code}`)));
  });
}

/** The keys of the documents that are stored, without the package. */
async function stored(raw) {
  const names = (await raw.names()).filter((name) => name.startsWith('documents/'));
  return names.map((name) => name.slice('documents/'.length, -'.json'.length).replace('/', ':'));
}

const BACKENDS = [
  ['S3', 'rgw', agentOnS3, rawBucket],
  ['WebDAV', 'dav', agentOnDav, ({ stored }) => rawFolder(stored)],
];

describe.each(BACKENDS)('%s', (_, server, make, rawOf) => {
  describeWith([server], 'calls', () => {
    let place;
    let raw;
    beforeAll(async () => {
      place = await make();
      raw = rawOf(place);
    });

    test('the synchronous forms do what the others do', async () => {
      const agent = new Agent();
      const document = agent.loadSync(place.config, { password: place.password, env: place.env });
      const first = agent.createDocumentSync({ title: 'first' });
      expect((await raw.get(nameOf(keyOf(first)))).toString()).toBe(first);
      const second = agent.updateDocumentSync(keyOf(first), { title: 'second' });
      expect(agent.getDocumentSync(idOf(first), { cache: false })).toBe(second);
      expect(agent.getDocumentSync(keyOf(first))).toBe(first);
      expect(agent.verifyDocumentSync(second)).toBe(true);
      expect(agent.getDocumentSync(`${agent.id}:${agent.version}`)).toBe(document);
      const late = () => agent.updateDocumentSync(keyOf(first), { title: 'late' });
      expect(late).toThrow(expect.objectContaining({ code: 'JACS_CONFLICT', current: keyOf(second) }));
      await agent.removeDocument(keyOf(second));
      const removed = () => agent.getDocumentSync(keyOf(second));
      expect(removed).toThrow(expect.objectContaining({ code: 'JACS_NOT_FOUND', key: keyOf(second) }));
      await agent.close();
    });

    test('a synchronous call returns in the middle of a hundred others', async () => {
      const { agent } = place;
      const others = numbered(100).map((fields) => agent.createDocument(fields));
      const text = agent.createDocumentSync({ title: 'between' });
      expect(agent.getDocumentSync(keyOf(text), { cache: false })).toBe(text);
      const texts = await Promise.all(others);
      expect(texts.map((one) => fieldsOf(one).number)).toEqual([...texts.keys()]);
    });

    test('a worker thread takes the server from its own environment', async () => {
      const before = await stored(raw);
      const answers = await Promise.all([worker(place, place.env), worker(place, place.env)]);
      expect(answers.map(({ made }) => made)).toEqual(Array(2).fill([true, true, true]));
      const keys = answers.flatMap((answer) => answer.keys);
      expect(keys).toHaveLength(2 * 22);
      expect(await stored(raw)).toEqual([...before, ...keys].sort());
      // Nobody else's variables are taken instead.
      const none = { HOME: '/nowhere', AWS_EC2_METADATA_DISABLED: 'true' };
      await expect(worker(place, none)).rejects.toThrow(expect.objectContaining({ code: 'JACS_CONFIG' }));
    });

    test('close waits for 64 creates under way: each is settled, and stored if it resolved', async () => {
      const agent = await againOn(place);
      const before = await stored(raw);
      const settled = [];
      const creates = numbered(64).map((fields) => agent.createDocument(fields).finally(() => settled.push(fields)));
      const outcomes = Promise.allSettled(creates);
      await agent.close();
      const atClose = settled.length;
      const made = (await outcomes).filter(({ status }) => status === 'fulfilled').map(({ value }) => keyOf(value));
      expect(made).toHaveLength(64);
      expect(atClose).toBe(64);
      expect(await stored(raw)).toEqual([...before, ...made].sort());
      await refusal(agent.createDocument({}), 'JACS_CONFIG');
      // Others on the same store go on.
      expect(keyOf(await place.agent.getDocument(made[0]))).toBe(made[0]);
    });

    test('close in the middle of a listing ends it with an error, and hangs nothing', async () => {
      const agent = await againOn(place);
      await agent.createDocuments(numbered(300));
      const listing = (async () => {
        const seen = [];
        for await (const { key } of agent.listDocuments()) if (seen.push(key) === 1) await agent.close();
        return seen;
      })();
      await refusal(listing, 'JACS_CONFIG');
    });
  });
});

describeWith(['rgw', 'moto', 'dav'], 'agents of one process on servers of every kind at once', () => {
  test('each has its own documents in its own place, and no other', async () => {
    const { rgw, moto } = servers;
    const second = { ...rgw, ...rgw.second };
    const places = await Promise.all([
      agentOnS3(),
      agentOnS3({ at: second, bucket: await newBucket({ as: rgw.second }) }),
      agentOnS3({ at: moto }),
      agentOnDav(),
      agentOnDav(),
      newAgent(),
    ]);
    const raws = places.map((place, index) => {
      if (place.bucket) return rawBucket(place, { at: [rgw, second, moto][index] });
      return rawFolder(place.stored ?? place.data);
    });
    // Turn by turn, so that the requests of all are under way together.
    const made = places.map(() => []);
    const create = async (_, number) => {
      const index = number % places.length;
      made[index].push(await places[index].agent.createDocument({ index, number }));
    };
    await Promise.all(Array.from({ length: places.length * 20 }, create));
    for (const [index, { agent }] of places.entries()) {
      const keys = made[index].map(keyOf).sort();
      expect(keys).toHaveLength(20);
      expect(await stored(raws[index])).toEqual(keys);
      expect((await all(agent.listDocuments())).map(({ key }) => key)).toEqual(keys);
      expect(new Set(made[index].map((text) => fieldsOf(text).index))).toEqual(new Set([index]));
      const elsewhere = places[(index + 1) % places.length].agent;
      await refusal(elsewhere.getDocument(keys[0]), 'JACS_NOT_FOUND');
    }
  });
});
