// The npm packages that building and testing needs, as package-lock.json names them.
import fs from 'node:fs';
import path from 'node:path';
import { npm, root } from './process.mjs';

/** Installs when node_modules is missing or older than the lock file. */
export function installPackages() {
  const installed = changed('node_modules/.package-lock.json');
  if (installed !== undefined && installed >= changed('package-lock.json')) return;
  npm(['ci']);
}

function changed(file) {
  return fs.statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs;
}
