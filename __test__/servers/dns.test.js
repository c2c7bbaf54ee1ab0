'use strict';
// The DNS server that other suites use says what they take it to say: `delv`, which is no code of ours, validates its zones.

const { randomBytes, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { agentRecord, recordText, startDns } = require('../support/dns.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { run } = require('../support/run.js');
const { servers } = require('../support/servers.js');

/** What delv finds and thinks about the records of a domain. */
async function delv({ address, anchor }, domain) {
  const [host, port] = address.split(':');
  const name = `_v1.agent.jacs.${domain}`;
  const args = [`@${host}`, '-p', port, '-a', anchorsOf(anchor), '+root=test', '+split=0', name, 'TXT'];
  const { stdout, stderr } = await run('delv', args);
  return stdout + stderr;
}

// The same key as bind9 writes it in its settings.
function anchorsOf(file) {
  const [zone, , , flags, protocol, algorithm, ...key] = fs.readFileSync(file, 'utf8').trim().split(/\s+/);
  const anchors = path.join(temporaryFolder(), 'anchors');
  const entry = `"${zone}" static-key ${flags} ${protocol} ${algorithm} "${key.join('')}";`;
  fs.writeFileSync(anchors, `trust-anchors { ${entry} };\n`);
  return anchors;
}

describeWith(['dns', 'delv'], 'the DNS server', () => {
  test.each([
    ['example.test', '; fully validated'],
    ['very-long.example.test', '; fully validated'],
    ['nsec3.test', '; fully validated'],
    ['unsigned.test', '; unsigned answer'],
    ['nowhere.example.test', '; negative response, fully validated'],
    ['bogus.test', 'RRSIG failed to verify'],
    ['expired.test', 'RRSIG has expired'],
    ['stripped.test', 'broken trust chain'],
    ['missing.test', 'resolution failed: failure'],
  ])('%s: %s', async (domain, verdict) => {
    expect(await delv(servers.dns, domain)).toContain(verdict);
  });

  test('of a test publishes records of agents, and others in their place', async () => {
    const [first, second] = [1, 2].map(() => recordText(randomUUID(), randomBytes(32)));
    const server = await startDns({ zones: { 'agents.test': { records: [agentRecord(first)] } } });
    expect(await delv(server, 'agents.test')).toContain(`"${first}"`);
    const unsigned = { dnssec: 'unsigned', records: [agentRecord(first, { below: 'a' })] };
    await server.publish({ 'agents.test': { records: [agentRecord(second)] }, 'more.test': unsigned });
    const now = await delv(server, 'agents.test');
    expect(now).toContain('; fully validated');
    expect(now).toContain(`"${second}"`);
    expect(now).not.toContain(first);
    expect(await delv(server, 'a.more.test')).toContain('; unsigned answer');
    expect(await delv(servers.dns, 'example.test')).toContain('; fully validated');
  });

  test('of a test goes on after it was killed', async () => {
    const text = recordText(randomUUID(), randomBytes(32));
    const server = await startDns({ zones: { 'agents.test': { records: [agentRecord(text)] } } });
    const { address } = server;
    await server.kill();
    expect(await delv(server, 'agents.test')).not.toContain(text);
    await server.restart();
    expect(server.address).toBe(address);
    expect(await delv(server, 'agents.test')).toContain('; fully validated');
  });
});
