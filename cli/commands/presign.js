'use strict';

const { secondsUpTo } = require('../duration.js');

/** Seven days, which is what AWS allows. */
const LONGEST = 604_800;

function define(command) {
  command
    .description('print a URL that gives a document, or an attachment of it, to whoever has it; storage aws only')
    .argument('<key>', 'id:version, or id for what is the newest version now')
    .requiredOption(
      '--expires-in <time>',
      'how long the URL is good for: seconds, or 15m, 24h, 7d; at most 7d',
      secondsUpTo(LONGEST),
    )
    .option('--path <path>', 'of a stored attachment of the document: the URL gives its bytes');
}

const examples = [
  'jacs-agent presign "$id" --expires-in 24h',
  'jacs-agent presign "$id" --expires-in 15m --path scan.pdf',
];

async function run(session, key) {
  const { expiresIn: expiresInSeconds, path, json } = session.options;
  const agent = await session.openReader();
  const url = await agent.presign(key, { expiresInSeconds, path });
  await (json ? session.output.json({ url, expiresInSeconds }) : session.output.write(`${url}\n`));
}

module.exports = { define, examples, run };
