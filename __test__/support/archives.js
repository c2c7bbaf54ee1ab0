'use strict';
// Archives made without the package: by tar, or header by header, as hostile as wanted; and what they hold, by tar.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { anotherOn, keyOf, newAgent } = require('./agents.js');
const { temporaryFolder } = require('./folder.js');
const { succeed } = require('./run.js');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * A store with what there is to carry: three documents, one with three versions, one by another agent, files that are
 * small, empty and of more than a block, one of them in two documents. `place`, and `texts` by key.
 */
async function filledStore(options) {
  const place = await newAgent(options);
  const other = await anotherOn(place);
  const texts = {};
  const keep = (text) => (texts[keyOf(text)] = text);
  const files = [
    { path: 'small.txt', contents: Buffer.from('small') },
    { path: 'empty', contents: Buffer.alloc(0) },
    { path: 'long.bin', contents: Buffer.alloc(1_700_000, 'long and repeated ') },
  ];
  const first = keep(await place.agent.createDocument({ title: 'first' }));
  const second = keep(await place.agent.updateDocument(keyOf(first), { title: 'second' }));
  keep(await place.agent.updateDocument(keyOf(second), { title: 'third' }, { attachments: files }));
  keep(await place.agent.createDocument({ title: 'Zürich \u{1f600}' }, { attachments: files[0] }));
  keep(await other.agent.createDocument({ title: 'of another' }));
  return { ...place, other, texts };
}

/** Where a new archive may be. */
const newFile = (name = 'archive.tar.gz') => path.join(temporaryFolder(), name);

/** What plain tar makes of an archive: a folder with all of it. */
async function unpacked(file) {
  const folder = temporaryFolder();
  await succeed('tar', ['-xzf', file, '-C', folder]);
  return folder;
}

/** Throws where two folders differ. */
const expectSame = (one, other) => succeed('diff', ['-r', one, other]);

/** An archive of a folder by plain tar, with these arguments. */
async function packed(...args) {
  const file = newFile();
  await succeed('tar', ['-czf', file, ...args]);
  return file;
}

/**
 * One entry, header and contents. `type` is that of tar, `size` what the header says; `raw` are bytes that are written over
 * it, by offset, before it is summed.
 */
function entry({ name, contents = '', type = '0', size, link = '', magic = 'ustar\x0000', raw = {} }) {
  const bytes = Buffer.from(contents);
  const header = Buffer.alloc(512);
  const put = (text, offset) => Buffer.from(text).copy(header, offset);
  put(Buffer.from(name).subarray(0, 100), 0);
  put('0000644\0', 100);
  put(size ?? `${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  put('00000000000\0', 136);
  put(type, 156);
  put(link, 157);
  put(magic, 257);
  for (const [offset, value] of Object.entries(raw)) put(value, Number(offset));
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)]);
}

/** Pax records for the entry that follows. */
function pax(records, type = 'x') {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
    let length = rest.length;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return entry({ name: 'PaxHeader', type, contents: Buffer.concat(lines) });
}

const END = Buffer.alloc(1024);

/** A file with these bytes, packed. */
function archiveOf(parts, { end = END, pack = zlib.gzipSync } = {}) {
  const file = newFile();
  fs.writeFileSync(file, pack(Buffer.concat([...parts, end])));
  return file;
}

/** An entry with a document in its place of the layout. */
function documentEntry(text, { folder = 'jacs_data/', kind = 'documents', ...more } = {}) {
  return entry({ name: `${folder}${kind}/${keyOf(text).replace(':', '/')}.json`, contents: text, ...more });
}

/** RFC 6962's tree hash over files by path, as the report's `root` is defined. */
function rootOf(folder, names) {
  const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const leaves = [...names].sort().map((name) => {
    const data = `${name}\0${sha256(fs.readFileSync(path.join(folder, name)))}`;
    return hash(Buffer.from([0]), Buffer.from(data));
  });
  const tree = (list) => {
    if (list.length === 0) return hash();
    if (list.length === 1) return list[0];
    const split = 2 ** Math.ceil(Math.log2(list.length) - 1);
    return hash(Buffer.from([1]), tree(list.slice(0, split)), tree(list.slice(split)));
  };
  return tree(leaves).toString('hex');
}

module.exports = {
  sha256,
  filledStore,
  newFile,
  unpacked,
  expectSame,
  packed,
  entry,
  pax,
  archiveOf,
  documentEntry,
  rootOf,
};
