'use strict';
// Keys that the TXT record of their agent's domain confirms, asked of a real server with zones of every kind.

const { createHash } = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { forge, forger, plant } = require('../attacks/forge.js');
const { anotherOn, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { agentRecord, recordText, startDns } = require('../support/dns.js');
const { describeWith } = require('../support/needs.js');

/** Levels of trust: what an agent asks of DNS. */
const VALIDATE = {};
const REQUIRED = { jacs_dns_required: true };
const STRICT = { jacs_dns_strict: true };

/** A socket that hears questions and never answers. */
async function silentServer() {
  const socket = dgram.createSocket('udp4');
  const server = { questions: 0, close: () => socket.close() };
  socket.on('message', () => {
    server.questions += 1;
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` });
}

describeWith(['dns'], 'DNS', () => {
  let signer, reader, server, zones;
  /** A document of the signer by the domain that it had when it signed. */
  const texts = {};

  beforeAll(async () => {
    signer = await newAgent({ domain: 'signed.test' });
    reader = await anotherOn(signer);
    const { agent } = signer;
    const ours = recordText(agent.id, agent.publicKey);
    const [digest, hex] = ['base64', 'hex'].map((form) => createHash('sha256').update(agent.publicKey).digest(form));
    const lossy = JSON.parse(agent.agentDocument).jacsSignature.publicKeyHash;
    const forms = {
      'another-key': [recordText(agent.id, Buffer.alloc(32, 1))],
      two: [ours, recordText(agent.id, Buffer.alloc(32, 1))],
      twice: [ours, `${ours}; x=y`],
      'another-agent': [recordText(reader.agent.id, agent.publicKey)],
      beside: [ours, recordText(reader.agent.id, reader.agent.publicKey), 'v=spf1 -all'],
      kind: [ours.replace('v=jacs', 'v=hai.ai')],
      hex: [ours.replace('enc=base64', 'enc=hex').replace(digest, hex)],
      name: [ours.replace('jac_public_key_hash', 'jacs_public_key_hash')],
      lossy: [ours.replace(digest, lossy)],
      broken: [ours.replace('alg=SHA-256', 'alg=MD5')],
    };
    const domains = ['signed.test', 'unsigned.test', 'bogus.test', 'expired.test', 'nowhere.signed.test'];
    const below = Object.entries(forms).flatMap(([name, all]) => all.map((text) => agentRecord(text, { below: name })));
    // As it is to be published: word for word what dnsRecord prints.
    const printed = (domain) => agent.dnsRecord({ domain });
    zones = {
      'signed.test': { records: [printed('signed.test'), ...below] },
      'unsigned.test': { dnssec: 'unsigned', records: [printed('unsigned.test')] },
      'bogus.test': { dnssec: 'bogus', records: [printed('bogus.test')] },
      'expired.test': { dnssec: 'expired', records: [printed('expired.test')] },
    };
    server = await startDns({ zones });
    for (const domain of [...domains, ...Object.keys(forms).map((name) => `${name}.signed.test`), '']) {
      await agent.updateAgent({ domain });
      texts[domain] = await agent.createDocument({ domain });
    }
  }, 60_000);

  const load = (settings) => loadAgain(reader, { ...server.settings, ...settings });
  const inspect = async (settings, domain, options) =>
    (await load(settings)).inspectDocument(keyOf(texts[domain]), options);

  const confirmed = {
    valid: true,
    keySource: 'dns',
    tried: [
      { source: 'storage', result: 'found' },
      { source: 'dns', result: 'found' },
    ],
  };
  const unconfirmed = (result) => ({
    valid: true,
    keySource: 'storage',
    tried: [
      { source: 'storage', result: 'found' },
      { source: 'dns', result: expect.stringMatching(result) },
    ],
  });
  const refused = (result) => ({
    valid: false,
    code: 'JACS_UNTRUSTED',
    tried: [
      { source: 'storage', result: 'found' },
      { source: 'dns', result: expect.stringMatching(result) },
    ],
  });

  test('the domain in the document is what the tests below take it for', () => {
    const versions = fs.readdirSync(path.join(signer.data, 'agents', signer.agent.id));
    expect(versions).toHaveLength(Object.keys(texts).length);
    expect(JSON.parse(signer.agent.agentDocument)).not.toHaveProperty('jacsAgentDomain');
  });

  test.each([
    // With the setting, the domain: what validate says of it, required, strict.
    ['signed.test', confirmed, confirmed, confirmed],
    ['unsigned.test', confirmed, confirmed, refused(/DNSSEC does not prove/)],
    ['bogus.test', unconfirmed(/DNSSEC disproves/), refused(/DNSSEC disproves/), refused(/DNSSEC disproves/)],
    ['expired.test', unconfirmed(/DNSSEC disproves/), refused(/DNSSEC disproves/), refused(/DNSSEC disproves/)],
    ['nowhere.signed.test', unconfirmed(/no record/), refused(/no record/), refused(/no record/)],
    [
      'another-agent.signed.test',
      unconfirmed(/about the agent/),
      refused(/about the agent/),
      refused(/about the agent/),
    ],
    ['', unconfirmed(/names no domain/), refused(/names no domain/), refused(/names no domain/)],
    ['lossy.signed.test', unconfirmed(/publicKeyHash alone/), refused(/publicKeyHash/), refused(/publicKeyHash/)],
    ['another-key.signed.test', refused(/another key/), refused(/another key/), refused(/another key/)],
    ['two.signed.test', refused(/more than one/), refused(/more than one/), refused(/more than one/)],
    ['twice.signed.test', refused(/more than one/), refused(/more than one/), refused(/more than one/)],
    ['broken.signed.test', refused(/alg/), refused(/alg/), refused(/alg/)],
    ['beside.signed.test', confirmed, confirmed, confirmed],
    ['kind.signed.test', confirmed, confirmed, confirmed],
    ['hex.signed.test', confirmed, confirmed, confirmed],
    ['name.signed.test', confirmed, confirmed, confirmed],
  ])('%s', async (domain, ...expected) => {
    for (const [index, settings] of [VALIDATE, REQUIRED, STRICT].entries()) {
      const report = await inspect(settings, domain);
      expect({ settings, ...report }).toMatchObject({ settings, ...expected[index] });
      const agent = await load(settings);
      const read = agent.getDocument(keyOf(texts[domain]));
      if (expected[index].valid) expect(await read).toBe(texts[domain]);
      else await refusal(read, 'JACS_UNTRUSTED');
    }
  });

  test('counts as enough where dns is the least', async () => {
    const minimumTrust = 'dns';
    for (const [domain, valid] of [
      ['signed.test', true],
      ['nowhere.signed.test', false],
      ['lossy.signed.test', false],
    ]) {
      const agent = await load(VALIDATE);
      expect(await agent.verifyDocument(texts[domain], { minimumTrust })).toBe(valid);
      const configured = await load({ jacs_minimum_trust: 'dns' });
      expect(await configured.verifyDocument(texts[domain])).toBe(valid);
    }
    await refusal((await load(VALIDATE)).assertDocument(texts[''], { minimumTrust }), 'JACS_UNTRUSTED');
  });

  test('is turned on by its name among the sources, too', async () => {
    const settings = { jacs_dns_validate: false, jacs_key_resolution: 'local,storage,dns' };
    expect(await inspect(settings, 'signed.test')).toMatchObject(confirmed);
  });

  test('is not asked about what is pinned', async () => {
    const other = await anotherOn(signer);
    await other.agent.trustAgent(signer.agent.agentDocument);
    const agent = await loadAgain(other, { ...server.settings, ...REQUIRED });
    const report = await agent.inspectDocument(keyOf(texts['nowhere.signed.test']));
    expect(report).toMatchObject({ valid: true, keySource: 'pinned' });
  });

  test('catches an agent and documents that were replaced together', async () => {
    const victim = await newAgent({ domain: 'nowhere.signed.test' });
    const records = [...zones['signed.test'].records, victim.agent.dnsRecord({ domain: 'victim.signed.test' })];
    const own = await startDns({ zones: { 'signed.test': { records } } });
    await victim.agent.updateAgent({ domain: 'victim.signed.test' });
    const text = await victim.agent.createDocument({ n: 1 });
    const other = await anotherOn(victim);
    const read = (settings) => loadAgain(other, { ...own.settings, ...settings });
    expect(await (await read()).inspectDocument(keyOf(text))).toMatchObject(confirmed);

    for (const kind of ['agents', 'documents']) fs.rmSync(path.join(victim.data, kind), { recursive: true });
    const thief = forger({ id: victim.agent.id, jacsAgentDomain: 'victim.signed.test' });
    plant(victim.data, thief.text, 'agents');
    const planted = plant(victim.data, forge(thief, { jacsId: JSON.parse(text).jacsId, n: 2 }));
    // Without DNS the storage's word is all there is.
    const believing = await read({ jacs_dns_validate: false });
    expect(await believing.inspectDocument(planted)).toMatchObject({ valid: true, keySource: 'storage' });
    expect(await (await read()).inspectDocument(planted)).toMatchObject(refused(/another key/));
    await refusal((await read()).getDocument(planted), 'JACS_UNTRUSTED');
  }, 60_000);

  test('after a rotation the old record refuses the new key, and the new one confirms it', async () => {
    const rotating = await newAgent({ domain: 'rotating.test' });
    const publish = { 'rotating.test': { records: [rotating.agent.dnsRecord()] } };
    const own = await startDns({ zones: publish });
    const other = await anotherOn(rotating);
    const read = async (text) => (await loadAgain(other, own.settings)).inspectDocument(keyOf(text));
    const before = await rotating.agent.createDocument({ n: 1 });
    await rotating.agent.rotateKeys({ password: rotating.password });
    const after = await rotating.agent.createDocument({ n: 2 });
    expect(await read(before)).toMatchObject(confirmed);
    expect(await read(after)).toMatchObject(refused(/another key/));
    await own.publish({ 'rotating.test': { records: [rotating.agent.dnsRecord()] } });
    expect(await read(after)).toMatchObject(confirmed);
    // The record can name but one key: what the one before signed is confirmed by the proof that leads to it.
    expect(await read(before)).toMatchObject({
      valid: true,
      keySource: 'dns',
      domain: expect.stringMatching(/\.test$/),
    });
    expect(await (await loadAgain(other, { ...own.settings, ...STRICT })).getDocument(keyOf(before))).toBe(before);

    // Of a key that may be in other hands only what something newer names counts.
    const doubtful = await rotating.agent.createDocument({ n: 3 });
    await rotating.agent.rotateKeys({ password: rotating.password, reason: 'compromised' });
    await rotating.agent.createDocument({ n: 4 });
    await own.publish({ 'rotating.test': { records: [rotating.agent.dnsRecord()] } });
    expect(await read(doubtful)).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
  }, 60_000);

  describe('that does not answer', () => {
    let silent;
    beforeAll(async () => {
      silent = await silentServer();
    });
    afterAll(() => silent.close());

    test('is not asked at all with the default settings', async () => {
      const agent = await loadAgain(reader, { jacs_dns_servers: silent.address });
      for (const text of Object.values(texts)) {
        expect(await agent.getDocument(keyOf(text))).toBe(text);
        expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'storage' });
      }
      expect((await agent.inspectDocument(texts['signed.test'])).tried).toEqual([
        { source: 'storage', result: 'found' },
      ]);
      expect(silent.questions).toBe(0);
    });

    test('leaves a key as it is, and is an error where it is required', async () => {
      const settings = { jacs_dns_servers: silent.address };
      const read = (more) => inspect({ ...settings, ...more }, 'signed.test');
      const [validated, ...errors] = await Promise.all([
        read(VALIDATE),
        refusal(read(REQUIRED), 'JACS_UNAVAILABLE'),
        refusal(read(STRICT), 'JACS_UNAVAILABLE'),
      ]);
      expect(validated).toMatchObject(unconfirmed(/could not be asked/));
      for (const error of errors) expect(error.retryable).toBe(true);
      expect(silent.questions).toBeGreaterThan(2);
    }, 60_000);
  });
});
