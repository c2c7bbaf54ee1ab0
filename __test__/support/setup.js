'use strict';
// Before the first test: the addon is there. Nothing is built here.

const fs = require('node:fs');
const { releaseAddon } = require('./addon.js');

module.exports = async () => {
  const given = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  if (given && !fs.existsSync(given)) throw new Error('The debug addon is missing: npm run build:debug');
  if (!given && !fs.existsSync(releaseAddon())) throw new Error('The release addon is missing: npm run build');
};
