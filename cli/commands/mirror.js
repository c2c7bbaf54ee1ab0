'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { InvalidArgumentError, Option } = require('commander');
const { objects, sizeOf } = require('../amounts.js');
const { Refusal, report: reportFailure } = require('../failure.js');
const { wholeNumber } = require('../options.js');
const {
  defineKeepInvalid,
  defineTransfer,
  goingOn,
  told,
  transfer,
  transferOptions,
  withoutFindings,
} = require('../transfer.js');

const TIME_WIDTHS = [24];

/** Longer waits are none for the timers of Node.js. */
const LONGEST = 2_000_000;

function define(command) {
  defineKeepInvalid(defineTransfer(command))
    .description('copy to another storage what is not there yet')
    .argument('<to-config>', 'configuration of the mirror; its agent does not matter')
    .option('--deep', 'read and compare what both have; without, equal names are taken for equal objects')
    .option('--remove-missing', 'remove from the mirror what is not in the storage any more')
    .option('--checkpoint <file>', 'what is done, to go on from after an interruption')
    .addOption(
      new Option('--watch-interval <seconds>', 'again and again, so long after each end, up to Ctrl-C')
        .argParser(seconds)
        .conflicts(['dryRun', 'sign', 'checkpoint']),
    );
}

const examples = [
  'jacs-agent mirror backup.config.json',
  'jacs-agent mirror backup.config.json --deep --json | jq .report.root',
  'jacs-agent mirror backup.config.json --watch-interval 60',
];

function seconds(text) {
  const value = wholeNumber(text);
  if (value < 1 || value > LONGEST) throw new InvalidArgumentError(`It must be between 1 and ${LONGEST}.`);
  return value;
}

async function run(session, to) {
  const { sign, deep, removeMissing, checkpoint, watchInterval } = session.options;
  const agent = await (sign === undefined ? session.openReader() : session.openSigner());
  const options = { ...transferOptions(session), deep, removeMissing, checkpoint };
  const resume = goingOn(session, checkpoint);
  const mirror = (listeners) => agent.mirror(to, { ...options, ...listeners });
  if (watchInterval !== undefined) return watch(session, resume, mirror);
  const extra = ({ removed }) => (removeMissing ? [['removed', objects(removed)]] : []);
  return transfer(session, { resume, extra }, mirror);
}

/** Until Ctrl-C. A round that fails since a storage is away is told about; the next may find it there again. */
async function watch(session, resume, mirror) {
  const { options, signal } = session;
  for (let rounds = 0; ; rounds++) {
    try {
      const { report } = await told(session, { resume }, mirror);
      await tellRound(session, report);
    } catch (error) {
      if (!error.retryable || signal.aborted) throw error;
      await reportFailure(error, session);
    }
    await sleep(options.watchInterval * 1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new Refusal('JACS_ABORTED', `interrupted between two rounds, after ${rounds + 1}`);
  }
}

function tellRound({ options, output }, report) {
  if (options.json) return output.json({ report: withoutFindings(report) });
  const { copied, same, conflicts, failed, removed, bytes } = report;
  const counts = [
    `copied ${objects(copied)}, ${sizeOf(bytes)}`,
    `same ${same}`,
    `conflicts ${conflicts}`,
    `failed ${failed}`,
  ];
  if (options.removeMissing) counts.push(`removed ${removed}`);
  return output.row([new Date().toISOString(), counts.join('; ')], TIME_WIDTHS);
}

module.exports = { define, examples, run };
