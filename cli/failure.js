'use strict';
// What a failure looks like: one line for people, one object for machines, and the exit code.

const { inspect } = require('node:util');
const { printable } = require('./output.js');

const SHOWN_CAUSES = 3;

/** A refusal by the command itself, with a code of the package's. */
class Refusal extends Error {
  constructor(code, message, details = {}) {
    const { cause, ...fields } = details;
    super(message, cause && { cause });
    Object.assign(this, { code, retryable: false }, fields);
  }
}

/** The arguments do not make a command; exit code 2. */
class WrongUse extends Error {}

function exitCodeOf(error) {
  return error instanceof WrongUse ? 2 : 1;
}

/** Tells about a failure: as a line on standard error, or with `--json` as an object on standard output. `file`: the input it is about. */
async function report(error, { options, output, notes }, file) {
  if (error instanceof WrongUse) return notes.write(`jacs-agent: ${printable(error.message)}\n`);
  if (error === output.failure) return notes.write(lines(known(error), file));
  const failure = known(error);
  if (process.env.DEBUG) await notes.write(`${stackOf(error)}\n`);
  return options.json
    ? output.write(`${JSON.stringify({ error: asObject(failure, file) })}\n`)
    : notes.write(lines(failure, file));
}

/** What has no code of the package's is a defect of this command. */
function known(error) {
  if (typeof error?.code === 'string' && error.code.startsWith('JACS_')) return error;
  if (error?.name === 'AbortError') return new Refusal('JACS_ABORTED', 'interrupted');
  const hint = process.env.DEBUG ? '' : ' (set DEBUG=1 to see where)';
  return new Refusal('JACS_INTERNAL', `${error?.message ?? error}${hint}`, { cause: error });
}

function asObject(error, file) {
  const { code, message, retryable, key, path, current, heads, document } = error;
  return { code, message, retryable, key, path, current, heads, file, causes: causesOf(error), document };
}

function lines(error, file) {
  const { code, message, key, path, current, document } = error;
  const places = Object.entries({ file, key, path: path === file ? undefined : path, newest: current })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`);
  // The loader of native addons, for one, tells much more; `--json` and DEBUG show all of it.
  const causes = causesOf(error).slice(0, SHOWN_CAUSES);
  const sentence =
    [message, ...causes.map((cause) => cause.split('\n', 1)[0])].join(': ') +
    (places.length ? ` [${places.join(', ')}]` : '');
  const text = `jacs-agent: ${code}: ${printable(sentence)}\n`;
  if (document === undefined) return text;
  return (
    `${text}jacs-agent: it was signed and perhaps not stored; ` +
    'to try again, give the next line to `jacs-agent save`:\n' +
    `${document}\n`
  );
}

function causesOf(error) {
  const causes = [];
  for (let cause = error.cause; cause !== undefined && cause !== null; cause = cause.cause) {
    const text = cause.message ?? String(cause);
    if (!error.message.includes(text)) causes.push(text);
  }
  return causes;
}

function stackOf(error) {
  const stacks = [];
  for (let one = error; one !== undefined && one !== null; one = one.cause) stacks.push(one.stack ?? inspect(one));
  return stacks.join('\ncaused by: ');
}

module.exports = { Refusal, WrongUse, exitCodeOf, report };
