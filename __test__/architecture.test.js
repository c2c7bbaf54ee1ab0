'use strict';
// The layers of the Rust code: which module may use which. A new arrow is a decision, made here.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./support/addon.js');
const { filesUnder } = require('./support/folder.js');

const source = path.join(root, 'src');

const ALLOWED = {
  error: [],
  cancel: ['error'],
  progress: [],
  id: ['error'],
  local_file: ['error'],
  environment: [],
  config: ['error', 'id', 'local_file', 'environment'],
  net: ['error', 'environment'],
  canonical: ['error'],
  crypto: ['error'],
  document: ['error', 'id', 'config', 'local_file', 'canonical', 'crypto'],
  store: ['error', 'cancel', 'id', 'local_file', 'environment', 'net', 'crypto'],
  trust: ['error', 'id', 'local_file', 'environment', 'config', 'net', 'canonical', 'crypto', 'document', 'store'],
  vault: ['error', 'cancel', 'id', 'local_file', 'config', 'canonical', 'crypto', 'document', 'store', 'trust'],
  transfer: [
    'error',
    'cancel',
    'progress',
    'id',
    'local_file',
    'config',
    'canonical',
    'crypto',
    'document',
    'store',
    'trust',
    'vault',
  ],
  agent: [
    'error',
    'cancel',
    'progress',
    'id',
    'local_file',
    'environment',
    'config',
    'canonical',
    'crypto',
    'document',
    'store',
    'trust',
    'vault',
    'transfer',
  ],
  node: [
    'error',
    'cancel',
    'progress',
    'id',
    'local_file',
    'environment',
    'config',
    'canonical',
    'crypto',
    'document',
    'store',
    'trust',
    'vault',
    'transfer',
    'agent',
  ],
};

/** Crates that one module alone may name. */
const OWNERS = {
  reqwest: 'net',
  rustls: 'net',
  reqsign_core: 'store',
  opendal: 'store',
  napi: 'node',
  napi_derive: 'node',
  jsonschema: 'document',
  hickory_resolver: 'trust',
};

const files = filesUnder(source).filter((file) => file.endsWith('.rs') && file !== 'lib.rs');
const moduleOf = (file) => file.split('/')[0].replace(/\.rs$/, '');
const textOf = (file) => fs.readFileSync(path.join(source, file), 'utf8');
const code = (text) => text.replace(/\/\/.*$/gm, '');

test('every module is in the list', () => {
  expect([...new Set(files.map(moduleOf))].sort()).toEqual(Object.keys(ALLOWED).sort());
});

test.each(Object.keys(ALLOWED))('%s uses only what stands before it', (module) => {
  const used = new Set();
  for (const file of files.filter((file) => moduleOf(file) === module))
    for (const [, name] of code(textOf(file)).matchAll(/\bcrate::([a-z_]+)/g)) if (name !== module) used.add(name);
  expect([...used].filter((name) => !ALLOWED[module].includes(name))).toEqual([]);
});

test.each(Object.entries(OWNERS))('%s is named in src/%s alone', (crate, owner) => {
  const named = files.filter((file) => new RegExp(`\\b${crate}::`).test(code(textOf(file))));
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((file) => moduleOf(file) !== owner)).toEqual([]);
});

test('cryptography is named in src/crypto, and where TLS is set up', () => {
  const named = files.filter((file) => /\baws_lc_rs::/.test(code(textOf(file))));
  expect(named.filter((file) => moduleOf(file) !== 'crypto')).toEqual(['net/roots.rs']);
});

test('unsafe code stands only at the border to node', () => {
  const unsafe = files.filter((file) => /\bunsafe\b(?!_code)/.test(code(textOf(file))));
  expect(unsafe.filter((file) => moduleOf(file) !== 'node')).toEqual([]);
});

test('the process environment is not read: it is handed in', () => {
  const read = files.filter((file) => /\benv::vars?(_os)?\(/.test(code(textOf(file)).split('#[cfg(test)]')[0]));
  expect(read.filter((file) => !/test|contract/.test(file))).toEqual([]);
});
