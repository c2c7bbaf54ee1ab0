'use strict';
// Where the two builds of the addon lie. Which one a test uses: jest.config.js.

const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');

/** The addon of `npm run build:debug`: the path where it lies, or would lie. */
function debugAddon() {
  return addonIn(path.join(root, 'target', 'addon-debug'));
}

/** The addon of `npm run build`, the one that is packed. */
function releaseAddon() {
  return addonIn(root);
}

function addonIn(folder) {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.node')) : [];
  const own = names.find((name) => name.includes(`.${process.platform}-${process.arch}`));
  return path.join(folder, own ?? 'jacs-agent.node');
}

module.exports = { root, debugAddon, releaseAddon };
