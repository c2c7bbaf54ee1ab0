'use strict';

const { checkFiles, readText } = require('../input.js');
const { collect, defineDocument, documentOptions } = require('../options.js');

function define(command) {
  defineDocument(command)
    .description('replace the newest version of a document by a new one, and print that')
    .argument('<key>', 'id:version that is replaced; id when the text carries jacsVersion')
    .argument('[file]', 'the new content, a JSON document; - or nothing: standard input')
    .option('--merge <key>', 'another head that this version closes; may be repeated', collect);
}

const examples = [
  'jacs-agent update "$key" invoice.json',
  'jacs-agent get "$id" | jq -c \'.paid = true\' | jacs-agent update "$id" -',
  'jacs-agent update "$winner" merged.json --merge "$loser"',
];

async function run(session, key, file) {
  const { merge: merges } = session.options;
  checkFiles([file]);
  const agent = await session.openSigner();
  const text = await readText(file, session.signal);
  await session.output.document(await agent.updateDocument(key, text, { ...documentOptions(session), merges }));
}

module.exports = { define, examples, run };
