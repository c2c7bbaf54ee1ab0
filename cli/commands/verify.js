'use strict';

const { contentsOptions, defineContents } = require('../attachments.js');
const { verifyBundle } = require('../bundle.js');
const { checkFiles, readSubject } = require('../input.js');
const { defineTrust, trustOptions } = require('../options.js');
const { printVerification } = require('../verification.js');

function define(command) {
  defineContents(defineTrust(command))
    .description('verify a document; exit code 1 unless every check held')
    .argument('[subject]', 'a file, the key of a stored document, or - or nothing for standard input')
    .option(
      '--bundle',
      'verify all documents of the bundle in this file; needs no configuration, no storage and no network',
    );
}

const examples = [
  'jacs-agent verify document.json',
  'jacs-agent verify 2b0f3c1e-5f0a-4c7e-9b1d-0a1b2c3d4e5f --signed-by "$partner"',
  'curl -s https://example.com/document.json | jacs-agent verify - --json',
  'jacs-agent verify --bundle from-partner.tar.gz --signed-by "$partner"',
];

async function run(session, subject) {
  if (session.options.bundle) return verifyBundle(session, subject);
  return (await inspected(session, subject)).valid ? 0 : 1;
}

/** Verifies and prints the report. */
async function inspected(session, subject) {
  const { output, options, signal } = session;
  checkFiles([subject]);
  const agent = await session.openReader();
  const document = await readSubject(subject, signal);
  const report = await agent.inspectDocument(document, { ...trustOptions(session), ...contentsOptions(session) });
  await (options.json ? output.json(report) : printVerification(report, output));
  return report;
}

module.exports = { define, examples, inspected, run };
