'use strict';

const { standing } = require('../verification.js');

const WIDTHS = [73, 30];

function define(command) {
  command
    .description('list the versions of a document, oldest first: key, date, standing')
    .argument('<id>', 'id of the document');
}

const examples = [
  'jacs-agent versions 2b0f3c1e-5f0a-4c7e-9b1d-0a1b2c3d4e5f',
  'jacs-agent versions "$id" --json | jq -r \'select(.head) | .key\'',
];

async function run(session, id) {
  const { output, options } = session;
  const agent = await session.openReader();
  for (const entry of await agent.versions(id)) {
    await (options.json ? output.json(entry) : output.row([entry.key, entry.date, standing(entry)], WIDTHS));
  }
}

module.exports = { define, examples, run };
