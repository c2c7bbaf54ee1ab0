'use strict';
// What moves or looks at a whole storage: its options, what is told on the way, and the report at the end.

const { lstat, writeFile } = require('node:fs/promises');
const { resolve } = require('node:path');
const { Option } = require('commander');
const { objects, sizeOf } = require('./amounts.js');
const { Refusal } = require('./failure.js');
const { definePassword, wholeNumber } = require('./options.js');
const { withProgress } = require('./progress.js');

const FINDING_WIDTHS = [6, 20];
const WIDTHS = [13];

/** Findings that a report holds at most. */
const IN_A_REPORT = 10_000;

function defineTransfer(command) {
  return definePassword(command)
    .option('--dry-run', 'write nothing, only say what would be done')
    .option('--concurrency <count>', 'objects under way at the same time (default: 64)', wholeNumber)
    .addOption(
      new Option('--sign <file>', 'write a document to this new file that says what was transferred, signed').conflicts(
        'dryRun',
      ),
    );
}

function defineKeepInvalid(command) {
  return command.option('--keep-invalid', 'also what its hash or signature says is altered; it is told all the same');
}

function transferOptions({ options }) {
  const { dryRun, concurrency, keepInvalid, sign } = options;
  return { dryRun, concurrency, keepInvalid, sign: sign !== undefined };
}

/**
 * Runs `call(listeners)`, and tells of it: how far it is, and each finding as it comes. Gives its report, with how many
 * findings there were of each severity. `resume(error)`: how to go on where it was interrupted, and from which file.
 */
async function told(session, { failures = 'failed', resume }, call) {
  const findings = new Findings(session);
  const failed = (error, latest) => {
    const isInterrupted = error.code === 'JACS_ABORTED';
    if (!isInterrupted && !error.retryable) return error;
    const message = isInterrupted ? `interrupted: ${doneOf(latest)}` : error.message;
    const { how, path = error.path } = resume(error);
    const { code, key, retryable, cause } = error;
    return new Refusal(code, `${message}; ${how}`, { key, path, retryable, cause });
  };
  const report = await withProgress(session, { drawing: 'objects', failures, failed }, (bar) => {
    const onFinding = (finding) => {
      // What cannot be written cannot be written at the end either, and is told then.
      bar.above(() => findings.tell(finding)).catch(() => undefined);
    };
    return call({ onFinding, onProgress: bar.onProgress, signal: session.signal });
  });
  await findings.tellOthers(report.failures ?? report.findings);
  return { report, heard: findings.heard };
}

/** What was found, one line each. */
class Findings {
  /** How many of each severity; and, of those that are notes, of objects that nobody could look at. */
  heard = { damage: 0, note: 0, unchecked: 0 };
  #session;
  #told = new Set();

  constructor(session) {
    this.#session = session;
  }

  async tell(finding) {
    if (this.#told.size < IN_A_REPORT) this.#told.add(JSON.stringify(finding));
    await this.#write(finding);
  }

  /** Of the report: a call that goes on where another was stopped tells by itself only what it found itself. */
  async tellOthers(all) {
    for (const finding of all) if (!this.#told.has(JSON.stringify(finding))) await this.#write(finding);
  }

  #write(finding) {
    const { options, output, notes } = this.#session;
    this.heard[finding.severity] += 1;
    if (finding.kind === 'unchecked') this.heard.unchecked += 1;
    return options.json ? output.json({ finding }) : notes.row(rowOf(finding), FINDING_WIDTHS);
  }
}

function rowOf({ severity, kind, key, path, message, repaired }) {
  const outcome = repaired ? ' (repaired)' : '';
  const isNamed = key === undefined || path === undefined || key.split(':').every((part) => path.includes(part));
  const about = isNamed ? '' : ` [key: ${key}]`;
  return [severity, kind, path ?? key, `${message}${outcome}${about}`];
}

function doneOf({ done, total } = { done: 0 }) {
  const all = total === undefined ? objects(done) : `${done} of ${objects(total)}`;
  return `${all} ${done === 1 && total === undefined ? 'is' : 'are'} done`;
}

/** For `resume`, where a file says what is done; without it all is looked at again, and what is there by then is not copied again. */
function goingOn({ options, commandLine }, checkpoint) {
  if (options.dryRun) return () => ({ how: `nothing was written; to begin again: ${commandLine}` });
  if (checkpoint === undefined) return () => ({ how: `what is there stays; for the rest: ${commandLine}` });
  return () => ({ how: `to go on there: ${commandLine}`, path: resolve(checkpoint) });
}

/**
 * Runs one transfer from its beginning to the report. `call(listeners)` makes it; `resume` as above; `extra(report)` are
 * further lines of the summary. Gives the exit code.
 */
async function transfer(session, { resume, extra = () => [] }, call) {
  const { sign } = session.options;
  if (sign !== undefined) await checkFree(sign);
  const { report, heard } = await told(session, { resume }, call);
  if (session.options.json) await session.output.json({ report: withoutFindings(report) });
  else await printReport(session, report, extra(report));
  if (sign !== undefined) await writeSigned(session, sign, report.signed);
  return codeOf(report, heard);
}

function codeOf({ failed, conflicts }, { damage }) {
  return failed + conflicts + damage > 0 ? 1 : 0;
}

/** They were told as they came, and all of them. */
function withoutFindings({ failures: _, findings: __, ...report }) {
  return report;
}

async function printReport({ output, options }, report, extra) {
  const { copied, same, conflicts, failed, bytes, root } = report;
  const rows = [
    ['copied', `${objects(copied)}, ${sizeOf(bytes)}`],
    ['same', objects(same)],
    ['conflicts', objects(conflicts)],
    ['failed', objects(failed)],
    ...extra,
    ...rootOf(root),
  ];
  if (options.dryRun) rows.unshift(['dry run', 'nothing was written; this is what would be']);
  if (options.sign !== undefined) rows.push(['signed', options.sign]);
  for (const row of rows) await output.row(row, WIDTHS);
}

function rootOf(root) {
  if (root === undefined) return [];
  const { from, to } = root;
  if (from === to) return [['root', `${from} on both sides`]];
  return [
    ['root from', from],
    ['root to', to],
  ];
}

/** At the beginning: hours later it would be too late. */
async function checkFree(file) {
  const found = await lstat(file).catch((error) => error);
  if (found.code === 'ENOENT') return;
  if (found instanceof Error) throw new Refusal('JACS_INPUT', 'the file cannot be made', { path: file, cause: found });
  throw new Refusal('JACS_CONFLICT', 'the file exists', { path: file });
}

async function writeSigned(session, file, signed) {
  try {
    await writeFile(file, signed, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    // With `--json` it stands in the report.
    if (!session.options.json) await session.notes.write(`${signed}\n`);
    throw new Refusal('JACS_UNAVAILABLE', 'the signed document cannot be written; here it is', { path: file, cause });
  }
}

module.exports = {
  codeOf,
  defineKeepInvalid,
  defineTransfer,
  goingOn,
  told,
  transfer,
  transferOptions,
  withoutFindings,
};
