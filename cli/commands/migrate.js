'use strict';

const { resolve } = require('node:path');
const { Refusal, WrongUse } = require('../failure.js');
const { publicApi } = require('../session.js');
const { defineKeepInvalid, defineTransfer, goingOn, transfer, transferOptions } = require('../transfer.js');

const CHECKPOINT = './jacs-migrate.checkpoint';

function define(command) {
  defineKeepInvalid(defineTransfer(command))
    .description('copy a whole storage into another, verified; what is copied already is not copied again')
    .option('--from <config>', 'configuration of the storage that is copied')
    .option('--to <config>', 'configuration of the storage that it is copied into')
    .option('--resign', 'add a successor, signed by the agent of --to, of each document that it did not sign')
    .option('--checkpoint <file>', `what is done, to go on from after an interruption (default: "${CHECKPOINT}")`)
    .option('--no-checkpoint', 'write none');
}

const examples = [
  'jacs-agent migrate --from fs.config.json --to s3.config.json',
  'jacs-agent migrate --from fs.config.json --to s3.config.json --dry-run --json | jq .report',
  'jacs-agent migrate --from old.config.json --to new.config.json --resign --sign report.json',
];

async function run(session) {
  const { from, to, resign, sign, dryRun, checkpoint: chosen = dryRun ? false : CHECKPOINT } = session.options;
  session.refuseOffline();
  if (from === undefined || to === undefined) throw new WrongUse('--from and --to name the two configurations');
  const checkpoint = chosen || undefined;
  const { Agent } = publicApi();
  const migrate = (password) => {
    const options = { ...transferOptions(session), from, to, resign, checkpoint, password };
    const extra = ({ resigned }) => (resign ? [['signed again', `${resigned}`]] : []);
    return transfer(session, { resume: goingOn(session, checkpoint), extra }, (listeners) =>
      Agent.migrate({ ...options, ...listeners }).catch((error) => {
        throw checkpoint !== undefined && error.path === resolve(checkpoint) ? advised(error) : error;
      }),
    );
  };
  return resign || sign !== undefined ? session.withPassword(migrate) : migrate();
}

/** What another migration left here, perhaps long ago, is in the way. */
function advised(error) {
  if (error.code !== 'JACS_INPUT') return error;
  const { code, message, path, cause } = error;
  return new Refusal(code, `${message}; remove it, or name another one with --checkpoint`, { path, cause });
}

module.exports = { define, examples, run };
