'use strict';
// The domain of an agent: its record for DNS, and where the domain is written down.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { withAgent } = require('../cli/support.js');
const { loadAgain, newAgent, refusal, register, treeOf } = require('../support/agents.js');
const { recordText } = require('../support/dns.js');
const { temporaryFolder } = require('../support/folder.js');

const WRONG = ['example com', 'a_b.example.com', 'http://example.com', 'é.example', '-a.example', '127.0.0.1:53', '.'];

const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const lineOf = ({ id, publicKey }, domain) => `_v1.agent.jacs.${domain}. 300 IN TXT "${recordText(id, publicKey)}"`;

/** The error of a call that throws. */
function thrown(call) {
  try {
    return call() && undefined;
  } catch (error) {
    return error;
  }
}

async function loaded({ config, password }, options) {
  const agent = register(new Agent());
  await agent.load(config, { password, env: {}, ...options });
  return agent;
}

describe('the record', () => {
  test('is that of the agent document, as a line of a zone file', async () => {
    const { agent } = await newAgent({ domain: 'Example.COM' });
    expect(agent.dnsRecord()).toBe(lineOf(agent, 'example.com'));
    expect(agent.dnsRecord({ format: 'zone' })).toBe(agent.dnsRecord());
    expect(agent.dnsRecord({ domain: 'other.test' })).toBe(lineOf(agent, 'other.test'));
  });

  test('is a change of Route 53 that says what it replaces', async () => {
    const { agent } = await newAgent({ domain: 'example.com' });
    const batch = JSON.parse(agent.dnsRecord({ format: 'route53' }));
    expect(batch.Comment).toMatch(/replaces all TXT values/);
    const set = {
      Name: '_v1.agent.jacs.example.com.',
      Type: 'TXT',
      TTL: 300,
      ResourceRecords: [{ Value: `"${recordText(agent.id, agent.publicKey)}"` }],
    };
    expect(batch.Changes).toEqual([{ Action: 'UPSERT', ResourceRecordSet: set }]);
  });

  test('is under the domain of the configuration where the document names none', async () => {
    const place = await newAgent();
    const agent = await loadAgain(place, { jacs_agent_domain: 'of-configuration.test' });
    expect(agent.dnsRecord()).toBe(lineOf(agent, 'of-configuration.test'));
    expect(thrown(() => place.agent.dnsRecord())).toMatchObject({ code: 'JACS_INPUT' });
  });

  test('follows the domain and the key', async () => {
    const place = await newAgent({ domain: 'one.test' });
    const { agent } = place;
    await agent.updateAgent({ domain: 'Two.test.' });
    expect(agent.dnsRecord()).toBe(lineOf(agent, 'two.test'));
    const before = agent.dnsRecord();
    await agent.rotateKeys({ password: place.password });
    expect(agent.dnsRecord()).toBe(lineOf(agent, 'two.test'));
    expect(agent.dnsRecord()).not.toBe(before);
    expect((await loaded(place, { readOnly: true })).dnsRecord()).toBe(agent.dnsRecord());
    await agent.updateAgent({ domain: '' });
    expect(thrown(() => agent.dnsRecord())).toMatchObject({ code: 'JACS_INPUT' });
  });

  test('is refused for what is no domain', async () => {
    const { agent } = await newAgent({ domain: 'example.com' });
    const tooLong = `${Array(4).fill('a'.repeat(60)).join('.')}.test`;
    for (const domain of [...WRONG, '', tooLong, 7]) {
      expect(thrown(() => agent.dnsRecord({ domain }))).toMatchObject({ code: 'JACS_INPUT', name: 'JacsError' });
    }
    for (const options of [{ format: 'bind' }, { domains: 'a.test' }, 'x']) {
      expect(thrown(() => agent.dnsRecord(options))).toMatchObject({ code: 'JACS_INPUT' });
    }
    expect(thrown(() => new Agent().dnsRecord())).toMatchObject({ code: 'JACS_CONFIG' });
  });
});

