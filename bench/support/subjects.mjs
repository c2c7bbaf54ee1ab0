// What the benches of documents work with: agents with what they signed and stored, and the peer.
import fs from 'node:fs';
import path from 'node:path';
import { Agent } from 'jacs-agent';
import { orders } from './orders.mjs';
import { Peer } from './peer.mjs';

const PASSWORD = 'Bench-P@ss-123!';

/** Two agents and the peer in a new folder, `count` documents each; every side verifies what the others made. */
export async function prepare(folder, count) {
  const texts = orders(count);
  const objects = texts.map((text) => JSON.parse(text));
  const agent = await newAgent(path.join(folder, 'ed25519'), 'ring-Ed25519');
  const quantumSafe = await newAgent(path.join(folder, 'pq2025'), 'pq2025');
  const peer = new Peer();
  peer.know(agent.id, agent.version, agent.publicKey);
  await agent.saveDocument(peer.agentDocument());
  const signed = await agent.createDocuments(texts, { noSave: true });
  const signedByPeer = texts.map((text) => peer.createDocument(text));
  const signedQuantumSafe = await quantumSafe.createDocuments(texts, { noSave: true });
  const stored = (await agent.createDocuments(texts)).map((text) => place(folder, JSON.parse(text)));
  prove(agent, peer, [...signed, ...signedByPeer]);
  await proveCanonical(agent, signedByPeer[0]);
  return { agent, quantumSafe, peer, texts, objects, signed, signedByPeer, signedQuantumSafe, stored };
}

function newAgent(folder, algorithm) {
  fs.mkdirSync(folder);
  return Agent.create({
    configPath: path.join(folder, 'jacs.config.json'),
    dataDirectory: path.join(folder, 'jacs_data'),
    keyDirectory: path.join(folder, 'jacs_keys'),
    algorithm,
    password: PASSWORD,
    env: {},
  });
}

function place(folder, { jacsId, jacsVersion }) {
  const file = path.join(folder, 'ed25519', 'jacs_data', 'documents', jacsId, `${jacsVersion}.json`);
  return { key: `${jacsId}:${jacsVersion}`, file };
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
