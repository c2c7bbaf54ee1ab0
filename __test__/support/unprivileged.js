'use strict';
// Programs run as a user without any right, since root may read and write everything.

const fs = require('node:fs');
const path = require('node:path');
const { addonUnderTest, root } = require('./addon.js');
const { temporaryFolder } = require('./folder.js');
const { OWN_ADDON, run } = require('./run.js');

/** User and group `nobody`, in number. */
const NOBODY = 65534;

/** A command that runs another in its own place, as nobody, without groups and capabilities. Needs `setpriv`. */
const AS_NOBODY = [
  'setpriv',
  ...['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--inh-caps=-all', '--'],
];

/** `run` as nobody. Needs `setpriv`. */
function unprivileged(command, args = [], options = {}) {
  const [setpriv, ...drop] = AS_NOBODY;
  return run(setpriv, [...drop, command, ...args], options);
}

/** A folder in which nobody can `require('jacs-agent')`, with the addon under test; this tree may lie in a closed one. */
function readablePackage() {
  const folder = temporaryFolder({ readable: true });
  const addon = addonUnderTest();
  const target = path.join(folder, 'node_modules', 'jacs-agent');
  fs.mkdirSync(target, { recursive: true, mode: 0o755 });
  for (const file of [
    ...['index.js', 'streams.js', 'native.js', 'package.json'].map((name) => path.join(root, name)),
    addon,
  ]) {
    fs.copyFileSync(file, path.join(target, path.basename(file)));
    fs.chmodSync(path.join(target, path.basename(file)), 0o644);
  }
  return folder;
}

/** `run` of JavaScript in node as nobody, who can `require('jacs-agent')` there. Needs `setpriv`. */
function unprivilegedNode(script, { env, ...options } = {}) {
  const cwd = readablePackage();
  return unprivileged(process.execPath, ['-e', script], { cwd, ...options, env: { HOME: cwd, ...OWN_ADDON, ...env } });
}

module.exports = { AS_NOBODY, NOBODY, readablePackage, unprivileged, unprivilegedNode };
