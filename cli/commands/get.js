'use strict';

const { Option } = require('commander');
const { defineTrust, trustOptions } = require('../options.js');

function define(command) {
  defineTrust(command)
    .description('print a stored document, verified')
    .argument('<key>', 'id:version, or id for the newest version')
    .addOption(new Option('--verify <how>', 'hash: only that the bytes are what was written').choices(['full', 'hash']))
    .addOption(
      new Option('--on-fork <what>', 'error: refuse a document with several heads').choices(['winner', 'error']),
    );
}

const examples = [
  'jacs-agent get 2b0f3c1e-5f0a-4c7e-9b1d-0a1b2c3d4e5f',
  'jacs-agent get "$key" --signed-by "$partner" --minimum-trust pinned > document.json',
];

async function run(session, key) {
  const { verify, onFork } = session.options;
  const agent = await session.openReader();
  await session.output.document(await agent.getDocument(key, { ...trustOptions(session), verify, onFork }));
}

module.exports = { define, examples, run };
