'use strict';
// The command on a terminal of its own.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { run } = require('../support/run.js');

const CTRL_C = '\u0003';

const hasTerminals = spawnSync('python3', ['-c', 'import pty; pty.openpty()']).status === 0;
// Under CI nothing may be left out silently.
const describeTerminal = hasTerminals || process.env.CI === 'true' ? describe : describe.skip;
if (!hasTerminals) console.warn('left out: the command on a terminal: needs python3 with pty');

/** Runs the command on a terminal; `steps`: what is waited for, and what is typed then. The password is not in the environment. */
async function onTerminal(workspace, args, steps = [], env = {}) {
  const argv = [process.execPath, path.join(root, 'cli', 'main.js'), ...args];
  const input = JSON.stringify({ argv, cwd: workspace.folder, steps });
  const { stdout, stderr } = await run('python3', [path.join(__dirname, 'terminal.py')], { input, env });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

module.exports = { CTRL_C, describeTerminal, onTerminal };
