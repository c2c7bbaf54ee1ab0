'use strict';

const { resolve } = require('node:path');
const { objects, sizeOf } = require('../amounts.js');
const { WrongUse } = require('../failure.js');
const { definePassword, share } = require('../options.js');
const { told, withoutFindings } = require('../transfer.js');

function define(command) {
  definePassword(command)
    .description(
      'look at every object of the storage; exit code 1 if one is damaged and not repaired, or not to be had',
    )
    .option('--since <time>', 'only versions made since then, RFC 3339, and the attachments that they name')
    .option('--sample <share>', 'only so many of the documents, such as 5%, chosen anew each time', share)
    .option('--resume <file>', 'what is checked already, to go on from after an interruption')
    .option('--repair-from <config>', 'fetch what is damaged or missing from this mirror; needs the password')
    .option('--quarantine <directory>', 'where to put what is replaced (default: "./jacs_quarantine")');
}

const examples = [
  'jacs-agent check',
  'jacs-agent check --sample 5% --json | jq "select(.finding).finding"',
  'jacs-agent check --resume check.resume',
  'jacs-agent check --repair-from backup.config.json --quarantine ./damaged',
];

const WIDTHS = [13];

async function run(session) {
  const { since, sample, resume: file, repairFrom, quarantine, json } = session.options;
  if (quarantine !== undefined && repairFrom === undefined) throw new WrongUse('--quarantine needs --repair-from');
  const agent = await (repairFrom === undefined ? session.openReader() : session.openSigner());
  const options = { since, sample, resume: file, repairFrom, quarantine };
  const { report, heard } = await told(session, { failures: 'damaged', resume: () => goingOn(session) }, (listeners) =>
    agent.check({ ...options, ...listeners }),
  );
  await (json ? session.output.json({ report: withoutFindings(report) }) : print(session, report, heard));
  return report.damaged > report.repaired || heard.unchecked > 0 ? 1 : 0;
}

function goingOn({ options, commandLine }) {
  const { resume } = options;
  if (resume !== undefined) return { how: `to go on there: ${commandLine}`, path: resolve(resume) };
  return { how: `to begin again: ${commandLine} (with --resume FILE it can go on)` };
}

async function print({ output, options }, report, heard) {
  const { scanned, bytes, damaged, repaired, complete, resume } = report;
  const rows = [
    ['checked', `${objects(scanned)}, ${sizeOf(bytes)}`],
    ['damaged', objects(damaged)],
    options.repairFrom !== undefined && ['repaired', objects(repaired)],
    ['notes', `${heard.note}`],
    heard.unchecked > 0 && ['not checked', objects(heard.unchecked)],
    ['complete', complete ? 'yes' : 'no: not every object was looked at'],
    resume !== undefined && ['go on from', resume],
  ];
  for (const row of rows.filter(Boolean)) await output.row(row, WIDTHS);
}

module.exports = { define, examples, run };
