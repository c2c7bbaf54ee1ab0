'use strict';
// Attachments that are stored: where their bytes come from, and what lies at `files/`, seen without the package.

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf } = require('./agents.js');
const { temporaryFolder } = require('./folder.js');
const { s3, servers } = require('./servers.js');

/** What is longer goes to S3 in parts of this size. */
const PART = 8 * 2 ** 20;
const SMALL = 100_000;
/** One part, and some of another. */
const LARGE = PART + 65_536;

/** The request to S3 or WebDAV for a stored file. */
const FILE = /\/files\/[0-9a-f]{64}/;

/** Rules of the fault proxy that choose a step of an upload to S3: of a small file the first two, of a large one the others. */
const STEPS = {
  look: { method: 'HEAD', path: FILE },
  put: { method: 'PUT', path: /\/files\/[0-9a-f]{64}(?!.*partNumber)/ },
  initiate: { method: 'POST', path: /[?&]uploads/ },
  part: { method: 'PUT', path: 'partNumber=2' },
  complete: { method: 'POST', path: 'uploadId=' },
  abort: { method: 'DELETE', path: 'uploadId=' },
};

/** Limits a rule to the uploads of one source, so that many can be tried at the same time. */
const onlyFor = (source, rule) => ({ ...rule, when: ({ url }) => url.includes(source.sha256) });

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A new local file of random bytes: `{ path, name, bytes, sha256 }`. */
function newSource(length, name = 'source.bin') {
  const bytes = randomBytes(length);
  const file = path.join(temporaryFolder(), name);
  fs.writeFileSync(file, bytes);
  return { path: file, name, bytes, sha256: sha256(bytes) };
}

/** What a stream of bytes gives: `{ bytes }`, or `{ error, bytes }` with those that came before. */
async function outcomeOf(stream) {
  const pieces = [];
  try {
    for await (const piece of stream) pieces.push(piece);
    return { bytes: Buffer.concat(pieces) };
  } catch (error) {
    return { error, bytes: Buffer.concat(pieces) };
  }
}

/** The sizes of what lies at `files/`, by hash. Throws when something there is not what its name says. */
async function filesAt(raw) {
  const found = new Map();
  for (const name of await raw.names()) {
    if (!name.startsWith('files/') || isApaches(name)) continue;
    const bytes = await raw.get(name);
    if (`files/${sha256(bytes)}` !== name) throw new Error(`not what its name says: ${name}, ${bytes.length} bytes`);
    found.set(sha256(bytes), bytes.length);
  }
  return found;
}

/** Of an upload to Apache that is on its way, which nobody sees through it. When it is killed itself it leaves them. */
function isApaches(name) {
  return path.basename(name).startsWith('.davfs.tmp');
}

/** The keys of uploads to a bucket that were neither finished nor aborted. */
async function uploadsIn(bucket, { at = servers.rgw } = {}) {
  const { status, body } = await s3('GET', bucket, { at, query: { uploads: '' } });
  if (status !== 200) throw new Error(`the uploads were not listed: ${status} ${body}`);
  const parts = [...String(body).matchAll(/<Upload>.*?<Key>(.*?)<\/Key>.*?<UploadId>(.*?)<\/UploadId>/gs)];
  return parts.map(([, key, uploadId]) => ({ key, uploadId }));
}

/**
 * What concerns attachments of a place of support/faulty.js:
 * - `files()`: as `filesAt`; `uploads()`: the keys of unfinished uploads, which only S3 has.
 * - `settled()`: waits, as long as the last bytes of broken uploads are on their way, until there are none.
 * - `create(agent, source, options)`: a document with the source as its stored file.
 * - `expectStored(text, source, before)`: the document is stored besides `before`, once, with its file and no other;
 *   `expectAllStored([{ text, source }], before)` the same of several.
 * - `expectNothing(before)`: no other document and no upload; no file but those of `sources`, which harm nobody.
 * - `clean()`: removes files, the documents that name them, and uploads.
 */
function attached(place) {
  const { raw, bucket } = place;
  const pending = async () => (bucket ? uploadsIn(bucket) : []);
  const uploads = async () => (await pending()).map(({ key }) => key);
  const settled = async () => {
    for (let tries = 0; tries < 50 && (await pending()).length > 0; tries++) await sleep(100);
    expect(await uploads()).toEqual([]);
  };
  const files = () => filesAt(raw);
  const expectAllStored = async (made, before) => {
    for (const { text, source } of made) {
      expect(JSON.parse(text)).toMatchObject({
        jacsFiles: [{ path: source.name, embed: false, sha256: source.sha256 }],
        jacsFilesStored: [source.sha256],
      });
    }
    expect(await place.stored()).toEqual(new Map([...before, ...made.map(({ text }) => [keyOf(text), text])]));
    expect(await files()).toEqual(new Map(made.map(({ source }) => [source.sha256, source.bytes.length])));
  };
  return {
    files,
    uploads,
    settled,
    create: (agent, source, options) =>
      agent.createDocument({ title: 'with a file' }, { ...options, attachments: source.path }),
    expectStored: (text, source, before) => expectAllStored([{ text, source }], before),
    expectAllStored,
    expectNothing: async (before, ...sources) => {
      expect(await place.stored()).toEqual(before);
      await settled();
      const harmless = sources.map((source) => source.sha256);
      expect([...(await files()).keys()].filter((hash) => !harmless.includes(hash))).toEqual([]);
    },
    clean: async () => {
      const stored = [...(await place.stored())].filter(([, text]) => JSON.parse(text).jacsFilesStored);
      const documents = stored.map(([key]) => `documents/${key.replace(':', '/')}.json`);
      const names = (await raw.names()).filter((name) => name.startsWith('files/') && !isApaches(name));
      for (const name of [...documents, ...names]) await raw.remove(name);
      for (const { key, uploadId } of await pending()) {
        await s3('DELETE', `${bucket}/${key}`, { at: servers.rgw, query: { uploadId } });
      }
    },
  };
}

module.exports = {
  PART,
  SMALL,
  LARGE,
  FILE,
  STEPS,
  onlyFor,
  sha256,
  newSource,
  outcomeOf,
  filesAt,
  isApaches,
  uploadsIn,
  attached,
};
