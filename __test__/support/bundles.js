'use strict';
// Bundles taken apart and put together again without the package.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { archiveOf, entry, sha256 } = require('./archives.js');

const MANIFEST = 'bundle.json';
const ROOT = 'jacs_data/';

/** The entries of a bundle in their order: `{ name, contents }`. */
function partsOf(file) {
  const bytes = zlib.gunzipSync(fs.readFileSync(file));
  const parts = [];
  for (let at = 0; bytes[at] !== 0;) {
    const text = (from, length) => bytes.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    const length = parseInt(text(124, 12), 8);
    parts.push({ name: text(0, 100), contents: Buffer.from(bytes.subarray(at + 512, at + 512 + length)) });
    at += 512 + Math.ceil(length / 512) * 512;
  }
  return parts;
}

/** A bundle of these entries. */
function bundleOf(parts, options) {
  return archiveOf(
    parts.map((part) => (Buffer.isBuffer(part) ? part : entry(part))),
    options,
  );
}

/** The signed document of a bundle, parsed. */
function manifestOf(file) {
  const [{ name, contents }] = partsOf(file);
  expect(name).toBe(MANIFEST);
  return JSON.parse(contents);
}

/** A bundle of these objects, with a manifest that fits them, changed by `change`, and signed by `agent`. */
async function resigned(agent, manifest, parts, change = (bundle) => bundle) {
  const objects = parts.filter((part) => part.name !== MANIFEST);
  const entries = objects.map(({ name, contents }) => ({
    path: name.slice(ROOT.length),
    bytes: Buffer.byteLength(contents),
    sha256: sha256(contents),
  }));
  const bundle = change({ ...manifest.bundle, entries });
  const signed = await agent.createDocument({ jacsType: 'bundle', bundle }, { noSave: true });
  return bundleOf([{ name: MANIFEST, contents: signed }, ...objects]);
}

/** The text of an agent's document, as its key directory has it. */
function agentText({ agent, keys }) {
  return fs.readFileSync(path.join(keys, 'agents', agent.id, `${agent.version}.json`), 'utf8');
}

module.exports = { MANIFEST, ROOT, agentText, bundleOf, manifestOf, partsOf, resigned };
