'use strict';

const { Option } = require('commander');
const { domainOf, sha256Of } = require('../keys.js');
const { definePassword } = require('../options.js');
const { fromEnvironment } = require('../password.js');

function define(command) {
  definePassword(command)
    .description('make a new key for the agent, proved by the old one, which is kept, encrypted, and retired')
    .option('--new-password-file <path>', 'read the password of the new key from this file (default: the present one)')
    .addOption(
      new Option('--algorithm <name>', 'of the new key (default: that of the present one)').choices([
        'ring-Ed25519',
        'pq2025',
      ]),
    )
    .option(
      '--compromised',
      'somebody else may have the old key: what it signed counts only where it is pinned, or where a later version by the new key names it',
    );
}

const examples = [
  'jacs-agent rotate-keys',
  'jacs-agent rotate-keys --algorithm pq2025 --new-password-file new.txt',
  'jacs-agent rotate-keys --compromised',
];

const WIDTHS = [13];

async function run(session) {
  const { options, output } = session;
  const { algorithm, compromised = false } = options;
  const newPassword = await session.readPassword(options.newPasswordFile);
  const agent = await session.openSigner();
  const password = session.password ?? (await fromEnvironment());
  const [before, oldSha256] = [agent.version, sha256Of(agent)];
  try {
    const reason = compromised ? 'compromised' : 'scheduled';
    await agent.rotateKeys({ password, newPassword, algorithm, reason });
  } catch (error) {
    // The change was made and could not be told to the storage.
    if (agent.version !== before) await session.note('the keys are replaced; the next save stores the agent document');
    throw error;
  }
  const made = {
    key: `${agent.id}:${agent.version}`,
    algorithm: agent.algorithm,
    keySha256: sha256Of(agent),
    oldKeySha256: oldSha256,
  };
  if (options.json) return output.json(made);
  await output.row(['agent', made.key], WIDTHS);
  await output.row(['algorithm', made.algorithm], WIDTHS);
  await output.row(['key', made.keySha256], WIDTHS);
  await output.row(['old key', made.oldKeySha256], WIDTHS);
  for (const remark of remarks(agent, compromised)) await session.note(remark);
}

/** What became of the old key, and what is left for others to do. */
function* remarks(agent, compromised) {
  yield 'the old key is kept beside the new one, encrypted and marked `.retired`; what it signs from now on is not valid';
  if (compromised) {
    yield 'what the old key signed counts only where it is pinned, or where a later version by the new key names it';
    yield 'who pinned the old key should pin the new one: hand them `jacs-agent trust show`';
  } else {
    yield 'pins follow the proof where the new agent document is seen; elsewhere hand out `jacs-agent trust show`';
  }
  const domain = domainOf(agent.agentDocument);
  if (domain) yield `publish the DNS record of ${domain} anew: it names the old key`;
  yield 'other processes of this agent must load it again';
}

module.exports = { define, examples, run };
