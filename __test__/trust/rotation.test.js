'use strict';
// Another key for the same agent: what it signed before stays valid, and the old key signs nothing any more.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { anotherOn, keyOf, loadAgain, newAgent, refusal, register, treeOf } = require('../support/agents.js');

const NEW_PASSWORD = 'Another-6203';

async function loaded(place, password = place.password) {
  const agent = register(new Agent());
  await agent.load(place.config, { password, env: {} });
  return agent;
}

describe.each(['ring-Ed25519', 'pq2025'])('a key of %s is replaced', (algorithm) => {
  let place, before, old;

  beforeAll(async () => {
    place = await newAgent({ algorithm });
    old = { version: place.agent.version, publicKey: place.agent.publicKey };
    before = await place.agent.createDocument({ made: 'before' });
    await place.agent.rotateKeys({ password: place.password });
  });

  test('the agent has another key and another version, and the same id', () => {
    expect(place.agent.version).not.toBe(old.version);
    expect(place.agent.publicKey.equals(old.publicKey)).toBe(false);
    expect(place.agent.algorithm).toBe(algorithm);
    const config = JSON.parse(fs.readFileSync(place.config, 'utf8'));
    expect(config.jacs_agent_id_and_version).toBe(`${place.agent.id}:${place.agent.version}`);
    expect(config.jacsPreviousVersion).toBe(config.jacsOriginalVersion);
  });

  test('it signs by the new key, and what the old one signed stays valid', async () => {
    const after = await place.agent.createDocument({ made: 'after' });
    const agents = [place.agent, await loaded(place), await loadAgain(place, {}, { readOnly: true })];
    for (const agent of agents) {
      for (const [text, version] of [
        [before, old.version],
        [after, place.agent.version],
      ]) {
        const report = await agent.inspectDocument(keyOf(text));
        expect(report).toMatchObject({ valid: true, keySource: 'self', agentVersion: version });
        expect(await agent.getDocument(keyOf(text))).toBe(text);
      }
    }
  });

  test('others on the store see one chain', async () => {
    await place.agent.createDocument({ made: 'for others' });
    const { agent } = await anotherOn(place);
    const report = await agent.inspectDocument(keyOf(before));
    expect(report).toMatchObject({ valid: true, keySource: 'storage', agentVersion: old.version });
    const mine = await place.agent.createDocument({ made: 'by the new key' });
    expect(await agent.inspectDocument(keyOf(mine))).toMatchObject({ valid: true, keySource: 'storage' });
  });

  test('its agent document has the proof in both forms', async () => {
    const { jacsKeyRotationProof: proof, ...agent } = JSON.parse(await place.agent.getDocument(place.agent.id));
    expect(proof.transitionMessage).toBe(
      `JACS_KEY_ROTATION:${place.agent.id}:${proof.oldPublicKeyHash}:${proof.newPublicKeyHash}:${proof.timestamp}`,
    );
    expect(proof).toMatchObject({ signingAlgorithm: algorithm, reason: 'scheduled' });
    expect(proof.oldKeySha256).toMatch(/^[0-9a-f]{64}$/);
    expect(proof.newPublicKeyHash).toBe(agent.jacsSignature.publicKeyHash);
    expect(agent.jacsPreviousVersion).toBe(old.version);
    expect(agent.jacsPreviousSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('the old key is kept, encrypted and marked', () => {
    const names = fs.readdirSync(place.keys).sort();
    const retired = names.filter((name) => name.includes('.retired'));
    expect(retired).toHaveLength(3);
    const note = JSON.parse(
      fs.readFileSync(
        path.join(
          place.keys,
          retired.find((name) => name.endsWith('.json')),
        ),
      ),
    );
    expect(note).toMatchObject({ lastVersion: old.version, reason: 'scheduled', algorithm });
    for (const name of retired) expect(fs.statSync(path.join(place.keys, name)).mode & 0o777).toBe(0o600);
    expect(names.filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('documents go on over the change', async () => {
    const updated = await place.agent.updateDocument(keyOf(before), { made: 'over the change' });
    expect(await place.agent.verifyHistory(keyOf(updated).split(':')[0])).toMatchObject({ valid: true, gaps: [] });
    const { agent } = await anotherOn(place);
    expect(await agent.getDocument(keyOf(updated).split(':')[0])).toBe(updated);
  });
});

test('again and again, with another algorithm and another password', async () => {
  const place = await newAgent();
  const texts = [await place.agent.createDocument({ n: 0 })];
  await place.agent.rotateKeys({ password: place.password, newPassword: NEW_PASSWORD, algorithm: 'pq2025' });
  texts.push(await place.agent.createDocument({ n: 1 }));
  await place.agent.rotateKeys({ password: NEW_PASSWORD, algorithm: 'ring-Ed25519' });
  texts.push(await place.agent.createDocument({ n: 2 }));
  await refusal(loaded(place), 'JACS_PASSWORD');
  const agent = await loaded(place, NEW_PASSWORD);
  expect(agent.algorithm).toBe('ring-Ed25519');
  for (const text of texts) expect(await agent.getDocument(keyOf(text))).toBe(text);
  expect(fs.readdirSync(place.keys).filter((name) => name.endsWith('.retired.json'))).toHaveLength(2);
});

test('refusals change nothing', async () => {
  const place = await newAgent();
  const before = treeOf(place.folder, { times: true });
  const { agent } = place;
  await refusal(agent.rotateKeys(), 'JACS_PASSWORD');
  await refusal(agent.rotateKeys({ password: 'wrong-Password-1' }), 'JACS_PASSWORD');
  await refusal(agent.rotateKeys({ password: place.password, newPassword: 'short' }), 'JACS_PASSWORD');
  await refusal(agent.rotateKeys({ password: place.password, algorithm: 'rsa' }), 'JACS_INPUT');
  await refusal(agent.rotateKeys({ password: place.password, reason: 'bored' }), 'JACS_INPUT');
  await refusal(agent.rotateKeys({ password: place.password, reasons: 'scheduled' }), 'JACS_INPUT');
  const reader = await loadAgain(place, {}, { readOnly: true });
  await refusal(reader.rotateKeys({ password: place.password }), 'JACS_PERMISSION');
  expect(treeOf(place.folder, { times: true })).toEqual(before);
});

test('a process with the old key saves nothing more, and reads on', async () => {
  const place = await newAgent();
  const other = await loadAgain(place);
  const text = await other.createDocument({ n: 1 });
  await place.agent.rotateKeys({ password: place.password });
  await refusal(other.createDocument({ n: 2 }), 'JACS_KEY');
  await refusal(other.updateDocument(keyOf(text), { n: 2 }), 'JACS_KEY');
  await refusal(other.rotateKeys({ password: place.password }), 'JACS_KEY');
  expect(await other.getDocument(keyOf(text))).toBe(text);
});

test('on memory the documents stay', async () => {
  const place = await newAgent({ settings: { jacs_default_storage: 'memory' } });
  const text = await place.agent.createDocument({ n: 1 });
  await place.agent.rotateKeys({ password: place.password });
  expect(await place.agent.getDocument(keyOf(text))).toBe(text);
  expect(await place.agent.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'self' });
});

describe('what the agent says of itself', () => {
  test('is changed by the same key', async () => {
    const place = await newAgent({ name: 'one', domain: 'example.com' });
    const text = await place.agent.createDocument({ n: 1 });
    const updated = JSON.parse(await place.agent.updateAgent({ name: 'two', description: 'new' }));
    expect(updated).toMatchObject({ name: 'two', description: 'new', jacsAgentDomain: 'example.com' });
    expect(updated.jacsVersion).toBe(place.agent.version);
    const without = JSON.parse(await place.agent.updateAgent({ domain: '' }));
    expect(without).not.toHaveProperty('jacsAgentDomain');
    expect(JSON.parse(await place.agent.updateAgent({ name: 'two', domain: '' }))).toEqual(without);
    const agent = await loaded(place);
    expect(agent.version).toBe(place.agent.version);
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    const { agent: other } = await anotherOn(place);
    expect(await other.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'storage' });
  });

  test('is refused without anything to change', async () => {
    const place = await newAgent();
    await refusal(place.agent.updateAgent({}), 'JACS_INPUT');
    await refusal(place.agent.updateAgent({ nam: 'x' }), 'JACS_INPUT');
  });
});
