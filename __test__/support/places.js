'use strict';
// Empty stores on servers, to migrate to and from, each behind a proxy.

const fs = require('node:fs');
const path = require('node:path');
const { isApaches, sha256 } = require('./attached.js');
const { temporaryFolder } = require('./folder.js');
const { describeWith } = require('./needs.js');
const { startProxy } = require('./proxy.js');
const { rawBucket, rawFolder } = require('./raw.js');
const { KEY_RESOLUTION, davVariables, s3Variables } = require('./remote.js');
const { newBucket, newCollection, servers } = require('./servers.js');
const { fsConfig } = require('./transfer.js');

/** Requests, as they are seen at a proxy. */
const DOCUMENT = /\/documents\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.json/;
const FILE = /\/files\/[0-9a-f]{64}/;
const AGENT = /\/agents\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.json/;

/**
 * A new empty store on S3: `config(settings)`, `env` by way of the `proxy`, `direct` without it, and the bytes as `raw`.
 * `at` is a server of a test's own.
 */
async function placeOnS3({ at = servers.rgw } = {}) {
  const [bucket, proxy] = [await newBucket({ at }), await startProxy(at.endpoint)];
  return {
    name: 'aws',
    bucket,
    proxy,
    config: (settings) => fsConfig(`s3://${bucket}/data`, { jacs_default_storage: 'aws', ...settings }),
    env: s3Variables(at, { endpoint: proxy.url }),
    direct: s3Variables(at),
    raw: rawBucket({ bucket, prefix: 'data' }, { at }),
    secrets: [at.accessKey, at.secretKey],
  };
}

const HAI = { jacs_default_storage: 'hai', jacs_key_resolution: KEY_RESOLUTION };

/** The same on WebDAV. */
async function placeOnDav({ at = servers.dav } = {}) {
  const [collection, proxy] = [newCollection({ at }), await startProxy(at.url)];
  const folder = path.join(collection.folder, 'data');
  return {
    name: 'hai',
    collection,
    folder,
    proxy,
    // In a call of two configurations the environment has no settings.
    config: (settings) => fsConfig(`${collection.name}/data`, { ...HAI, ...settings }),
    env: davVariables(at, { endpoint: proxy.url }),
    direct: davVariables(at),
    raw: { ...rawFolder(folder), names: async () => namesIn(folder) },
    secrets: [at.token, at.password],
  };
}

// Before anything is stored there is no folder; and Apache's own files are seen by nobody.
async function namesIn(folder) {
  if (!fs.existsSync(folder)) return [];
  return (await rawFolder(folder).names()).filter((name) => !isApaches(name));
}

const PLACES = [
  { name: 'aws', needs: ['rgw'], place: placeOnS3, at: () => servers.rgw },
  { name: 'hai', needs: ['dav'], place: placeOnDav, at: () => servers.dav },
];

/** `describeWith` once for each server; `body` gets what makes an empty store there. */
function describePlaces(title, body) {
  for (const each of PLACES) describeWith(each.needs, `${each.name}: ${title}`, () => body(each));
}

/** The objects of a store as `objectsOf` gives them; what was not told to be there is an error elsewhere. */
async function objectsAt({ raw }) {
  const objects = new Map();
  const names = await raw.names();
  const read = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      objects.set(name, sha256(await raw.get(name)));
    }
  };
  await Promise.all(Array.from({ length: 8 }, read));
  return new Map([...objects].sort());
}

/** Requests at a proxy for objects of a kind, by object: how often each was asked for. */
function countOf({ requests }, method, kind) {
  const counts = new Map();
  for (const { method: asked, path: url } of requests) {
    const [name] = (asked === method && kind.exec(url)) || [];
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** A file in a folder of its own, for a checkpoint. */
const newCheckpoint = () => path.join(temporaryFolder(), 'checkpoint');

module.exports = {
  ...{ DOCUMENT, FILE, AGENT, PLACES },
  ...{ placeOnS3, placeOnDav, describePlaces, objectsAt, countOf, newCheckpoint },
};
