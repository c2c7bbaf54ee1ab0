'use strict';
// HAI storage asks HAI's registry for keys by default. Here a middleman stands for it: hai.ai itself is never asked.

const fs = require('node:fs');
const { Agent } = require('../../index.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startRegistry } = require('../support/registry.js');
const { agentOnDav, againOn } = require('../support/remote.js');
const { emptyPlace, fsConfig } = require('../support/transfer.js');

const DEFAULT = { JACS_KEY_RESOLUTION: undefined };

describeWith(['dav'], 'HAI storage with the key sources of its default', () => {
  let registry, hai, place, signer, text, env;

  beforeAll(async () => {
    registry = await startRegistry();
    hai = await startMiddleman({ to: registry.url, names: ['hai.ai'] });
    place = await agentOnDav();
    signer = await newAgent();
    text = await signer.agent.createDocument({ n: 1 });
    env = { ...DEFAULT, HTTPS_PROXY: hai.url, NODE_EXTRA_CA_CERTS: hai.ca };
  });

  beforeEach(() => {
    registry.entries.splice(0);
    registry.clear();
    hai.requests.splice(0);
  });

  test('asks hai.ai over TLS, after the storage', async () => {
    registry.serve(signer.agent);
    const agent = await againOn(place, { env });
    const report = await agent.inspectDocument(text);
    expect(report).toMatchObject({ valid: true, keySource: 'registry' });
    expect(report.tried.map(({ source }) => source)).toEqual(['storage', 'registry']);
    expect(hai.requests).toMatchObject([{ method: 'GET', host: 'hai.ai' }]);
    // The storage's token is not for it.
    expect(hai.requests[0].headers).not.toHaveProperty('authorization');
    expect((await agent.doctor()).keys).toMatchObject({ registry: 'https://hai.ai', offline: false });
  });

  test('asks another one where the environment says so', async () => {
    registry.serve(signer.agent);
    const agent = await againOn(place, { env: { ...env, ...registry.env } });
    expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'registry' });
    expect(hai.requests).toEqual([]);
  });

  test('offline, asks the storage alone', async () => {
    const before = hai.tunnels;
    const agent = await againOn(place, { env, offline: true });
    const own = await agent.createDocument({ own: true });
    expect(await agent.getDocument(keyOf(own), { cache: false })).toBe(own);
    expect(await agent.inspectDocument(text)).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(hai.tunnels).toBe(before);
  });

  test('that it is away matters for unknown signers alone', async () => {
    const away = { ...env, JACS_KEYS_BASE_URL: 'http://127.0.0.1:1' };
    const agent = await againOn(place, { env: away });
    const own = await agent.createDocument({ own: true });
    expect(await agent.getDocument(keyOf(own), { cache: false })).toBe(own);
    const error = await refusal(agent.verifyDocument(text), 'JACS_UNAVAILABLE');
    expect(error.retryable).toBe(true);
  });

  test('a migration from it copies what it can judge, and the rest when the registry is back', async () => {
    const from = await agentOnDav();
    const own = await from.agent.createDocument({ own: true });
    const folder = `${from.stored}/documents/${JSON.parse(text).jacsId}`;
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(`${folder}/${JSON.parse(text).jacsVersion}.json`, text);
    registry.serve(signer.agent);
    const to = { ...fsConfig(emptyPlace()), jacs_key_resolution: 'local,storage,registry' };
    const source = { jacs_default_storage: 'hai', jacs_data_directory: from.data };
    const migrate = (more) => Agent.migrate({ from: source, to, env: { ...from.env, ...env, ...more } });
    const first = await migrate({ JACS_KEYS_BASE_URL: 'http://127.0.0.1:1' });
    expect(first).toMatchObject({ failed: 1, failures: [{ key: keyOf(text), code: 'JACS_UNAVAILABLE' }] });
    expect(fs.existsSync(`${to.jacs_data_directory}/documents/${JSON.parse(own).jacsId}`)).toBe(true);
    expect(fs.existsSync(`${to.jacs_data_directory}/documents/${JSON.parse(text).jacsId}`)).toBe(false);
    expect(await migrate({ JACS_KEYS_BASE_URL: 'https://hai.ai' })).toMatchObject({ failed: 0, copied: 1 });
    expect(hai.requests.length).toBeGreaterThan(0);
    expect(fs.existsSync(`${to.jacs_data_directory}/documents/${JSON.parse(text).jacsId}`)).toBe(true);
  });
});
