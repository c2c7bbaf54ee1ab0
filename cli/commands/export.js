'use strict';

const { defineKeepInvalid, defineTransfer, transfer, transferOptions } = require('../transfer.js');

function define(command) {
  defineKeepInvalid(defineTransfer(command))
    .description('write the whole storage to a .tar.gz; keys are not in it')
    .argument('<file>', 'the archive')
    .option('--overwrite', 'replace the file');
}

const examples = ['jacs-agent export backup.tar.gz', 'jacs-agent export "backup-$(date +%Y%m%d).tar.gz" --json'];

async function run(session, file) {
  const { sign, overwrite } = session.options;
  const agent = await (sign === undefined ? session.openReader() : session.openSigner());
  const resume = () => ({ how: `no archive was written; to begin again: ${session.commandLine}` });
  return transfer(session, { resume }, (listeners) =>
    agent.exportArchive(file, { ...transferOptions(session), overwrite, ...listeners }),
  );
}

module.exports = { define, examples, run };
