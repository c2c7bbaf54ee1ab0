'use strict';

// Tests use the debug addon unless the environment names another: JACS_TEST_ADDON=release, or a path in
// NAPI_RS_NATIVE_LIBRARY_PATH, which the generated loader reads.
const { debugAddon } = require('./__test__/support/addon.js');

if (process.env.JACS_TEST_ADDON === 'release') delete process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
else process.env.NAPI_RS_NATIVE_LIBRARY_PATH ??= debugAddon();

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/__test__'],
  testMatch: ['**/*.test.js'],
  testPathIgnorePatterns: ['/node_modules/', '/fixtures/'],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/.venv/'],
  globalSetup: '<rootDir>/__test__/support/setup.js',
  testTimeout: 30_000,
};
