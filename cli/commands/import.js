'use strict';

const { Option } = require('commander');
const { wholeNumber } = require('../options.js');
const { publicApi } = require('../session.js');
const { defineTransfer, goingOn, transfer, transferOptions } = require('../transfer.js');

function define(command) {
  defineTransfer(command)
    .description('bring the documents of a .tar.gz into the storage, verified; nothing is replaced')
    .argument('<file>', 'the archive')
    .addOption(
      new Option(
        '--agents <whose>',
        'documents of agents that the storage knows, or of any (default: any into an empty storage, else known)',
      ).choices(['known', 'any']),
    )
    .option('--restore', "needs no agent: into the storage of --config's configuration")
    .option('--max-entries <count>', 'refuse an archive of more entries (default: 10000000)', wholeNumber)
    .option('--max-bytes <count>', 'refuse one of more unpacked bytes (default: 1 TiB)', wholeNumber)
    .option('--max-ratio <count>', 'refuse one of more unpacked bytes for each packed one (default: 200)', wholeNumber);
}

const examples = [
  'jacs-agent import backup.tar.gz',
  'jacs-agent import from-partner.tar.gz --agents any --dry-run',
  'jacs-agent import backup.tar.gz --restore --config new.config.json',
];

async function run(session, file) {
  const { agents, maxEntries, maxBytes, maxRatio } = session.options;
  const options = { ...transferOptions(session), agents, maxEntries, maxBytes, maxRatio };
  const extra = ({ newAgents = [] }) => newAgents.map((id) => ['new agent', id]);
  const bringIn = (call) =>
    transfer(session, { resume: goingOn(session), extra }, (listeners) => call({ ...options, ...listeners }));
  if (session.options.restore) return restore(session, file, bringIn);
  const agent = await session.openSigner();
  return bringIn((all) => agent.importArchive(file, all));
}

function restore(session, file, bringIn) {
  session.refuseOffline();
  const { Agent } = publicApi();
  const { config, sign } = session.options;
  const into = (password) => bringIn((all) => Agent.importArchive(config, file, { ...all, password }));
  return sign === undefined ? into() : session.withPassword(into);
}

module.exports = { define, examples, run };
