'use strict';
// What the agent registry says about a key, and what is believed of it. Every request is seen at the registry.

const { generateKeyPairSync, randomUUID } = require('node:crypto');
const { keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { FORMS, keyInfo, registryEntry, startRegistry } = require('../support/registry.js');

const QUICK = { jacs_storage_options: { durability: 'none' } };
const ASKED = { jacs_key_resolution: 'local,registry' };
const BOTH = { jacs_key_resolution: 'local,storage,registry' };

/** As the specification has it. */
const SAMPLE = {
  jacs_id: 'fixture-agent-00000000-0000-0000-0000-000000000001',
  version: 'fixture-version-00000000-0000-0000-0000-000000000001',
  public_key:
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEARml4dHVyZVRlc3RLZXkxMjM0NTY3ODkwMTIzNAAAAAA=\n-----END PUBLIC KEY-----',
  public_key_raw_b64: 'Rml4dHVyZVRlc3RLZXkxMjM0NTY3ODkwMTIzNAAAAAA=',
  algorithm: 'ed25519',
  public_key_hash: 'sha256:8d29f44a43237af9986d7fe40883b51795c6903989ce2aebe8bca24894b2a1bd',
  status: 'active',
  dns_verified: true,
  created_at: '2026-01-01T00:00:00Z',
};

let registry, signer, text, reader;

beforeAll(async () => {
  registry = await startRegistry();
  signer = await newAgent({ settings: QUICK });
  text = await signer.agent.createDocument({ n: 1 });
  reader = await newAgent({ settings: QUICK });
});

beforeEach(() => {
  registry.clear();
  registry.entries.splice(0);
  registry.requests.splice(0);
});

/** The reader with an empty memory. `data`: whose storage it reads, its own unless said. */
const reading = (settings = ASKED, { data = reader.data, ...options } = {}) =>
  loadAgain({ ...reader, data }, { ...QUICK, ...settings }, { readOnly: true, env: registry.env, ...options });

const onSigners = (settings = BOTH, options) => reading(settings, { data: signer.data, ...options });
const toldBy = ({ tried }, source) => tried.find((each) => each.source === source)?.result;
const stranger = () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  return { id: signer.agent.id, version: signer.agent.version, algorithm: 'ring-Ed25519', publicKey: raw };
};

describe('an answer', () => {
  test('of the sample is read, and is about nobody else', async () => {
    const raw = Buffer.from(SAMPLE.public_key_raw_b64, 'base64');
    const agent = { id: SAMPLE.jacs_id, version: SAMPLE.version, algorithm: 'ed25519', publicKey: raw };
    expect(registryEntry(agent, { members: { dns_verified: true } })).toEqual(SAMPLE);
    // Our registry's answers are of that form; what follows is true of the sample, too.
    registry.fail({ status: 200, body: JSON.stringify(SAMPLE) });
    const report = await (await reading()).inspectDocument(text);
    expect(report).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(toldBy(report, 'registry')).toMatch(/another agent/);
    const own = { ...SAMPLE, ...registryEntry(signer.agent), dns_verified: true };
    expect(Object.keys(own).sort()).toEqual(Object.keys(SAMPLE).sort());
    registry.clear();
    registry.fail({ status: 200, body: JSON.stringify(own) });
    expect(await (await reading()).inspectDocument(text)).toMatchObject({ valid: true, keySource: 'registry' });
  });

  test.each(Object.keys(FORMS))('with its key in the form %s is believed as registry', async (form) => {
    registry.serve(signer.agent, { form });
    const agent = await reading();
    const report = await agent.inspectDocument(text, { minimumTrust: 'registry' });
    expect(report).toMatchObject({ valid: true, keySource: 'registry', agentId: signer.agent.id });
    expect(report.tried).toEqual([{ source: 'registry', result: 'found' }]);
    expect(await agent.verifyDocument(text)).toBe(true);
    await refusal(agent.assertDocument(text, { minimumTrust: 'dns' }), 'JACS_UNTRUSTED');
    const path = `/jacs/v1/agents/${signer.agent.id}/keys/${signer.agent.version}`;
    expect(registry.requests).toMatchObject([{ method: 'GET', path }]);
    expect(registry.requests[0].headers).not.toHaveProperty('authorization');
  });

  test('about a key of pq2025 is believed', async () => {
    const other = await newAgent({ algorithm: 'pq2025', settings: QUICK });
    const theirs = await other.agent.createDocument({ n: 2 });
    registry.serve(other.agent);
    expect(await (await reading()).inspectDocument(theirs)).toMatchObject({ valid: true, keySource: 'registry' });
  });

  const pem = ({ agent }) => keyInfo(agent).pem;
  test.each([
    ['a wrong public_key_hash', () => ({ public_key_hash: `sha256:${'0'.repeat(64)}` }), /another hash/],
    ['a public_key_hash of another form', () => ({ public_key_hash: '0'.repeat(64) }), /another hash/],
    ['another id', () => ({ jacs_id: randomUUID() }), /another agent/],
    ['another version', () => ({ version: randomUUID() }), /another agent/],
    ['another algorithm', () => ({ algorithm: 'pq2025' }), /algorithm/],
    ['two keys', () => ({ public_key_raw_b64: stranger().publicKey.toString('base64') }), /several keys/],
    ['no key', () => ({ public_key: undefined, public_key_raw_b64: undefined }), /no public key/],
    ['a key that is none', () => ({ public_key: 'AAAA' }), /malformed/],
    ['a key cut short', () => ({ public_key: pem(signer).slice(0, -30) }), /malformed/],
    ['a number for a key', () => ({ public_key: 7 }), /not a key/],
  ])('with %s is not believed', async (_, members, told) => {
    registry.serve(signer.agent, { members: members() });
    const report = await (await reading()).inspectDocument(text);
    expect(report).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(toldBy(report, 'registry')).toMatch(told);
  });

  test('with a key that did not sign is not believed', async () => {
    registry.serve(stranger());
    const report = await (await reading()).inspectDocument(text);
    expect(report).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(toldBy(report, 'registry')).toMatch(/publicKeyHash/);
  });

  test.each(['revoked', 'suspended', 'ACTIVE', ''])('of the status %j ends it', async (status) => {
    registry.serve(signer.agent, { members: { status } });
    const agent = await reading();
    await refusal(agent.assertDocument(text), 'JACS_UNTRUSTED');
    expect(toldBy(await agent.inspectDocument(text), 'registry')).toMatch(/^the key is /);
    expect(await agent.verifyDocument(text)).toBe(false);
  });

  test('that there is none is not asked for again at once', async () => {
    const agent = await reading();
    const report = await agent.inspectDocument(text);
    expect(report).toMatchObject({ valid: false, code: 'JACS_KEY' });
    expect(registry.requests).toMatchObject([{ status: 404 }]);
  });
});

