'use strict';
// Temporary folders, removed after the tests of the file that asked for them.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const made = [];

/** A new empty folder, for this user alone. `readable`: other users may enter and read it. */
function temporaryFolder({ readable = false } = {}) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'jacs-test-')));
  made.push(folder);
  if (readable) fs.chmodSync(folder, 0o755);
  return folder;
}

/** The files under a folder, relative, sorted, `/` between the parts. */
function filesUnder(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
    .sort();
}

afterAll(() => {
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

module.exports = { temporaryFolder, filesUnder };
