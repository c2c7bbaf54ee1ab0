'use strict';
// The reports of verifications as lines for people.

const WIDTHS = [12];
const PLACES = { document: 'in the document', store: 'in the storage', reference: 'referenced' };

/** One line a fact: its name, then its value. */
async function printVerification(report, output) {
  await output.row(['valid', report.valid ? 'yes' : `no: ${report.code}`], WIDTHS);
  for (const [name, value] of facts(report)) {
    if (value !== undefined) await output.row([name, value], WIDTHS);
  }
  for (const { name, ok, detail } of report.checks) await output.row(['check', outcome(name, ok, detail)], WIDTHS);
  for (const { source, result } of report.tried) await output.row(['key asked', `${source}: ${result}`], WIDTHS);
  for (const name of report.unsigned) await output.row(['unsigned', name], WIDTHS);
  for (const attachment of report.attachments) {
    const { path, where } = attachment;
    await output.row(['attachment', `${path}: ${attachmentState(attachment)} (${PLACES[where]})`], WIDTHS);
  }
}

function facts(report) {
  const { key, agentId, agentVersion, algorithm, keySource, keySha256, domain, signedAt, heads } = report;
  return [
    ['key', key],
    ['signer', agentVersion === undefined ? agentId : `${agentId}:${agentVersion}`],
    ['algorithm', algorithm],
    ['key source', keySource],
    ['key sha256', keySha256],
    ['domain', domain],
    ['signed at', signedAt && `${signedAt} (the signer's own claim)`],
    ...(heads ?? []).map((head) => ['head', head]),
  ];
}

function outcome(name, ok, detail) {
  return `${name}: ${ok ? 'ok' : 'FAILED'}${detail ? ` (${detail})` : ''}`;
}

/** Whether its hash is right or, where it was not read, whether it is there. */
function attachmentState({ present, ok }) {
  if (!present) return 'absent';
  if (ok === undefined) return 'present';
  return ok ? 'ok' : 'FAILED';
}

/** Where a version stands among the others of its document. */
function standing({ head, accepted, why, future }) {
  if (!accepted) return `not accepted: ${why ?? (future ? 'its time lies ahead' : 'no reason given')}`;
  return head ? 'head' : 'accepted';
}

module.exports = { attachmentState, printVerification, standing };
