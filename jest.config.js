'use strict';

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/__test__'],
  testMatch: ['**/*.test.js'],
  testPathIgnorePatterns: ['/node_modules/', '/fixtures/'],
  modulePathIgnorePatterns: ['<rootDir>/target/', '<rootDir>/.venv/', '<rootDir>/.venv-moto/'],
  globalSetup: '<rootDir>/__test__/support/globalSetup.js',
  setupFiles: ['<rootDir>/__test__/support/setup.js'],
  testTimeout: 30_000,
};
