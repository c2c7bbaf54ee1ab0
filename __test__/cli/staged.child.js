'use strict';
// Preloaded into the command by staged.js: replaces the calls that move or check a whole storage.

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent, JacsError } = require('../../index.js');

const file = process.env.JACS_TEST_PLAYS;
const plays = JSON.parse(fs.readFileSync(file, 'utf8'));

async function play(name, args) {
  // A function is none of JSON's values; that one was given is told as its name.
  const shown = (_, value) => (typeof value === 'function' ? 'function' : value);
  fs.appendFileSync(`${file}.calls`, `${JSON.stringify([name, ...args], shown)}\n`);
  const { steps = [], result, error } = plays.length > 1 ? plays.shift() : plays[0];
  const { onFinding, onProgress, signal } = args.at(-1);
  for (const { finding, progress, wait, until, path, kill } of steps) {
    if (finding) onFinding(finding);
    if (progress) onProgress(progress);
    if (wait) await sleep(wait);
    if (kill) process.kill(process.pid, kill);
    if (until) await aborted(signal, path);
  }
  if (error) throw new JacsError(error);
  return result;
}

async function aborted(signal, path) {
  // Nothing else keeps the process alive.
  await sleep(60_000, undefined, { signal }).catch(() => undefined);
  throw new JacsError({ code: 'JACS_ABORTED', message: 'aborted', path });
}

Agent.migrate = (...args) => play('migrate', args);
Agent.importArchive = (...args) => play('static importArchive', args);
for (const name of ['exportArchive', 'exportBundle', 'importArchive', 'mirror', 'check']) {
  Agent.prototype[name] = (...args) => play(name, args);
}
