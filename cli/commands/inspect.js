'use strict';

const { defineContents } = require('../attachments.js');
const { defineTrust } = require('../options.js');
const { inspected } = require('./verify.js');

function define(command) {
  defineContents(defineTrust(command))
    .description('report on a document; exit code 0 whenever a report could be made, valid or not')
    .argument('[subject]', 'a file, the key of a stored document, or - or nothing for standard input');
}

const examples = ['jacs-agent inspect document.json', 'jacs-agent inspect "$key" --json | jq .checks'];

async function run(session, subject) {
  await inspected(session, subject);
}

module.exports = { define, examples, run };