describe('caching', () => {
  const asked = () => registry.requests.length;

  test.each([
    ['for its lifetime', { 'cache-control': 'max-age=600' }, 1],
    ['for a while when it says nothing', {}, 1],
    ['not with no-store', { 'cache-control': 'no-store' }, 3],
    ['not with no-cache', { 'cache-control': 'no-cache' }, 3],
    ['not with max-age=0', { 'cache-control': 'max-age=0' }, 3],
    ['not past its age', { 'cache-control': 'max-age=600', age: '600' }, 3],
  ])('an answer is kept %s', async (_, headers, times) => {
    registry.serve(signer.agent, { headers });
    const agent = await reading();
    for (let i = 0; i < 3; i++) expect(await agent.verifyDocument(text)).toBe(true);
    expect(asked()).toBe(times);
  });

  test('a revocation is seen at the next question', async () => {
    registry.serve(signer.agent, { headers: { 'cache-control': 'no-store' } });
    const agent = await onSigners(ASKED);
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    registry.serve(signer.agent, { members: { status: 'revoked' } });
    // Its bytes are in memory by now; whose key it is is decided anew.
    await refusal(agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  });

  test('many at once ask once', async () => {
    registry.serve(signer.agent);
    registry.fail({ delay: 100 });
    const agent = await reading();
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => agent.verifyDocument(text)));
    expect(new Set(verdicts)).toEqual(new Set([true]));
    expect(asked()).toBe(1);
  });
});

describe('beside other sources', () => {
  test('storage is enough unless more is asked for', async () => {
    registry.serve(signer.agent);
    const agent = await onSigners();
    expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'storage' });
    expect(registry.requests).toEqual([]);
    const report = await agent.inspectDocument(text, { minimumTrust: 'registry' });
    expect(report).toMatchObject({ valid: true, keySource: 'registry' });
    expect(report.tried.map(({ source }) => source)).toEqual(['storage', 'registry']);
    const strict = await onSigners({ ...BOTH, jacs_minimum_trust: 'registry' });
    expect(await strict.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'registry' });
  });

  test('where the registry knows nobody, storage is not more than it is', async () => {
    const agent = await onSigners();
    const report = await agent.inspectDocument(text, { minimumTrust: 'registry' });
    expect(report).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
    expect(toldBy(report, 'storage')).toBe('found');
    expect(registry.requests).toHaveLength(1);
  });

  test('a registry with another key does not raise what storage has', async () => {
    registry.serve(stranger());
    const agent = await onSigners();
    const report = await agent.inspectDocument(text, { minimumTrust: 'registry' });
    expect(report).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
    expect(toldBy(report, 'registry')).toMatch(/publicKeyHash/);
    // The order says who is heard first.
    const first = await onSigners({ jacs_key_resolution: 'local,registry,storage' });
    const other = await first.inspectDocument(text);
    expect(other.tried.map(({ source }) => source)).toEqual(['registry', 'storage']);
    expect(other).toMatchObject({ valid: true, keySource: 'storage' });
  });

  test('a key that the registry revoked is not rescued by storage', async () => {
    registry.serve(signer.agent, { members: { status: 'revoked' } });
    const first = await onSigners({ jacs_key_resolution: 'local,registry,storage' });
    await refusal(first.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
    const last = await onSigners();
    await refusal(last.getDocument(keyOf(text), { minimumTrust: 'registry' }), 'JACS_UNTRUSTED');
  });

  test('pins, blocks and the own key need no registry', async () => {
    registry.serve(stranger());
    const own = await reader.agent.createDocument({ own: true });
    const agent = await reading({ jacs_key_resolution: 'local,registry' });
    expect(await agent.inspectDocument(own)).toMatchObject({ valid: true, keySource: 'self' });
    await agent.trustAgent(signer.agent.agentDocument);
    try {
      expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'pinned' });
      await agent.untrustAgent(signer.agent.id);
      expect(await agent.inspectDocument(text)).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
    } finally {
      await agent.untrustAgent(signer.agent.id, { forget: true });
    }
    expect(registry.requests).toEqual([]);
    expect(await agent.verifyDocument(text)).toBe(false);
    expect(registry.requests).toHaveLength(1);
  });
});

test('the other storage of a mirror knows where the registry is', async () => {
  const { agent, folder } = await newAgent({ settings: { ...QUICK, ...ASKED }, env: registry.env });
  await agent.createDocument({ n: 1 });
  const to = { jacs_default_storage: 'fs', jacs_data_directory: `${folder}/mirror`, ...ASKED };
  expect(await agent.mirror(to)).toMatchObject({ conflicts: 0, failed: 0 });
});
