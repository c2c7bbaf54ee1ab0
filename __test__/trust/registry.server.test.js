'use strict';
// The registry of the tests itself: a client that fails must not fail because of it. What it says of a key, node reads.

const { createHash, createPublicKey, generateKeyPairSync, randomUUID } = require('node:crypto');
const { FORMS, keyInfo, registryEntry, startRegistry } = require('../support/registry.js');

const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function anAgent(id = randomUUID()) {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  return { id, version: randomUUID(), algorithm: 'ring-Ed25519', publicKey: raw, known: publicKey };
}

const at = ({ id, version }) => `/jacs/v1/agents/${id}/keys/${version}`;
const json = async (url) => (await fetch(url)).json();

test('an answer holds the key in each of its forms', () => {
  const agent = anAgent();
  const pem = agent.known.export({ format: 'pem', type: 'spki' });
  const der = agent.known.export({ format: 'der', type: 'spki' });
  expect(keyInfo(agent)).toEqual({ der, pem: pem.trimEnd() });
  const read = {
    public_key: (text) => (text.startsWith('-----') ? createPublicKey(text) : Buffer.from(text, 'base64')),
    public_key_b64: (text) => createPublicKey(Buffer.from(text, 'base64')),
    public_key_raw_b64: (text) => Buffer.from(text, 'base64'),
  };
  for (const form of Object.keys(FORMS)) {
    const entry = registryEntry(agent, { form });
    const names = Object.keys(read).filter((name) => name in entry);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const key = read[name](entry[name]);
      if (key instanceof Buffer) expect([agent.publicKey, der]).toContainEqual(key);
      else expect(key.equals(agent.known)).toBe(true);
    }
    expect(entry).toMatchObject({ jacs_id: agent.id, version: agent.version, algorithm: 'ed25519', status: 'active' });
    expect(entry.public_key_hash).toBe(sha256(pem.trimEnd()));
  }
  const changed = registryEntry(agent, { members: { status: 'revoked', jacs_id: undefined } });
  expect(changed.status).toBe('revoked');
  expect(changed).not.toHaveProperty('jacs_id');
});

test('every path has its answer, and every other none', async () => {
  const registry = await startRegistry();
  const older = anAgent();
  const newer = anAgent(older.id);
  registry.serve(older, { domain: 'a.test', headers: { 'cache-control': 'no-store' } });
  registry.serve(newer);
  const entry = registryEntry(older);
  const response = await fetch(registry.url + at(older));
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toEqual(entry);
  expect(await json(`${registry.url}/jacs/v1/agents/by-domain/a.test`)).toEqual(entry);
  for (const hash of [entry.public_key_hash, sha256(older.publicKey)])
    expect(await json(`${registry.url}/jacs/v1/keys/by-hash/${hash}`)).toEqual(entry);
  const list = { jacs_id: older.id, keys: [registryEntry(newer), entry], total: 2 };
  expect(await json(`${registry.url}/jacs/v1/agents/${older.id}/keys`)).toEqual(list);
  registry.forget(older);
  for (const path of [at(older), '/jacs/v1/agents/by-domain/a.test', '/jacs/v1/agents/x/keys', '/', `${at(newer)}/x`])
    expect((await fetch(registry.url + path)).status).toBe(404);
  expect(registry.requests.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 404, 404, 404, 404, 404]);
});

test('rules change answers', async () => {
  const registry = await startRegistry();
  const agent = anAgent();
  registry.serve(agent);
  const url = registry.url + at(agent);
  const rule = registry.fail({ path: '/agents/', status: 500, skip: 1, times: 2 });
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await fetch(url)).status);
  expect(statuses).toEqual([200, 500, 500, 200]);
  expect(rule.hits).toBe(2);

  registry.fail({ redirect: '/elsewhere', times: 1 });
  const redirected = await fetch(url, { redirect: 'manual' });
  expect([redirected.status, redirected.headers.get('location')]).toEqual([302, '/elsewhere']);

  registry.fail({ body: 'no JSON', chunked: true, times: 1 });
  const chunked = await fetch(url);
  expect(chunked.headers.get('content-length')).toBe(null);
  expect(await chunked.text()).toBe('no JSON');

  registry.fail({ cut: 10, times: 1 });
  await expect(fetch(url).then((cut) => cut.text())).rejects.toThrow();
  registry.fail({ reset: true, times: 1 });
  await expect(fetch(url)).rejects.toThrow();

  registry.fail({ delay: 60_000 });
  registry.fail({ trickle: 10 });
  await expect(fetch(url, { signal: AbortSignal.timeout(100) })).rejects.toThrow();
  registry.clear();
  expect((await fetch(url)).status).toBe(200);
});
