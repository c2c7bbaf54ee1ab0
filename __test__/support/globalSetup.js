'use strict';
// Before the first test: the addon is there. Nothing is built here.

const fs = require('node:fs');
const { addonUnderTest } = require('./addon.js');

module.exports = async () => {
  const command = process.env.JACS_TEST_ADDON === 'release' ? 'npm run build' : 'npm run build:debug';
  if (!fs.existsSync(addonUnderTest())) throw new Error(`The addon under test is missing: ${command}`);
};
