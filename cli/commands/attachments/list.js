'use strict';

const { createHash } = require('node:crypto');
const { contentsOptions, defineContents } = require('../../attachments.js');
const { Refusal } = require('../../failure.js');
const { checkFiles, isKey, readSubject } = require('../../input.js');
const { defineTrust, trustOptions } = require('../../options.js');
const { attachmentState } = require('../../verification.js');

const HEAD = { path: 'PATH', bytes: 'BYTES', mimetype: 'TYPE', sha256: 'SHA256', where: 'WHERE', state: 'STATE' };

function define(command) {
  defineContents(defineTrust(command))
    .description('verify a document and list its attachments; exit code 1 if a stored one is missing or one is altered')
    .argument('[subject]', 'a file, the key of a stored document, or - or nothing for standard input');
}

const examples = [
  'jacs-agent attachments list document.json',
  'jacs-agent attachments list "$key" --contents',
  'jacs-agent attachments list "$key" --json | jq -r \'select(.where == "store") | .sha256\'',
];

async function run(session, subject) {
  const { output, options } = session;
  checkFiles([subject]);
  const agent = await session.openReader();
  const text = await textOf(session, agent, subject);
  const report = await agent.inspectDocument(text, { ...trustOptions(session), ...contentsOptions(session) });
  refuseUnlessSigned(report);
  const { jacsFiles = [] } = JSON.parse(text);
  const entries = report.attachments.map((entry, index) => described(entry, jacsFiles[index]));
  if (options.json) for (const entry of entries) await output.json(entry);
  else await printTable(entries, output);
  return report.valid ? 0 : 1;
}

/** Only the hash is looked at here: all else is verified with the text, and then told with the list. */
function textOf({ signal }, agent, subject) {
  return isKey(subject) ? agent.getDocument(subject, { verify: 'hash', signal }) : readSubject(subject, signal);
}

/** What a document says of its attachments is worth telling only if somebody signed it. */
function refuseUnlessSigned({ code, checks, key }) {
  const failed = checks.find(({ name, ok }) => !ok && name !== 'attachments');
  if (failed) throw new Refusal(code, `the document is not valid: ${failed.detail ?? failed.name}`, { key });
}

function described({ path, sha256, where, present, ok }, { mimetype, contents }) {
  return {
    path,
    bytes: where === 'document' ? bytesOf(contents, sha256) : undefined,
    mimetype,
    sha256,
    where,
    present,
    ok,
  };
}

/** In the form of `jacs` the hash is another, and the bytes are known only once they are inflated. */
function bytesOf(contents, sha256) {
  const bytes = Buffer.from(contents, 'base64');
  return createHash('sha256').update(bytes).digest('hex') === sha256 ? bytes.length : undefined;
}

async function printTable(entries, output) {
  const rows = entries.map((entry) => ({ ...entry, state: attachmentState(entry) }));
  if (output.isTerminal && rows.length > 0) rows.unshift(HEAD);
  const columns = Object.keys(HEAD);
  const widths = columns.map((name) => Math.max(...rows.map((row) => String(row[name] ?? '-').length)));
  for (const row of rows) {
    const cells = columns.map((name) => row[name]);
    await output.row(cells, widths);
  }
}

module.exports = { define, examples, run };
