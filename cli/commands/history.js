'use strict';

const { defineTrust, trustOptions } = require('../options.js');
const { standing } = require('../verification.js');

const WIDTHS = [73, 30, 20, 7];

function define(command) {
  defineTrust(command)
    .description('verify every version of a document and how they hang together; exit code 1 unless all is well')
    .argument('<id>', 'id of the document');
}

const examples = ['jacs-agent history 2b0f3c1e-5f0a-4c7e-9b1d-0a1b2c3d4e5f', 'jacs-agent history "$id" --json'];

async function run(session, id) {
  const { output, options } = session;
  const agent = await session.openReader();
  const history = await agent.verifyHistory(id, trustOptions(session));
  await (options.json ? output.json(history) : print(history, output));
  return history.valid ? 0 : 1;
}

async function print({ valid, owner, versions, gaps }, output) {
  for (const version of versions) {
    const verdict = version.valid ? 'valid' : `invalid: ${version.code}`;
    await output.row([version.key, version.date, verdict, version.chain, standing(version)], WIDTHS);
  }
  for (const gap of gaps) await output.row(['gap', gap]);
  if (owner !== undefined) await output.row(['owner', owner]);
  await output.row(['valid', valid ? 'yes' : 'no']);
}

module.exports = { define, examples, run };
