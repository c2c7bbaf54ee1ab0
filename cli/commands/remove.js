'use strict';

const { WrongUse } = require('../failure.js');
const { definePassword } = require('../options.js');
const { canAsk, confirm } = require('../prompt.js');

function define(command) {
  definePassword(command)
    .description('remove a version, or a whole document')
    .argument('<key>', 'id:version; id with --all-versions')
    .option('--all-versions', 'remove every version of the document, oldest first')
    .option('--yes', 'do not ask; needed where standard input is no terminal');
}

const examples = ['jacs-agent remove "$key"', 'jacs-agent remove "$id" --all-versions --yes'];

async function run(session, key) {
  const { allVersions = false, yes, json } = session.options;
  if (!yes && !canAsk()) throw new WrongUse('nobody can be asked here: give --yes to remove without a question');
  if (!yes && !(await confirm(`Remove ${allVersions ? 'all versions of ' : ''}${key}?`, session.signal))) {
    await session.note('nothing was removed');
    return 1;
  }
  const agent = await session.openSigner();
  await agent.removeDocument(key, { allVersions });
  return json ? session.output.json({ removed: key, allVersions }) : session.note(`removed ${key}`);
}

module.exports = { define, examples, run };
