'use strict';
// Where the two builds of the addon lie, and which one is under test.

const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');

/** The addon of `npm run build`, the one that is packed: the path where it lies, or would lie. */
function releaseAddon() {
  return addonIn(root);
}

/** The addon of `npm run build:debug`, or what JACS_TEST_ADDON says: `release`, or a path. */
function addonUnderTest() {
  const named = process.env.JACS_TEST_ADDON;
  if (!named) return addonIn(path.join(root, 'target', 'addon-debug'));
  return named === 'release' ? releaseAddon() : path.resolve(named);
}

function addonIn(folder) {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.node')) : [];
  const own = names.find((name) => name.includes(`.${process.platform}-${process.arch}`));
  return path.join(folder, own ?? 'jacs-agent.node');
}

module.exports = { root, addonUnderTest, releaseAddon };
