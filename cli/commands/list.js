'use strict';

const { wholeNumber } = require('../options.js');

const KEY_WIDTH = 73;
const BYTES_WIDTH = 10;

function define(command) {
  command
    .description('list stored documents: key, bytes, time of the last change')
    .option('--all-versions', 'every version, not only the newest')
    .option('--after <id>', 'start behind this document id')
    .option('--limit <count>', 'stop after so many', wholeNumber)
    .option('--type <type>', 'only documents of this jacsType; reads and verifies each')
    .option('--agent <id>', 'only documents signed by this agent; reads and verifies each')
    .option('--since <time>', 'only versions made since then, RFC 3339');
}

const examples = [
  'jacs-agent list',
  'jacs-agent list --type invoice --since 2025-01-01T00:00:00Z',
  'jacs-agent list --all-versions --json | jq -r .key',
];

async function run(session) {
  const { output, signal, options } = session;
  const { allVersions, after, limit, type, agent: agentId, since, json } = options;
  const agent = await session.openReader();
  if (output.isTerminal && !json) await printEntry(output, { key: 'KEY', bytes: 'BYTES', modified: 'MODIFIED' });
  for await (const entry of agent.listDocuments({ allVersions, after, limit, type, agentId, since, signal })) {
    await (json ? output.json(entry) : printEntry(output, entry));
    // Nobody reads the rest, as behind `head`.
    if (output.closed) break;
  }
}

function printEntry(output, { key, bytes, modified }) {
  const size = String(bytes ?? '-');
  return output.row([key, output.isTerminal ? size.padStart(BYTES_WIDTH) : size, modified], [KEY_WIDTH]);
}

module.exports = { define, examples, run };
