'use strict';

const HEAD = ['AGENT', 'STATE', 'SINCE', 'ALGORITHM', 'SHA256 OF KEY'];
const WIDTHS = [36, 7, 30, 12];

function define(command) {
  command.description('list the entries of the trust store: agents that are pinned, and agents that are blocked');
}

const examples = ['jacs-agent trust list', "jacs-agent trust list --json | jq -r 'select(.blocked) | .agentId'"];

async function run(session) {
  const { output, options } = session;
  const agent = await session.openReader();
  const entries = await agent.trustedAgents();
  if (output.isTerminal && !options.json && entries.length > 0) await output.row(HEAD, WIDTHS);
  for (const entry of entries) await (options.json ? output.json(entry) : print(output, entry));
}

function print(output, { agentId, blocked, since, algorithm, keySha256 }) {
  return output.row([agentId, blocked ? 'blocked' : 'pinned', since, algorithm, keySha256], WIDTHS);
}

module.exports = { define, examples, run };
