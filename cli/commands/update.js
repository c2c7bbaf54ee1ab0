'use strict';

const { attaching, checkAttachments, defineAttachments } = require('../attachments.js');
const { checkFiles, readText } = require('../input.js');
const { collect, defineDocument, documentOptions } = require('../options.js');

function define(command) {
  defineAttachments(defineDocument(command))
    .description('replace the newest version of a document by a new one, and print that')
    .argument('<key>', 'id:version that is replaced; id when the text carries jacsVersion')
    .argument('[file]', 'the new content, a JSON document; - or nothing: standard input')
    .option('--merge <key>', 'another head that this version closes; may be repeated', collect);
}

const examples = [
  'jacs-agent update "$key" invoice.json',
  'jacs-agent get "$id" | jq -c \'.paid = true\' | jacs-agent update "$id" -',
  'jacs-agent update "$key" invoice.json --attach scan.pdf',
  'jacs-agent update "$winner" merged.json --merge "$loser"',
];

async function run(session, key, file) {
  const { merge: merges } = session.options;
  checkFiles([file]);
  checkAttachments(session.options);
  const agent = await session.openSigner();
  const text = await readText(file, session.signal);
  const document = await attaching(session, (attachments) =>
    agent.updateDocument(key, text, { ...documentOptions(session), ...attachments, merges }),
  );
  await session.output.document(document);
}

module.exports = { define, examples, run };
