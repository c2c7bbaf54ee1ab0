'use strict';
// What else confirms a key in DNS, and how often is asked.

const dgram = require('node:dgram');
const { once } = require('node:events');
const { forge, forger, plant } = require('../attacks/forge.js');
const { anotherOn, keyOf, loadAgain, newAgent, refusal, unsigned } = require('../support/agents.js');
const { agentRecord, recordText, startDns } = require('../support/dns.js');
const { describeWith } = require('../support/needs.js');
const { startRegistry } = require('../support/registry.js');

const VALIDATE = { jacs_dns_validate: true };
const REQUIRED = { jacs_dns_required: true };
const STRICT = { jacs_dns_strict: true };

/** What a reader finds about a document: whether it is valid, by what, and what DNS said. */
async function found(agent, text) {
  const { valid, code, keySource, tried } = await agent.inspectDocument(keyOf(text));
  return { valid, code, keySource, dns: tried.find(({ source }) => source === 'dns')?.result };
}

const confirmed = { valid: true, keySource: 'dns', dns: 'found' };
const unconfirmed = (dns) => ({ valid: true, keySource: 'storage', dns: expect.stringMatching(dns) });
const untrusted = (dns) => ({ valid: false, code: 'JACS_UNTRUSTED', dns: expect.stringMatching(dns) });

const sockets = new Set();
afterAll(() => sockets.forEach((socket) => socket.close()));

/** A UDP socket on loopback that counts what it is asked and answers nothing. */
async function deafServer() {
  const socket = dgram.createSocket('udp4');
  const server = { queries: 0 };
  socket.on('message', () => (server.queries += 1));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  sockets.add(socket);
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` });
}

test('servers that do not answer, who are asked once within one call', async () => {
  const [forOne, forSome, forOthers] = [await deafServer(), await deafServer(), await deafServer()];
  const signer = await newAgent({ domain: 'agents.test' });
  const text = await signer.agent.createDocument({ n: 1 });
  const reader = await anotherOn(signer);
  const asking = (settings, { address }) => loadAgain(reader, { ...settings, jacs_dns_servers: address });
  const [one, some] = [await asking(VALIDATE, forOne), await asking(VALIDATE, forSome)];
  const demanding = await asking(REQUIRED, forOthers);
  const key = keyOf(text);
  // All at the same time: each is waited for until it is given up.
  const [valid, report, ...errors] = await Promise.all([
    one.verifyDocument(text),
    found(some, text),
    refusal(demanding.getDocument(key), 'JACS_UNAVAILABLE'),
    refusal(demanding.verifyDocument(text), 'JACS_UNAVAILABLE'),
  ]);
  expect(valid).toBe(true);
  expect(report).toMatchObject(unconfirmed('could not be asked'));
  for (const error of errors) expect(error.retryable).toBe(true);
  // It verifies the document twice: for itself, and among the versions.
  expect(forOne.queries).toBeGreaterThan(1);
  expect(forSome.queries).toBeLessThan(2 * forOne.queries);
});

describeWith(['dns'], 'a registry', () => {
  test('a key of the registry, for an agent document that carries none', async () => {
    const place = await newAgent();
    const [named, other] = ['foreign', 'stranger'].map((name) => {
      const agent = forger();
      const fields = { ...unsigned(agent.text), jacsAgentDomain: `${name}.agents.test` };
      delete fields.jacsPublicKey;
      plant(place.data, forge(agent, fields), 'agents');
      return { ...agent, algorithm: 'ring-Ed25519', publicKey: agent.raw, document: plant(place.data, forge(agent)) };
    });
    const registry = await startRegistry();
    registry.serve(named);
    registry.serve(other);
    const records = [agentRecord(recordText(named.id, named.raw), { below: 'foreign' })];
    const own = await startDns({ zones: { 'agents.test': { records } } });
    const settings = { ...own.settings, jacs_key_resolution: 'local,storage,registry' };
    const agent = await loadAgain(place, settings, { env: registry.env });
    expect(await agent.inspectDocument(named.document)).toMatchObject({ valid: true, keySource: 'dns' });
    expect(await agent.inspectDocument(other.document)).toMatchObject({ valid: true, keySource: 'registry' });
  });
});

describeWith(['dns'], 'a rotation', () => {
  test.each(['scheduled', 'compromised'])('%s: the old record refuses, the new one confirms', async (reason) => {
    const signer = await newAgent({ domain: 'rotated.test' });
    const zone = (...records) => ({ zones: { 'rotated.test': { records } } });
    const dns = await startDns(zone(signer.agent.dnsRecord()));
    const reader = await anotherOn(signer);
    const fresh = (settings = VALIDATE) => loadAgain(reader, { ...dns.settings, ...settings });
    const before = await signer.agent.createDocument({ n: 1 });
    expect(await found(await fresh(), before)).toMatchObject(confirmed);

    await signer.agent.rotateKeys({ password: signer.password, reason });
    const after = await signer.agent.createDocument({ n: 2 });
    const old = await fresh();
    expect(await found(old, after)).toMatchObject(untrusted('names another key'));

    await dns.publish(zone(signer.agent.dnsRecord()).zones);
    const agent = await fresh(STRICT);
    expect(await found(agent, after)).toMatchObject(confirmed);
    // The key of the record says which key was before it.
    const early = await found(agent, before);
    if (reason === 'scheduled') expect(early).toMatchObject({ valid: true, keySource: 'dns' });
    else expect(early).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
  });
});
