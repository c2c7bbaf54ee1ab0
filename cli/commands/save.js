'use strict';

const { checkFiles, readText } = require('../input.js');
const { definePassword } = require('../options.js');

function define(command) {
  definePassword(command)
    .description('verify an already signed document, store it and print it')
    .argument('[file]', 'the signed document; - or nothing: standard input');
}

const examples = ['jacs-agent save from-partner.json', 'jacs-agent create --no-save draft.json | jacs-agent save -'];

async function run(session, file) {
  checkFiles([file]);
  const agent = await session.openSigner();
  const text = await readText(file, session.signal);
  await session.output.document(await agent.saveDocument(text));
}

module.exports = { define, examples, run };
