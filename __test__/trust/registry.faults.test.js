'use strict';
// The agent registry on a bad day: what it sends is not believed, and what it does not say is no verdict.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { fileOf, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { registryEntry, startRegistry } = require('../support/registry.js');

const QUICK = { jacs_storage_options: { durability: 'none' } };
const ASKED = { jacs_key_resolution: 'local,registry' };
const BOTH = { jacs_key_resolution: 'local,storage,registry' };
const LIMIT = 64 * 1024;
const idOf = (document) => JSON.parse(document).jacsId;

let registry, signer, text, reader;

beforeAll(async () => {
  registry = await startRegistry();
  signer = await newAgent({ settings: QUICK });
  text = await signer.agent.createDocument({ n: 1 });
  reader = await newAgent({ settings: QUICK });
});

beforeEach(() => {
  registry.clear();
  registry.serve(signer.agent);
  registry.requests.splice(0);
});

/** The reader with an empty memory. */
const reading = ({ settings, env = registry.env, ...options } = {}) =>
  loadAgain(reader, { ...QUICK, ...ASKED, ...settings }, { readOnly: true, env, ...options });

/** No verdict: both verbs reject, each after `attempts` requests. */
async function unavailable(agent, { retryable, attempts = 1 }) {
  for (const verb of ['verifyDocument', 'inspectDocument']) {
    registry.requests.splice(0);
    const error = await refusal(agent[verb](text), 'JACS_UNAVAILABLE');
    expect(error.retryable).toBe(retryable);
    expect(registry.requests).toHaveLength(attempts);
    expect(error.message).not.toContain('s3cret');
  }
}

const valid = { valid: true, keySource: 'registry' };

describe('redirects', () => {
  test('three are followed', async () => {
    registry.fail({ redirect: '/elsewhere?n=2', times: 1 });
    registry.fail({ redirect: `${registry.url}/further`, status: 307, times: 1 });
    const path = `/jacs/v1/agents/${signer.agent.id}/keys/${signer.agent.version}`;
    registry.fail({ redirect: path, status: 308, times: 1 });
    expect(await (await reading()).inspectDocument(text)).toMatchObject(valid);
    expect(registry.requests.map((each) => each.path)).toEqual([path, '/elsewhere?n=2', '/further', path]);
  });

  test('the fourth is not, and a loop ends', async () => {
    registry.fail({ redirect: '/again' });
    await unavailable(await reading(), { retryable: false, attempts: 4 });
  });

  test.each([
    ['plain http elsewhere', 'http://s3cret.test/'],
    ['another machine', 'https://s3cret.test/'],
    ['a private network', 'http://10.0.0.1/s3cret'],
    ['where clouds keep credentials', 'http://169.254.169.254/s3cret'],
    ['credentials', 'http://user:s3cret@127.0.0.1/'],
    ['a file', 'file:///s3cret'],
  ])('one to %s is refused', async (_, redirect) => {
    registry.fail({ redirect });
    await unavailable(await reading(), { retryable: false });
  });

  test('over TLS, one to plain http is refused, here as elsewhere, and one to https is followed', async () => {
    const other = await startRegistry();
    other.serve(signer.agent);
    const tls = await startMiddleman({ to: registry.url, names: ['hai.ai', 'keys.test'] });
    const env = { HTTPS_PROXY: tls.url, NODE_EXTRA_CA_CERTS: tls.ca, JACS_KEYS_BASE_URL: 'https://hai.ai' };
    const path = `/jacs/v1/agents/${signer.agent.id}/keys/${signer.agent.version}`;
    for (const redirect of [`${other.url}${path}`, `http://hai.ai${path}`, 'http://keys.test/s3cret']) {
      registry.fail({ redirect, times: 2 });
      await unavailable(await reading({ env }), { retryable: false });
    }
    expect(other.requests).toEqual([]);
    registry.fail({ redirect: `https://keys.test${path}`, times: 1 });
    expect(await (await reading({ env })).inspectDocument(text)).toMatchObject(valid);
    expect(tls.requests.at(-1)).toMatchObject({ method: 'GET', host: 'keys.test' });
  });

  test('a certificate that nobody vouches for is not believed', async () => {
    const tls = await startMiddleman({ to: registry.url, names: ['hai.ai'] });
    const env = { HTTPS_PROXY: tls.url, JACS_KEYS_BASE_URL: 'https://hai.ai' };
    await unavailable(await reading({ env }), { retryable: false, attempts: 0 });
    expect(tls.requests).toEqual([]);
  });
});

