'use strict';
// Files to attach, attachments as they are read, and documents with attachments that the package did not make.

const { createCipheriv, createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { gzipSync } = require('node:zlib');
const { filesUnder, temporaryFolder } = require('./folder.js');
const { firstVersion, signWithNode } = require('./witness.js');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that no compression makes shorter; the same at every call. */
function noise(length, seed = 0) {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Writes files below a folder, texts or bytes by their relative paths; the folder. */
function written(folder, files) {
  for (const [name, bytes] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
  return folder;
}

/** For the tests around it the working directory is a new folder: `{ folder }`. */
function inNewFolder() {
  const place = {};
  let before;
  beforeAll(() => {
    before = process.cwd();
    place.folder = temporaryFolder();
    process.chdir(place.folder);
  });
  afterAll(() => process.chdir(before));
  return place;
}

const entriesOf = (text) => JSON.parse(text).jacsFiles ?? [];
const pathsOf = (text) => entriesOf(text).map((entry) => entry.path);
const storedOf = (text) => JSON.parse(text).jacsFilesStored ?? [];
/** The name of stored bytes in a data directory. */
const nameOfFile = (hash) => `files/${hash}`;

/** All bytes of a stream, once it ended. */
async function bytesOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a stream came to: the bytes before its end or its error. */
async function outcomeOf(stream) {
  const chunks = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    return { error, bytes: Buffer.concat(chunks) };
  }
  return { bytes: Buffer.concat(chunks) };
}

/** In a data directory with the files `before` no document was made since, nor a file under another name than its hash. */
function nothingMade(data, before) {
  const made = filesUnder(data).filter((name) => !before.includes(name));
  const hashes = made.map((name) => nameOfFile(sha256(fs.readFileSync(path.join(data, name)))));
  expect(made).toEqual(hashes);
}

/** Within a second. */
async function soon(holds) {
  for (let n = 0; n < 100 && !holds(); n++) await sleep(10);
  expect(holds()).toBe(true);
}

/** The form that the package writes for embedded files. */
const embedded = (name, bytes) => ({
  ...named(name),
  embed: true,
  contents: Buffer.from(bytes).toString('base64'),
  sha256: sha256(bytes),
});

/** The form of `jacs`; `contents` in place of its base64 text. */
const gzipped = (name, bytes, contents = gzipSync(bytes).toString('base64')) => ({
  ...named(name),
  embed: true,
  contents,
  sha256: sha256(contents),
});

const referenced = (name, bytes) => ({ ...named(name), embed: false, sha256: sha256(bytes) });
const named = (name) => ({ mimetype: 'application/octet-stream', path: name });

/** A document of somebody else with these entries; `stored` are the hashes of those that lie in the store. */
function foreign(author, jacsFiles, stored = []) {
  const jacsFilesStored = stored.length > 0 ? { jacsFilesStored: [...stored].sort() } : {};
  return signWithNode(firstVersion({ jacsFiles, ...jacsFilesStored }), author);
}

module.exports = {
  ...{ sha256, noise, written, inNewFolder },
  ...{ entriesOf, pathsOf, storedOf, nameOfFile, bytesOf, outcomeOf, nothingMade, soon },
  ...{ embedded, gzipped, referenced, foreign },
};
