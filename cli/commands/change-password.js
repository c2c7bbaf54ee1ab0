'use strict';

const { Refusal } = require('../failure.js');
const { definePassword } = require('../options.js');
const { fromEnvironment } = require('../password.js');
const { askNew, canAsk } = require('../prompt.js');

function define(command) {
  definePassword(command)
    .description('encrypt the private key with another password')
    .option('--new-password-file <path>', 'read the new password from this file');
}

const examples = [
  'jacs-agent change-password',
  'jacs-agent change-password --password-file old.txt --new-password-file new.txt',
];

async function run(session) {
  const { options, signal } = session;
  const agent = await session.openSigner();
  const password = session.password ?? (await fromEnvironment());
  const newPassword = (await session.readPassword(options.newPasswordFile)) ?? (await ask(signal));
  await agent.changePassword({ password, newPassword });
  return options.json ? session.output.json({ changed: agent.id }) : session.note('the password was changed');
}

function ask(signal) {
  if (canAsk()) return askNew('New password', signal);
  throw new Refusal('JACS_PASSWORD', 'no new password was given: name a file with --new-password-file');
}

module.exports = { define, examples, run };
