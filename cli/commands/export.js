'use strict';

const { exportBundle } = require('../bundle.js');
const { WrongUse } = require('../failure.js');
const { defineKeepInvalid, defineTransfer, transfer, transferOptions } = require('../transfer.js');

function define(command) {
  defineKeepInvalid(defineTransfer(command))
    .description('write the whole storage, or chosen documents, to a .tar.gz; keys are not in it')
    .argument('<file>', 'the archive')
    .argument('[documents...]', 'with --bundle: keys of documents')
    .option('--overwrite', 'replace the file')
    .option('--bundle', 'only these documents, with all that somebody needs to verify them without a network')
    .option('--all-versions', 'with --bundle: every version of each');
}

const examples = [
  'jacs-agent export backup.tar.gz',
  'jacs-agent export "backup-$(date +%Y%m%d).tar.gz" --json',
  'jacs-agent export --bundle for-partner.tar.gz "$id" "$other"',
];

async function run(session, file, documents) {
  const { sign, overwrite, bundle, allVersions } = session.options;
  if (bundle) return exportBundle(session, file, documents);
  if (documents.length > 0 || allVersions) throw new WrongUse('documents and --all-versions go with --bundle');
  const agent = await (sign === undefined ? session.openReader() : session.openSigner());
  const resume = () => ({ how: `no archive was written; to begin again: ${session.commandLine}` });
  return transfer(session, { resume }, (listeners) =>
    agent.exportArchive(file, { ...transferOptions(session), overwrite, ...listeners }),
  );
}

module.exports = { define, examples, run };
