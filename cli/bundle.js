'use strict';
// Bundles: chosen documents in one file, for somebody without a network.

const { existsSync } = require('node:fs');
const { WrongUse } = require('./failure.js');
const { trustOptions } = require('./options.js');
const { publicApi } = require('./session.js');
const { transfer } = require('./transfer.js');
const { printVerification } = require('./verification.js');

/** Options of a verb that mean something else than a bundle. */
function refuseBeside(options, names) {
  const [name] = names.filter((each) => options[each] !== undefined);
  if (name === undefined) return;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new WrongUse(`--${flag} does not go with --bundle`);
}

async function exportBundle(session, file, documents) {
  const { allVersions, overwrite } = session.options;
  refuseBeside(session.options, ['dryRun', 'concurrency', 'sign', 'keepInvalid']);
  if (documents.length === 0) throw new WrongUse('--bundle needs the keys of the documents that go into it');
  const agent = await session.openSigner();
  const resume = () => ({ how: `no bundle was written; to begin again: ${session.commandLine}` });
  return transfer(session, { resume }, (listeners) =>
    agent.exportBundle(file, { documents, allVersions, overwrite, ...listeners }),
  );
}

/** Verifies a bundle, and prints a report for each of its documents; 1 unless all are valid. */
async function verifyBundle(session, file) {
  refuseBeside(session.options, ['contents', 'baseDirectory']);
  if (file === undefined || file === '-') throw new WrongUse('--bundle needs a file: it cannot come from a pipe');
  const { options, output } = session;
  const config = options.hasConfig || existsSync(options.config) ? options.config : undefined;
  const reports = await publicApi().Agent.verifyBundle(file, { ...trustOptions(session), config });
  if (options.json) await output.json(reports);
  else await printReports(reports, output);
  return reports.every(({ valid }) => valid) ? 0 : 1;
}

async function printReports(reports, output) {
  for (const [number, report] of reports.entries()) {
    if (number > 0) await output.write('\n');
    await printVerification(report, output);
    await output.row(['bundled by', report.bundledBy], [12]);
    const { evidence } = report;
    // Told so that a human can follow it up; nothing was concluded from it.
    if (evidence) {
      const { source, keySha256, resolvedAt } = evidence;
      await output.row(['they say', `${source}: ${keySha256} at ${resolvedAt} (not believed)`], [12]);
    }
  }
}

module.exports = { exportBundle, verifyBundle };