describe('a body', () => {
  const ofLength = (length) => {
    const entry = { ...registryEntry(signer.agent), note: '' };
    entry.note = 'x'.repeat(length - JSON.stringify(entry).length);
    return JSON.stringify(entry);
  };
  const nested = (depth) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  test.each([false, true])('of 64 KiB is read (in pieces: %s)', async (chunked) => {
    registry.fail({ body: ofLength(LIMIT), chunked });
    expect(await (await reading()).inspectDocument(text)).toMatchObject(valid);
  });

  test.each([
    ['a byte longer', LIMIT + 1, false],
    ['a byte longer, in pieces', LIMIT + 1, true],
    ['of 65 KiB', 65 * 1024, false],
    ['of 10 MiB, in pieces', 10 * 1024 * 1024, true],
  ])('%s is refused', async (_, length, chunked) => {
    registry.fail({ body: ofLength(length), chunked });
    await unavailable(await reading(), { retryable: false });
  });

  test.each([
    ['no JSON', 's3cret <html>'],
    ['empty', ''],
    ['cut off', '{"jacs_id":"s3cret'],
    ['a member twice', '{"status":"revoked","status":"active"}'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['deep', nested(20_000)],
  ])('that is %s is no verdict', async (_, body) => {
    registry.fail({ body });
    await unavailable(await reading(), { retryable: true });
  });

  test.each([
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '7'],
    ['an error', '{"error":"s3cret"}'],
  ])('that is %s is no key', async (_, body) => {
    registry.fail({ body });
    const report = await (await reading()).inspectDocument(text);
    expect(report).toMatchObject({ valid: false, code: 'JACS_KEY', tried: [{ source: 'registry' }] });
    expect(JSON.stringify(report)).not.toContain('s3cret');
  });
});

describe('a status', () => {
  test('500, then 200: asked again', async () => {
    registry.fail({ status: 500, times: 1 });
    expect(await (await reading()).inspectDocument(text)).toMatchObject(valid);
    expect(registry.requests.map(({ status }) => status)).toEqual([500, 200]);
  });

  test('an answer that breaks off, then a whole one: asked again', async () => {
    registry.fail({ cut: 20, times: 1 });
    expect(await (await reading()).inspectDocument(text)).toMatchObject(valid);
    expect(registry.requests).toHaveLength(2);
  });

  test.each([404, 410])('%d: there is none, not asked again', async (status) => {
    registry.fail({ status });
    expect(await (await reading()).inspectDocument(text)).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(registry.requests).toHaveLength(1);
  });

  test.each([
    [400, false],
    [401, false],
    [403, false],
    [429, true],
    [204, false],
  ])('%d: no verdict, not asked again; retryable: %s', async (status, retryable) => {
    registry.fail({ status, body: '' });
    await unavailable(await reading(), { retryable });
  });
});

describe('nobody there', () => {
  /** An address where no connection can be made. */
  async function nowhere() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return { JACS_KEYS_BASE_URL: `http://127.0.0.1:${port}` };
  }

  test('is no verdict, and may pass', async () => {
    await unavailable(await reading({ env: await nowhere() }), { retryable: true, attempts: 0 });
  });

  test('a check says that it could not judge, and calls nothing damaged', async () => {
    const { data, agent } = await newAgent({ settings: QUICK });
    await agent.createDocument({ own: true });
    fs.mkdirSync(path.dirname(fileOf(data, keyOf(text))), { recursive: true });
    fs.writeFileSync(fileOf(data, keyOf(text)), text);
    const away = await reading({ settings: { ...BOTH, jacs_data_directory: data }, env: await nowhere() });
    const findings = (await away.check()).findings.filter(({ code }) => code === 'JACS_UNAVAILABLE');
    expect(findings).toMatchObject([
      { kind: 'unchecked', severity: 'note', path: expect.stringContaining(idOf(text)) },
    ]);
  });

  test('keeps nobody from what storage and pins say', async () => {
    const settings = { ...BOTH, jacs_data_directory: signer.data };
    const agent = await reading({ settings, env: await nowhere() });
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    await refusal(agent.getDocument(keyOf(text), { minimumTrust: 'registry' }), 'JACS_UNAVAILABLE');
    await agent.trustAgent(signer.agent.agentDocument);
    expect(await agent.getDocument(keyOf(text), { minimumTrust: 'registry' })).toBe(text);
    await agent.untrustAgent(signer.agent.id, { forget: true });
  });
});
