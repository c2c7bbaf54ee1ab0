'use strict';
// Before the first test: the addon is there. Nothing is built here.

const fs = require('node:fs');
const { debugAddon, releaseAddon } = require('./addon.js');

module.exports = async () => {
  const release = process.env.JACS_TEST_ADDON === 'release';
  if (release && !fs.existsSync(releaseAddon())) throw new Error('The release addon is missing: npm run build');
  if (!release && !fs.existsSync(debugAddon())) throw new Error('The debug addon is missing: npm run build:debug');
};
