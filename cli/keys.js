'use strict';
// What people are told about the agent's key and domain.

const { createHash } = require('node:crypto');

/** Of the raw public key, hex: what two people compare. */
function sha256Of({ publicKey }) {
  return createHash('sha256').update(publicKey).digest('hex');
}

/** The domain in an agent document, or `undefined`. */
function domainOf(agentDocument) {
  return JSON.parse(agentDocument).jacsAgentDomain || undefined;
}

module.exports = { domainOf, sha256Of };
