'use strict';

const { WrongUse } = require('../failure.js');
const { domainOf } = require('../keys.js');
const { definePassword } = require('../options.js');

function define(command) {
  definePassword(command)
    .description('write and print a new version of the own agent document, by the same key')
    .option('--name <name>', 'name in the agent document')
    .option('--description <text>', 'description in the agent document')
    .option('--domain <domain>', 'DNS domain of the agent; an empty one removes it');
}

const examples = [
  'jacs-agent update-agent --name "Invoice robot 2"',
  'jacs-agent update-agent --domain example.com',
  "jacs-agent update-agent --domain ''",
];

async function run(session) {
  const { name, description, domain } = session.options;
  const nothing = [name, description, domain].every((value) => value === undefined);
  if (nothing) throw new WrongUse('nothing is to be changed: give --name, --description or --domain');
  const agent = await session.openSigner();
  const before = domainOf(agent.agentDocument);
  const text = await agent.updateAgent({ name, description, domain });
  await session.output.document(text);
  const now = domainOf(text);
  if (now !== before && now)
    await session.note(`publish the DNS record of the key below ${now}: jacs-agent dns-record`);
  if (now !== before && before)
    await session.note(
      `leave the DNS record below ${before} there: documents that were signed with it are still looked up`,
    );
}

module.exports = { define, examples, run };
