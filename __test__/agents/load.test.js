'use strict';
// load, loadSync and close: an agent's life; read-only agents; several agents, and worker threads.

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { all, anotherOn, keyOf, loadAgain, newAgent, refusal, storedText, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { run } = require('../support/run.js');

jest.setTimeout(60_000); // some start other processes

const KEY = `${randomUUID()}:${randomUUID()}`;

const WRITES = {
  createDocument: (agent) => agent.createDocument({ a: 1 }),
  'createDocument, noSave': (agent) => agent.createDocument({ a: 1 }, { noSave: true }),
  createDocuments: (agent) => agent.createDocuments([{ a: 1 }, { a: 2 }]),
  updateDocument: (agent, key = KEY) => agent.updateDocument(key, { a: 2 }),
  saveDocument: (agent, _, text = '{}') => agent.saveDocument(text),
  removeDocument: (agent, key = KEY) => agent.removeDocument(key),
  changePassword: (agent) => agent.changePassword({ password: 'Old-Password-1', newPassword: 'New-Password-1' }),
};

const READS = {
  getDocument: (agent, key = KEY) => agent.getDocument(key),
  listDocuments: (agent) => all(agent.listDocuments()),
  listAgents: (agent) => all(agent.listAgents()),
  versions: (agent, key = KEY) => agent.versions(key.split(':')[0]),
  verifyDocument: (agent, _, text = '{}') => agent.verifyDocument(text),
  assertDocument: (agent, _, text = '{}') => agent.assertDocument(text),
  inspectDocument: (agent, key = KEY) => agent.inspectDocument(key),
  verifyHistory: (agent, key = KEY) => agent.verifyHistory(key.split(':')[0]),
  doctor: (agent) => agent.doctor(),
};

// In a promise, so that both forms are refused alike.
const SYNC = {
  createDocumentSync: async (agent) => agent.createDocumentSync({ a: 1 }),
  getDocumentSync: async (agent, key = KEY) => agent.getDocumentSync(key),
  updateDocumentSync: async (agent, key = KEY) => agent.updateDocumentSync(key, { a: 2 }),
  verifyDocumentSync: async (agent, _, text = '{}') => agent.verifyDocumentSync(text),
};

const PROPERTIES = Object.fromEntries(
  ['id', 'version', 'algorithm', 'publicKey'].map((name) => [name, async (agent) => agent[name]]),
);

const CALLS = Object.entries({ ...WRITES, ...READS, ...SYNC });

function ownDocument({ agent, keys }) {
  return path.join(keys, 'agents', agent.id, `${agent.version}.json`);
}

describe('an agent’s life', () => {
  let place;
  let text;
  let options;
  beforeAll(async () => {
    place = await newAgent();
    text = await place.agent.createDocument({ a: 1 });
    options = { password: place.password, env: {} };
  });

  const FORMS = [
    ['load', (agent, ...args) => agent.load(...args)],
    ['loadSync', async (agent, ...args) => agent.loadSync(...args)],
  ];

  test.each(FORMS)('%s gives the agent document', async (_, load) => {
    const agent = new Agent();
    const document = await load(agent, place.config, options);
    expect(document).toBe(fs.readFileSync(ownDocument(place), 'utf8'));
    const { id, version, algorithm, publicKey } = agent;
    expect({ id, version, algorithm }).toEqual({
      id: place.agent.id,
      version: place.agent.version,
      algorithm: 'ring-Ed25519',
    });
    expect(publicKey).toEqual(fs.readFileSync(path.join(place.keys, 'jacs.public.pem')));
    expect(JSON.parse(document)).toMatchObject({ jacsId: id, jacsVersion: version });
    expect(await agent.getDocument(keyOf(text))).toBe(text);
  });

  test.each(FORMS)('a second %s is JACS_CONFIG, and the agent goes on working', async (_, load) => {
    for (const agent of [place.agent, await loadAgain(place)]) {
      await refusal(load(agent, place.config, options), 'JACS_CONFIG');
      expect(await agent.getDocument(keyOf(text))).toBe(text);
    }
  });

  test.each([...CALLS, ...Object.entries(PROPERTIES)])('%s before load is JACS_CONFIG', async (_, call) => {
    await refusal(call(new Agent()), 'JACS_CONFIG');
  });

  test('calls made while it loads wait for it', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options);
    const calls = Object.entries({ ...READS, createDocument: WRITES.createDocument });
    const results = await Promise.all(calls.map(([, call]) => call(agent, keyOf(text), text)));
    const named = Object.fromEntries(calls.map(([name], index) => [name, results[index]]));
    expect(named.getDocument).toBe(text);
    expect(named.verifyDocument).toBe(true);
    expect(JSON.parse(named.createDocument)).toMatchObject({ a: 1 });
    expect(await loading).toBe(fs.readFileSync(ownDocument(place), 'utf8'));
  });

  test('what cannot wait is JACS_CONFIG while it loads, and so is a second load', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options);
    const calls = [...Object.values(SYNC), ...Object.values(PROPERTIES)].map((call) => call(agent));
    const loads = FORMS.map(([, load]) => load(agent, place.config, options));
    await Promise.all([...calls, ...loads].map((call) => refusal(call, 'JACS_CONFIG')));
    await loading;
    expect(agent.id).toBe(place.agent.id);
  });

  test('calls that wait for a load that fails fail with it; a load after that works', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, { password: 'Wrong-Password-1', env: {} });
    const calls = [READS.getDocument, READS.listDocuments, WRITES.createDocument].map((call) => call(agent));
    await Promise.all([loading, ...calls].map((call) => refusal(call, 'JACS_PASSWORD')));
    await refusal(READS.getDocument(agent), 'JACS_CONFIG');
    await refusal(
      Promise.resolve().then(() => agent.loadSync(`${place.config}.missing`, options)),
      'JACS_CONFIG',
    );
    await agent.load(place.config, options);
    expect(await agent.getDocument(keyOf(text))).toBe(text);
  });

  test('close waits for what is under way', async () => {
    const data = path.join(temporaryFolder(), 'data');
    const agent = await loadAgain({ ...place, data });
    const calls = Array.from({ length: 30 }, (_, n) => agent.createDocument({ n }));
    await agent.close();
    expect(fs.readdirSync(path.join(data, 'documents'))).toHaveLength(30);
    const texts = await Promise.all(calls);
    expect(texts.map((stored) => storedText(data, keyOf(stored)))).toEqual(texts);
  });

  test('closed: every call is JACS_CONFIG, and so is another load; closing again is none', async () => {
    const agent = await loadAgain(place);
    await agent.close();
    for (const [, call] of CALLS) await refusal(call(agent, keyOf(text), text), 'JACS_CONFIG');
    for (const [, load] of FORMS) await refusal(load(agent, place.config, options), 'JACS_CONFIG');
    await agent.close();
  });

  test('one that was never loaded can be closed; then it cannot be loaded', async () => {
    const agent = new Agent();
    await agent.close();
    await refusal(agent.load(place.config, options), 'JACS_CONFIG');
  });

  test('closed while it loads: later calls are JACS_CONFIG', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options).catch((error) => error.code);
    await agent.close();
    expect(['JACS_CONFIG', fs.readFileSync(ownDocument(place), 'utf8')]).toContain(await loading);
    for (const [, call] of CALLS) await refusal(call(agent, keyOf(text), text), 'JACS_CONFIG');
  });

  test.each([
    ['a loaded agent', ''],
    ['one that has just worked', `await agent.createDocument({ a: 1 });`],
    ['a listing that was not read to its end', `for await (const entry of agent.listDocuments()) break;`],
    ['a refused call', `await agent.getDocument('${KEY}').catch(() => {});`],
    ['a signal that nobody raises', `await agent.createDocument({ a: 1 }, { signal: new AbortController().signal });`],
  ])('nothing keeps the process alive: %s', async (_, work) => {
    const script = `(async () => {
      const agent = new (require(${JSON.stringify(root)}).Agent)();
      await agent.load(${JSON.stringify(place.config)}, ${JSON.stringify(options)});
      ${work}
      console.log('end');
    })();`;
    const { code, signal, stdout } = await run(process.execPath, ['-e', script], { timeout: 25_000 });
    expect({ code, signal, stdout }).toEqual({ code: 0, signal: null, stdout: 'end\n' });
  });

  test('a call under way does, until it is done', async () => {
    const script = `const agent = new (require(${JSON.stringify(root)}).Agent)();
      agent.load(${JSON.stringify(place.config)}, ${JSON.stringify(options)});
      agent.createDocument({ a: 1 }).then((text) => process.stdout.write(text));`;
    const { stdout } = await run(process.execPath, ['-e', script]);
    expect(storedText(place.data, keyOf(stdout))).toBe(stdout);
  });
});

