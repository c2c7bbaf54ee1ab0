'use strict';
// Before the tests of each file: which addon they use. The debug one, unless JACS_TEST_ADDON is `release`.
// Set inside the tests' own realm: jest itself loads addons, and their loaders read the same variable.

const { debugAddon } = require('./addon.js');

if (process.env.JACS_TEST_ADDON === 'release') delete process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
else process.env.NAPI_RS_NATIVE_LIBRARY_PATH = debugAddon();
