'use strict';
// DNS servers of a test's own, and what an agent's domain says in them.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { temporaryFolder } = require('./folder.js');
const { startOwn } = require('./servers.js');

/**
 * A DNS server of the test's own (bind9), as `servers.dns` and with what `startOwn` can do. `zones` are those of
 * `scripts/servers/dns.mjs`: `{ 'example.test': { dnssec: 'unsigned', records: [agentRecord(...)] } }`, all below `test`. 1 s.
 */
async function startDns({ zones = {} } = {}) {
  const file = path.join(temporaryFolder(), 'zones.json');
  const write = (zones) => fs.writeFileSync(file, JSON.stringify(zones));
  write(zones);
  const server = await startOwn('dns', ['--zones', file]);
  return Object.assign(server, {
    /** Puts other zones in the place of all; resolves when they are answered. What was kept elsewhere lives on: TTL. */
    publish: async (zones) => {
      write(zones);
      await server.restart();
    },
    /** The settings with which an agent asks this server. */
    settings: { jacs_dns_servers: server.address, jacs_dns_trust_anchor: server.anchor, jacs_dns_validate: true },
  });
}

/** The text of the record that names a raw public key as an agent's, made without the code under test. */
function recordText(agent, publicKey) {
  const digest = createHash('sha256').update(publicKey).digest('base64');
  return `v=jacs; jacs_agent_id=${agent}; alg=SHA-256; enc=base64; jac_public_key_hash=${digest}`;
}

/**
 * A line of a zone file: a TXT record about an agent. `below` is the rest of the agent's domain, before the zone's name; a TTL
 * of 0 lets nobody keep it.
 */
function agentRecord(text, { below = '', ttl = 0 } = {}) {
  const strings = text.match(/.{1,255}/g).map((string) => `"${string.replace(/["\\]/g, '\\$&')}"`);
  return `_v1.agent.jacs${below && `.${below}`} ${ttl} TXT ${strings.join(' ')}`;
}

module.exports = { startDns, recordText, agentRecord };
