'use strict';
// The trust store: whom this machine vouches for, and whom it blocks, whatever the storage says.

const fs = require('node:fs');
const path = require('node:path');
const { anotherOn, keyOf, loadAgain, newAgent, refusal, treeOf } = require('../support/agents.js');

const idOf = (text) => JSON.parse(text).jacsId;
const agentText = ({ agent, keys }) =>
  fs.readFileSync(path.join(keys, 'agents', agent.id, `${agent.version}.json`), 'utf8');

let signer, reader, text;

/** A signer whose documents another agent reads on the same store. */
beforeEach(async () => {
  signer = await newAgent();
  text = await signer.agent.createDocument({ n: 1 });
  reader = await anotherOn(signer);
});

test('a pinned key is believed as pinned', async () => {
  expect(await reader.agent.trustedAgents()).toEqual([]);
  await reader.agent.trustAgent(agentText(signer));
  await reader.agent.trustAgent(JSON.parse(agentText(signer)));
  const [entry, ...others] = await reader.agent.trustedAgents();
  expect(others).toEqual([]);
  expect(entry).toMatchObject({ agentId: signer.agent.id, blocked: false, algorithm: signer.agent.algorithm });
  const report = await reader.agent.inspectDocument(keyOf(text), { minimumTrust: 'pinned' });
  expect(report).toMatchObject({ valid: true, keySource: 'pinned', keySha256: entry.keySha256 });
  expect(await reader.agent.getDocument(keyOf(text), { minimumTrust: 'pinned' })).toBe(text);
  const file = path.join(reader.keys, 'trust', `${signer.agent.id}.json`);
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
});

test('it needs no agent document beside the documents', async () => {
  await reader.agent.trustAgent(agentText(signer));
  fs.rmSync(path.join(signer.data, 'agents', signer.agent.id), { recursive: true });
  expect(await reader.agent.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'pinned' });
});

test('the pin goes over to a key that it handed over to', async () => {
  await reader.agent.trustAgent(agentText(signer));
  const first = agentText(signer);
  await signer.agent.rotateKeys({ password: signer.password });
  const after = await signer.agent.createDocument({ n: 2 });
  for (const document of [text, after]) {
    expect(await reader.agent.inspectDocument(keyOf(document))).toMatchObject({ valid: true, keySource: 'pinned' });
  }
  await reader.agent.trustAgent(agentText(signer));
  for (const document of [text, after]) {
    expect(await reader.agent.inspectDocument(keyOf(document))).toMatchObject({ valid: true, keySource: 'pinned' });
  }
  // Not back to a key that was given up.
  await refusal(reader.agent.trustAgent(first), 'JACS_CONFLICT');
});

test('a blocked agent is not believed until it is trusted again', async () => {
  expect(await reader.agent.getDocument(keyOf(text))).toBe(text);
  await reader.agent.untrustAgent(signer.agent.id);
  await refusal(reader.agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  expect(await reader.agent.verifyDocument(text)).toBe(false);
  expect(await reader.agent.trustedAgents()).toMatchObject([{ agentId: signer.agent.id, blocked: true }]);
  await reader.agent.trustAgent(agentText(signer));
  expect(await reader.agent.getDocument(keyOf(text))).toBe(text);
  await reader.agent.untrustAgent(signer.agent.id, { forget: true });
  expect(await reader.agent.trustedAgents()).toEqual([]);
  expect(await reader.agent.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'storage' });
  await refusal(reader.agent.untrustAgent(signer.agent.id, { forget: true }), 'JACS_NOT_FOUND');
});

test('another process of the same agent hears of it at its next read', async () => {
  const other = await loadAgain(reader);
  expect(await other.getDocument(keyOf(text))).toBe(text);
  await reader.agent.untrustAgent(signer.agent.id);
  await refusal(other.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
});

test('an entry that is not as it was written is not taken for none', async () => {
  await reader.agent.trustAgent(agentText(signer));
  const file = path.join(reader.keys, 'trust', `${signer.agent.id}.json`);
  const entry = JSON.parse(fs.readFileSync(file, 'utf8'));
  for (const broken of [
    '',
    '{}',
    JSON.stringify({ ...entry, keySha256: '0'.repeat(64) }),
    JSON.stringify({ ...entry, agentId: reader.agent.id }),
  ]) {
    fs.writeFileSync(file, broken);
    await refusal(reader.agent.getDocument(keyOf(text), { cache: false }), 'JACS_KEY');
    await refusal(reader.agent.trustedAgents(), 'JACS_KEY');
  }
  await reader.agent.untrustAgent(signer.agent.id, { forget: true });
  expect(await reader.agent.getDocument(keyOf(text))).toBe(text);
});

test('an agent that was loaded read-only keeps its trust store, too', async () => {
  const readOnly = await loadAgain(reader, {}, { readOnly: true });
  await readOnly.trustAgent(agentText(signer));
  expect(await reader.agent.trustedAgents()).toMatchObject([{ agentId: signer.agent.id, blocked: false }]);
  expect(await readOnly.inspectDocument(keyOf(text))).toMatchObject({ keySource: 'pinned' });
  await readOnly.untrustAgent(signer.agent.id);
  await refusal(reader.agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  await readOnly.untrustAgent(signer.agent.id, { forget: true });
  expect(await reader.agent.trustedAgents()).toEqual([]);
  // Nothing else may be changed with it.
  await refusal(readOnly.createDocument({ n: 2 }), 'JACS_PERMISSION');
});

test('refusals change nothing', async () => {
  const { agent } = reader;
  const before = treeOf(reader.keys, { times: true });
  await refusal(agent.trustAgent(text), 'JACS_INPUT');
  await refusal(agent.trustAgent('{'), 'JACS_INPUT');
  await refusal(agent.trustAgent(agentText(reader)), 'JACS_INPUT');
  await refusal(agent.trustAgent(agentText(signer).replace('JACS agent', 'jacs agent')), 'JACS_HASH');
  await refusal(agent.untrustAgent(reader.agent.id), 'JACS_INPUT');
  await refusal(agent.untrustAgent('x'), 'JACS_INPUT');
  await refusal(agent.untrustAgent(signer.agent.id, { forgot: true }), 'JACS_INPUT');
  expect(treeOf(reader.keys, { times: true })).toEqual(before);
  expect(idOf(text)).toBeDefined();
});
