'use strict';
// The command over an agent that plays what a test wrote: what people and machines are told, without waiting for disks.

const fs = require('node:fs');
const path = require('node:path');
const { PASSWORD, lines } = require('./support.js');

const REPORT = { copied: 3, same: 2, conflicts: 0, failed: 0, removed: 0, resigned: 0, bytes: 4096, failures: [] };
const TRANSFERRED = { ...REPORT, createOnce: 'atomic' };
const CHECKED = { scanned: 5, bytes: 4096, damaged: 0, repaired: 0, findings: [], complete: true };

const DAMAGE = {
  kind: 'hash',
  code: 'JACS_HASH',
  key: 'a:b',
  path: 'documents/a/b.json',
  message: 'its hash is wrong',
  severity: 'damage',
};
const NOTE = { kind: 'stray', code: 'JACS_INPUT', path: 'x\n\u001b[31m', message: 'no place for it', severity: 'note' };

/**
 * What a workspace's command must be run with: `{ env, calls }`. Each call takes the next of `plays`, and the last again
 * and again: `{ steps, result }` or `{ steps, error }`, where a step is `{ finding }`, `{ progress }`, `{ wait: ms }`,
 * `{ until: 'abort' }`, which waits for Ctrl-C, or `{ kill: signal }`. `calls()`: what the agent was asked, `[name, ...arguments]` each.
 */
function staged(workspace, ...plays) {
  workspace.write('plays.json', plays);
  const preload = path.join(__dirname, 'staged.child.js');
  const env = {
    JACS_PRIVATE_KEY_PASSWORD: PASSWORD,
    JACS_TEST_PLAYS: workspace.path('plays.json'),
    NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
  };
  const calls = () => lines(fs.readFileSync(`${workspace.path('plays.json')}.calls`, 'utf8'));
  return { env, calls };
}

module.exports = { CHECKED, DAMAGE, NOTE, TRANSFERRED, staged };
