// What the benches of documents work with: agents, what they signed, and the peer.
import fs from 'node:fs';
import path from 'node:path';
import { Agent } from 'jacs-agent';
import { orders } from './orders.mjs';
import { Peer } from './peer.mjs';

const PASSWORD = 'Bench-P@ss-123!';

/** As `prepareBeside`, and an agent whose keys are safe against quantum computers. */
export async function prepare(folder, count) {
  const beside = await prepareBeside(path.join(folder, 'ed25519'), count);
  const { peer, texts } = beside;
  const quantumSafe = await newAgent(path.join(folder, 'pq2025'), 'pq2025');
  const signedByPeer = texts.map((text) => peer.createDocument(text));
  const signedQuantumSafe = await quantumSafe.createDocuments(texts, { noSave: true });
  prove(beside.agent, peer, signedByPeer);
  const objects = texts.map((text) => JSON.parse(text));
  return { ...beside, quantumSafe, objects, signedByPeer, signedQuantumSafe };
}

/** An agent in the new folder `home` and the peer, `count` texts; each side verifies what the other made. */
export async function prepareBeside(home, count) {
  const texts = orders(count);
  const agent = await newAgent(home, 'ring-Ed25519');
  const peer = new Peer();
  peer.know(agent.id, agent.version, agent.publicKey);
  await agent.saveDocument(peer.agentDocument());
  const signed = await agent.createDocuments(texts, { noSave: true });
  const signedByPeer = peer.createDocument(texts[0]);
  prove(agent, peer, [...signed, signedByPeer]);
  await proveCanonical(agent, signedByPeer);
  return { agent, peer, texts, signed };
}

export function newAgent(home, algorithm) {
  fs.mkdirSync(home);
  return Agent.create({
    configPath: path.join(home, 'jacs.config.json'),
    dataDirectory: path.join(home, 'jacs_data'),
    keyDirectory: path.join(home, 'jacs_keys'),
    algorithm,
    password: PASSWORD,
    env: {},
  });
}

/** The agent of `home` once more, with its documents in the directory `data`, with these settings and variables. */
export async function loadAgent(home, data, settings = {}, env = {}) {
  const agent = new Agent();
  const directories = { jacs_data_directory: data, jacs_key_directory: path.join(home, 'jacs_keys') };
  await agent.load({ jacs_default_storage: 'fs', ...directories, ...settings }, { password: PASSWORD, env });
  return agent;
}

/** Settings of `loadAgent`. */
export const NOT_SYNCED = { jacs_storage_options: { durability: 'none' } };
export const NO_CACHE = { jacs_cache_bytes: 0 };

/** The key of a document that a call returned. */
export function keyOf(text) {
  const { jacsId, jacsVersion } = JSON.parse(text);
  return `${jacsId}:${jacsVersion}`;
}

/** Both sides accept every text, and refuse each after a change. */
function prove(agent, peer, texts) {
  const verifiers = [(text) => agent.verifyDocumentSync(text), (text) => peer.verifyDocument(text)];
  for (const text of texts) {
    const changed = text.replace('"title":"Order 1', '"title":"Order 2');
    if (verifiers.some((verify) => !verify(text) || verify(changed))) throw new Error('the sides do not agree');
  }
}

/** What the peer makes is in the form in which it is stored. */
async function proveCanonical(agent, text) {
  if ((await agent.saveDocument(text)) !== text) throw new Error('the peer does not write canonical JSON');
}
