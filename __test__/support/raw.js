'use strict';
// The bytes of a data directory, reached without the package: `names()` are the paths of all objects under it, sorted,
// `get(name)` is a Buffer, `put(name, bytes)` writes over what is there, `remove(name)` takes it away.

const fs = require('node:fs');
const path = require('node:path');
const { filesUnder } = require('./folder.js');
const { s3, servers } = require('./servers.js');

/** A folder: that of fs, or the one on a WebDAV server's disk. What is new belongs to whom the folder belongs. */
function rawFolder(folder) {
  const at = (name) => path.join(folder, name);
  return {
    names: async () => filesUnder(folder),
    get: async (name) => fs.readFileSync(at(name)),
    put: async (name, bytes) => {
      const parents = path.dirname(name).split('/');
      for (const [index] of parents.entries()) {
        const parent = at(parents.slice(0, index + 1).join('/'));
        if (!fs.existsSync(parent)) owned(folder, parent, () => fs.mkdirSync(parent, 0o755));
      }
      owned(folder, at(name), () => fs.writeFileSync(at(name), bytes));
    },
    remove: async (name) => fs.rmSync(at(name)),
  };
}

function owned(folder, made, make) {
  make();
  const { uid, gid } = fs.statSync(folder);
  fs.chownSync(made, uid, gid);
}

/** A prefix of a bucket. */
function rawBucket({ bucket, prefix = '' }, { at = servers.rgw } = {}) {
  const base = prefix === '' ? '' : `${prefix}/`;
  const ask = async (method, name, options) => {
    const answer = await s3(method, `${bucket}/${base}${name}`, { at, ...options });
    if (![200, 204].includes(answer.status)) throw new Error(`${method} ${name}: ${answer.status} ${answer.body}`);
    return answer.body;
  };
  return {
    names: async () => (await keysOf(bucket, base, at)).map((key) => key.slice(base.length)),
    get: (name) => ask('GET', name),
    put: (name, bytes) => ask('PUT', name, { body: bytes }),
    remove: (name) => ask('DELETE', name),
  };
}

async function keysOf(bucket, prefix, at) {
  const keys = [];
  for (let more = true; more;) {
    const query = { 'list-type': 2, prefix, ...(keys.length > 0 && { 'start-after': keys.at(-1) }) };
    const { status, body } = await s3('GET', bucket, { at, query });
    if (status !== 200) throw new Error(`the bucket was not listed: ${status} ${body}`);
    keys.push(...[...String(body).matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key));
    more = /<IsTruncated>true</.test(body);
  }
  return keys.sort();
}

/** `documents/ID/VERSION.json` of a key. */
const nameOf = (key, kind = 'documents') => `${kind}/${key.replace(':', '/')}.json`;

module.exports = { rawFolder, rawBucket, nameOf };
