'use strict';

const { sha256Of } = require('../../keys.js');

function define(command) {
  command.description(
    "print the own agent document, for others to `trust add`; its key's SHA-256 goes to standard error, to be compared",
  );
}

const examples = ['jacs-agent trust show > me.json', 'jacs-agent trust show | ssh partner jacs-agent trust add -'];

async function run(session) {
  const agent = await session.openReader();
  await session.output.document(agent.agentDocument);
  return session.note(`SHA-256 of the key, to be told in another way: ${sha256Of(agent)}`);
}

module.exports = { define, examples, run };
