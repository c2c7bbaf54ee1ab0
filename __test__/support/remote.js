'use strict';
// Agents whose documents are on a real server. Keys and configuration stay in a temporary folder.

const { randomUUID } = require('node:crypto');
const { loadAgain, newAgent } = require('./agents.js');
const { newBucket, newCollection, servers } = require('./servers.js');

/** The variables for a server of S3; `as` is another user of it, `endpoint` another way to it. */
const s3Variables = (at, { as = at, endpoint = at.endpoint } = {}) => ({
  PATH: process.env.PATH,
  HOME: '/nowhere',
  AWS_ACCESS_KEY_ID: as.accessKey,
  AWS_SECRET_ACCESS_KEY: as.secretKey,
  AWS_REGION: at.region,
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** Whom the tests ask for keys. By default `hai` asks HAI's registry, too, which is beyond this machine. */
const KEY_RESOLUTION = 'local,storage';

/** The variables for a WebDAV server; `endpoint` is another way to it. */
const davVariables = (at, { endpoint = at.url } = {}) => ({
  PATH: process.env.PATH,
  HOME: '/nowhere',
  HAI_STORAGE_URL: endpoint,
  HAI_STORAGE_TOKEN: at.token,
  JACS_KEY_RESOLUTION: KEY_RESOLUTION,
});

/**
 * A new agent on S3: what `newAgent` gives, with `bucket` and `env`. `at` is a server (RGW unless said), `endpoint`
 * another way to it, such as a proxy; `variables` are added to those of the server.
 */
async function agentOnS3({ at = servers.rgw, bucket, prefix = 'data', endpoint, variables, ...options } = {}) {
  const name = bucket ?? (await newBucket({ at }));
  const env = { ...s3Variables(at, { endpoint }), ...variables };
  const dataDirectory = `s3://${name}/${prefix}`;
  const place = await newAgent({ storage: 'aws', dataDirectory, env, ...options });
  return { ...place, data: dataDirectory, bucket: name, prefix, env };
}

/** The same on WebDAV, with `folder` on the server's disk as `stored`; `collection` is one that is there already. */
async function agentOnDav({
  at = servers.dav,
  collection = newCollection({ at }),
  endpoint,
  variables,
  ...options
} = {}) {
  const env = { ...davVariables(at, { endpoint }), ...variables };
  const dataDirectory = `${collection.name}/data`;
  const place = await newAgent({ storage: 'hai', dataDirectory, env, ...options });
  return { ...place, data: dataDirectory, collection, stored: `${collection.folder}/data`, env };
}

/** The same agent once more; `settings` replace keys of its configuration, `env` variables of its environment. */
const againOn = (place, { settings, env, ...options } = {}) =>
  loadAgain(
    place,
    { jacs_default_storage: place.bucket ? 'aws' : 'hai', ...settings },
    {
      env: { ...place.env, ...env },
      ...options,
    },
  );

/** The same agent on an empty store of the same server. */
function onEmptyPlace(place) {
  const data = `${place.data.replace(/\/[^/]*$/, '')}/${randomUUID()}`;
  return againOn({ ...place, data });
}

module.exports = { KEY_RESOLUTION, agentOnS3, agentOnDav, againOn, onEmptyPlace, s3Variables, davVariables };
