'use strict';
// Offline: neither the registry nor DNS is asked, whatever the configuration says.

const dgram = require('node:dgram');
const { once } = require('node:events');
const { loadAgain, newAgent, refusal } = require('../support/agents.js');
const { startRegistry } = require('../support/registry.js');

const QUICK = { jacs_storage_options: { durability: 'none' } };

let registry, dns, signer, text, reader;
let packets = 0;

beforeAll(async () => {
  registry = await startRegistry();
  // Whatever it is asked, the name does not exist (RFC 1035, 4.1.1: response, RCODE 3).
  dns = dgram.createSocket('udp4').on('message', (message, { port, address }) => {
    packets++;
    const answer = Buffer.from(message);
    answer[2] |= 0x80;
    answer[3] = 0x83;
    dns.send(answer, port, address);
  });
  dns.bind(0, '127.0.0.1');
  await once(dns, 'listening');
  signer = await newAgent({ settings: QUICK, domain: 'agents.test' });
  text = await signer.agent.createDocument({ n: 1 });
  registry.serve(signer.agent, { headers: { 'cache-control': 'no-store' } });
  reader = await newAgent({ settings: QUICK });
});

afterAll(async () => {
  dns.close();
  await once(dns, 'close');
});

beforeEach(() => {
  registry.requests.splice(0);
  packets = 0;
});

const reading = (settings, offline) =>
  loadAgain(
    { ...reader, data: signer.data },
    { ...QUICK, jacs_dns_servers: `127.0.0.1:${dns.address().port}`, ...settings },
    { readOnly: true, env: registry.env, offline },
  );

const toldBy = ({ tried }, source) => tried.find((each) => each.source === source)?.result;

test('the registry is asked online, and not offline; the report says so', async () => {
  const settings = { jacs_key_resolution: 'local,registry' };
  expect(await (await reading(settings, false)).verifyDocument(text)).toBe(true);
  expect(registry.requests).toHaveLength(1);
  const agent = await reading(settings, true);
  const report = await agent.inspectDocument(text);
  expect(report).toMatchObject({ valid: false, code: 'JACS_KEY' });
  expect(report.tried).toEqual([{ source: 'registry', result: 'not asked (offline)' }]);
  await refusal(agent.assertDocument(text), 'JACS_KEY');
  expect(registry.requests).toHaveLength(1);
});

test('storage is asked, and is no more than storage', async () => {
  const agent = await reading({ jacs_key_resolution: 'local,storage,registry' }, true);
  expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'storage' });
  const report = await agent.inspectDocument(text, { minimumTrust: 'registry' });
  expect(report).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
  expect(toldBy(report, 'registry')).toBe('not asked (offline)');
  expect(registry.requests).toEqual([]);
});

test('DNS that may confirm is not asked', async () => {
  const online = await (await reading({ jacs_dns_validate: true }, false)).inspectDocument(text);
  expect(online).toMatchObject({ valid: true, keySource: 'storage' });
  expect(packets).toBeGreaterThan(0);
  packets = 0;
  for (const settings of [{ jacs_dns_validate: true }, { jacs_key_resolution: 'local,storage,dns' }]) {
    const report = await (await reading(settings, true)).inspectDocument(text);
    expect(report).toMatchObject({ valid: true, keySource: 'storage' });
    expect(toldBy(report, 'dns')).toBe('not asked (offline)');
  }
  expect(packets).toBe(0);
});

test.each(['jacs_dns_required', 'jacs_dns_strict'])('what %s must confirm is not believed', async (name) => {
  const agent = await reading({ [name]: true }, true);
  const error = await refusal(agent.assertDocument(text), 'JACS_UNTRUSTED');
  expect(error.message).toMatch(/offline/);
  expect(toldBy(await agent.inspectDocument(text), 'dns')).toBe('not asked (offline)');
  // Its own key and pins need no confirmation.
  await agent.trustAgent(signer.agent.agentDocument);
  expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'pinned' });
  await agent.untrustAgent(signer.agent.id, { forget: true });
  expect(packets).toBe(0);
});

test('doctor says who would be asked, and that nobody is', async () => {
  const settings = { jacs_key_resolution: 'local,storage,registry', jacs_dns_validate: true };
  const resolution = ['local', 'storage', 'registry'];
  for (const offline of [true, false]) {
    const { keys } = await (await reading(settings, offline)).doctor();
    expect(keys).toEqual({ resolution, registry: registry.url, dns: true, offline });
  }
  const plain = await (await reading({}, undefined)).doctor();
  expect(plain.keys).toEqual({ resolution: ['local', 'storage'], dns: false, offline: false });
  expect(registry.requests).toEqual([]);
});

test('it stays so after the agent was changed', async () => {
  const place = await newAgent({ settings: QUICK });
  const settings = { ...QUICK, jacs_key_resolution: 'local,registry' };
  const agent = await loadAgain(place, settings, { env: registry.env, offline: true });
  await agent.updateAgent({ name: 'Other' });
  expect(await agent.inspectDocument(text)).toMatchObject({ valid: false, code: 'JACS_KEY' });
  expect((await agent.doctor()).keys.offline).toBe(true);
  expect(registry.requests).toEqual([]);
});

test('it is true or false', async () => {
  await refusal(reading({}, 'yes'), 'JACS_INPUT');
});