describe('the domain', () => {
  test('of a new agent makes its own configuration ask DNS', async () => {
    const place = await newAgent({ domain: 'Example.com' });
    expect(read(place.config)).toMatchObject({ jacs_agent_domain: 'example.com', jacs_dns_validate: true });
    expect(JSON.parse(place.agent.agentDocument).jacsAgentDomain).toBe('example.com');
    const { config } = await newAgent();
    expect(read(config)).not.toHaveProperty('jacs_dns_validate');
  });

  test('in the configuration follows updateAgent, signed', async () => {
    const place = await newAgent({ domain: 'one.test' });
    await place.agent.updateAgent({ name: 'other' });
    expect(read(place.config).jacs_agent_domain).toBe('one.test');
    await place.agent.updateAgent({ domain: 'two.test' });
    expect(read(place.config).jacs_agent_domain).toBe('two.test');
    expect(await place.agent.verifyDocument(fs.readFileSync(place.config, 'utf8'))).toBe(true);
    await place.agent.updateAgent({ domain: '' });
    expect(read(place.config)).not.toHaveProperty('jacs_agent_domain');
    expect(await (await loaded(place)).createDocument({ n: 1 })).toContain(place.agent.version);
  });

  test('in a configuration that named none is not added', async () => {
    const place = await newAgent();
    await place.agent.updateAgent({ domain: 'two.test' });
    expect(read(place.config)).not.toHaveProperty('jacs_agent_domain');
    expect((await loaded(place)).dnsRecord()).toBe(lineOf(place.agent, 'two.test'));
  });

  test('in the configuration is changed by whoever comes after a crash', async () => {
    const place = await newAgent({ domain: 'one.test' });
    const before = fs.readFileSync(place.config, 'utf8');
    const document = place.agent.agentDocument;
    await place.agent.updateAgent({ domain: 'two.test' });
    // As it was the moment after the step that decided: nothing is in its place yet.
    const after = fs.readFileSync(place.config, 'utf8');
    const { id, version, agentDocument } = place.agent;
    const changing = path.join(place.keys, '.changing');
    fs.mkdirSync(changing, { mode: 0o700 });
    const configuration = { path: place.config, before: createHash('sha256').update(before).digest('hex') };
    const plan = { agent: `${id}:${version}`, retired: null, configuration };
    for (const [name, text] of Object.entries({
      'plan.json': JSON.stringify(plan),
      agent: agentDocument,
      configuration: after,
    })) {
      fs.writeFileSync(path.join(changing, name), text, { mode: 0o600 });
    }
    fs.rmSync(path.join(place.keys, 'agents', id, `${version}.json`));
    fs.writeFileSync(place.config, before);
    expect(JSON.parse(document).jacsAgentDomain).toBe('one.test');
    const agent = await loaded(place);
    expect(agent.version).toBe(version);
    expect(agent.dnsRecord()).toBe(lineOf(agent, 'two.test'));
    expect(fs.readFileSync(place.config, 'utf8')).toBe(after);
    expect(fs.existsSync(changing)).toBe(false);
  });

  test('that is none changes nothing', async () => {
    const place = await newAgent({ domain: 'one.test' });
    const before = treeOf(place.folder, { times: true });
    for (const domain of WRONG) await refusal(place.agent.updateAgent({ name: 'x', domain }), 'JACS_INPUT');
    expect(treeOf(place.folder, { times: true })).toEqual(before);
    const folder = temporaryFolder();
    const options = { configPath: path.join(folder, 'jacs.config.json'), password: place.password, env: {} };
    for (const domain of [...WRONG, '']) await refusal(Agent.create({ ...options, domain }), 'JACS_INPUT');
    expect(treeOf(folder)).toEqual({});
  });
});

describe('jacs-agent dns-record', () => {
  const WITHOUT_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

  test('prints the record, without a password', async () => {
    const workspace = await withAgent();
    const agent = register(new Agent());
    await agent.load(workspace.path('jacs.config.json'), { readOnly: true, env: {} });
    const args = ['dns-record', '--domain', 'example.com'];
    const line = lineOf(agent, 'example.com');
    expect(await workspace.done(args, WITHOUT_PASSWORD)).toBe(`${line}\n`);
    expect(JSON.parse(await workspace.done([...args, '--json']))).toEqual({ format: 'zone', record: line });
    const change = await workspace.done([...args, '--format', 'route53']);
    expect(JSON.parse(change)).toEqual(JSON.parse(agent.dnsRecord({ domain: 'example.com', format: 'route53' })));
    await workspace.refused(['dns-record'], 'JACS_INPUT');
    await workspace.refused(['dns-record', '--domain', 'a b'], 'JACS_INPUT');
    await workspace.misused(['dns-record', '--format', 'bind']);
  });

  test('help says what the form of Route 53 replaces', async () => {
    const workspace = await withAgent();
    const help = (await workspace.done(['dns-record', '--help'])).replace(/\s+/g, ' ');
    expect(help).toContain('which replaces all TXT values of the name');
  });
});