describe('readOnly', () => {
  let place;
  let text;
  let agent;
  beforeAll(async () => {
    place = await newAgent();
    text = await place.agent.createDocument({ a: 1 });
    fs.rmSync(path.join(place.keys, 'jacs.private.pem.enc'));
    agent = new Agent();
    await agent.load(place.config, { readOnly: true, env: {} });
  });

  test('needs neither private key nor password, and reads, verifies and lists', async () => {
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    expect(agent.getDocumentSync(JSON.parse(text).jacsId)).toBe(text);
    expect(await agent.verifyDocument(text, { minimumTrust: 'self' })).toBe(true);
    expect((await all(agent.listDocuments())).map(({ key }) => key)).toEqual([keyOf(text)]);
    expect((await all(agent.listAgents())).map(({ id }) => id)).toEqual([agent.id]);
    for (const call of Object.values(READS)) await call(agent, keyOf(text), text);
    expect((await agent.doctor()).agent).toMatchObject({ id: place.agent.id, readOnly: true });
  });

  test('a wrong password does not matter, and loadSync is the same', () => {
    const sync = new Agent();
    sync.loadSync(place.config, { readOnly: true, password: 'Wrong-Password-1', env: {} });
    expect(sync.getDocumentSync(keyOf(text))).toBe(text);
  });

  test.each(
    Object.entries({
      ...WRITES,
      createDocumentSync: SYNC.createDocumentSync,
      updateDocumentSync: SYNC.updateDocumentSync,
    }),
  )('%s is JACS_PERMISSION, and nothing is written', async (_, call) => {
    const before = treeOf(place.folder, { times: true });
    await refusal(call(agent, keyOf(text), text), 'JACS_PERMISSION');
    expect(treeOf(place.folder, { times: true })).toEqual(before);
  });

  test('loading makes no directory', async () => {
    const data = path.join(temporaryFolder(), 'data');
    const reader = await loadAgain({ ...place, data }, {}, { readOnly: true, password: undefined });
    expect(await all(reader.listDocuments())).toEqual([]);
    await refusal(reader.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    expect(fs.existsSync(data)).toBe(false);
  });
});

describe('several at once', () => {
  test('agents of both algorithms in one process, on one store', async () => {
    const first = await newAgent();
    const others = await Promise.all([1, 2].map(() => anotherOn(first)));
    const third = await newAgent({ algorithm: 'pq2025', dataDirectory: first.data });
    const agents = [first, ...others, third].map(({ agent }) => agent);
    const texts = await Promise.all(agents.map((agent, n) => agent.createDocument({ n })));
    for (const agent of agents) {
      const read = await Promise.all(texts.map((text) => agent.getDocument(keyOf(text))));
      expect(read).toEqual(texts);
      const reports = await Promise.all(texts.map((text) => agent.assertDocument(text)));
      expect(reports.map(({ agentId }) => agentId)).toEqual(agents.map(({ id }) => id));
      const source = (report) => (report.agentId === agent.id ? 'self' : 'storage');
      expect(reports.map(({ keySource }) => keySource)).toEqual(reports.map(source));
    }
    await Promise.all(agents.map((agent) => agent.close()));
  });
});

describe('worker threads', () => {
  let place;
  beforeAll(async () => {
    place = await newAgent();
  });

  /** What a worker posts; `body` is the inside of an async function. The loader of the addon needs its variable. */
  async function inWorker(body, { env = {}, workerData } = {}) {
    const script = `const { parentPort, workerData } = require('node:worker_threads');
      const { Agent } = require(${JSON.stringify(root)});
      (async () => { ${body} })().then((value) => parentPort.postMessage(value),
        ({ code, message }) => parentPort.postMessage({ code, message }));`;
    const { NAPI_RS_NATIVE_LIBRARY_PATH } = process.env;
    const worker = new Worker(script, { eval: true, env: { NAPI_RS_NATIVE_LIBRARY_PATH, ...env }, workerData });
    const ended = once(worker, 'exit');
    const [message] = await once(worker, 'message');
    await ended;
    return message;
  }

  const BODY = `const agent = new Agent();
    await agent.load(workerData);
    const text = await agent.createDocument({ by: 'a worker' });
    const { settings } = await agent.doctor();
    return { text, id: agent.id, data: settings.find(({ key }) => key === 'jacs_data_directory') };`;

  test('read the environment that they were handed', async () => {
    const data = path.join(temporaryFolder(), 'of the worker');
    const env = { JACS_PRIVATE_KEY_PASSWORD: place.password, JACS_DATA_DIRECTORY: data };
    const result = await inWorker(BODY, { env, workerData: place.config });
    expect(result).toMatchObject({ id: place.agent.id, data: { value: data, source: 'environment' } });
    expect(storedText(data, keyOf(result.text))).toBe(result.text);
    expect(process.env).not.toHaveProperty('JACS_DATA_DIRECTORY');
  });

  test('see what they set themselves', async () => {
    const data = path.join(temporaryFolder(), 'of the worker');
    const set = `process.env.JACS_PRIVATE_KEY_PASSWORD = ${JSON.stringify(place.password)};
      process.env.JACS_DATA_DIRECTORY = ${JSON.stringify(data)};`;
    const result = await inWorker(set + BODY, { workerData: place.config });
    expect(result).toMatchObject({ id: place.agent.id, data: { value: data, source: 'environment' } });
    expect(process.env).not.toHaveProperty('JACS_PRIVATE_KEY_PASSWORD');
  });

  test('do not see what only the main thread has', async () => {
    process.env.JACS_PRIVATE_KEY_PASSWORD = place.password;
    try {
      const result = await inWorker(BODY, { workerData: place.config });
      expect(result).toMatchObject({ code: 'JACS_PASSWORD' });
    } finally {
      delete process.env.JACS_PRIVATE_KEY_PASSWORD;
    }
  });

  test('several at once share a store with the main thread, whose agent outlives them', async () => {
    const env = { JACS_PRIVATE_KEY_PASSWORD: place.password };
    const workers = Array.from({ length: 4 }, () => inWorker(BODY, { env, workerData: place.config }));
    const own = place.agent.createDocuments([{ by: 'the main thread' }]);
    const texts = (await Promise.all(workers)).map(({ text }) => text).concat(await own);
    for (const text of texts) expect(await place.agent.getDocument(keyOf(text))).toBe(text);
    expect(await place.agent.verifyDocument(await place.agent.createDocument({ after: 'them' }))).toBe(true);
  });

  test('may be terminated in the middle of their work', async () => {
    const script = `const { Worker } = require('node:worker_threads');
      const { Agent } = require(${JSON.stringify(root)});
      const loop = \`const { parentPort, workerData: [library, config, options] } = require('node:worker_threads');
        const agent = new (require(library).Agent)();
        agent.load(config, options).then(async () => {
          for (let n = 0; ; n += 1) { await Promise.all([1, 2, 3].map((m) => agent.createDocument({ n, m })));
            if (n === 3) parentPort.postMessage('working'); } });\`;
      const workerData = ${JSON.stringify([root, place.config, { password: place.password, env: {} }])};
      (async () => {
        const agent = new Agent();
        await agent.load(workerData[1], workerData[2]);
        for (let round = 0; round < 5; round += 1) {
          const worker = new Worker(loop, { eval: true, workerData });
          await new Promise((resolve) => worker.once('message', resolve));
          await worker.terminate();
          await agent.createDocument({ round });
        }
        for await (const { key } of agent.listDocuments()) await agent.getDocument(key);
        console.log('whole');
      })();`;
    const { code, stdout, stderr } = await run(process.execPath, ['-e', script], { timeout: 50_000 });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'whole\n', stderr: '' });
  });
});
