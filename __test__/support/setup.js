'use strict';
// In each test file: native.js, here and in the programs that tests run, loads the addon under test. The variable is set
// here and not in jest.config.js because jest's own resolver is an addon whose loader obeys it too.

const { addonUnderTest } = require('./addon.js');

process.env.NAPI_RS_NATIVE_LIBRARY_PATH = addonUnderTest();
