'use strict';
// The package as users get it: packed, and installed from the tarball.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./addon.js');
const { temporaryFolder } = require('./folder.js');
const { npm, succeed } = require('./run.js');

const NOT_COPIED = new Set(['.git', '.venv', '.venv-moto', 'node_modules', 'target']);

/** A copy of the source tree, times and release addon included. */
function copyOfSources() {
  const folder = path.join(temporaryFolder(), 'source');
  const filter = (file) => !NOT_COPIED.has(path.relative(root, file));
  fs.cpSync(root, folder, { recursive: true, preserveTimestamps: true, filter });
  return folder;
}

/** `npm pack` in a source tree; resolves to the tarball's path. */
async function pack(source) {
  const folder = temporaryFolder();
  await npm(['pack', '--silent', '--pack-destination', folder], { cwd: source });
  return path.join(folder, fs.readdirSync(folder)[0]);
}

/** The files in a tarball, sorted, without the leading `package/`. */
async function filesIn(tarball) {
  const list = await succeed('tar', ['-tzf', tarball]);
  return list
    .trim()
    .split('\n')
    .map((name) => name.replace(/^package\//, ''))
    .sort();
}

/** A new npm project with the tarball and some of our own development packages; resolves to its folder. */
async function projectWith(tarball, names = []) {
  const folder = temporaryFolder();
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'))).packages[''];
  const others = names.map((name) => [name, versionOf(name, devDependencies)]);
  const project = {
    private: true,
    dependencies: { 'jacs-agent': `file:${tarball}` },
    devDependencies: Object.fromEntries(others),
  };
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(project));
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder });
  return folder;
}

/** The version that is installed here: no other has to be fetched. */
function versionOf(name, known) {
  if (!(name in known)) throw new Error(`${name} is not a development package of ours`);
  return JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'))).version;
}

module.exports = { copyOfSources, pack, filesIn, projectWith };
