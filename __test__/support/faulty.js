'use strict';
// Agents whose server stands behind a fault proxy, and what lies on the server, seen without the package and the proxy.

const fs = require('node:fs');
const path = require('node:path');
const { inspect } = require('node:util');
const { refusal } = require('./agents.js');
const { filesUnder } = require('./folder.js');
const { describeWith } = require('./needs.js');
const { startProxy } = require('./proxy.js');
const { rawBucket, rawFolder } = require('./raw.js');
const { againOn, agentOnDav, agentOnS3 } = require('./remote.js');
const { s3, servers } = require('./servers.js');

/**
 * The backends behind a network: `needs` of describeWith, `at` their servers, rules of the proxy that choose a kind of request for
 * documents, and `start(options)`, which resolves to what `agentOnS3` or `agentOnDav` gives, with
 * - `proxy`, through which `agent` goes;
 * - `again(settings)`: the same agent once more, on its way through the proxy; it has written already;
 * - `direct()`: the same without the proxy;
 * - `stored()`: the texts of all documents by key; throws when anything but agents and files lies beside them;
 * - `raw`: the bytes of its store, as support/raw.js has them;
 * - `refused(promise, code)`: the error, which tells no secret.
 *
 * `options`: `at` is the server, `settings` are keys of the configuration.
 */
const BACKENDS = [
  {
    name: 'aws',
    needs: ['rgw'],
    at: () => servers.rgw,
    write: { method: 'PUT', path: '/documents/' },
    read: { method: 'GET', path: /\/documents\/[^?]*\.json/ },
    list: { method: 'GET', path: 'list-type=2' },
    removal: { method: 'DELETE', path: '/documents/' },
    start: async ({ at = servers.rgw, ...options } = {}) => {
      const proxy = await startProxy(at.endpoint);
      const place = await agentOnS3({ at, endpoint: proxy.url, ...options });
      const secrets = [at.accessKey, at.secretKey];
      const env = { AWS_ENDPOINT_URL_S3: at.endpoint };
      const raw = rawBucket(place, { at });
      return complete(place, { proxy, secrets, env, raw, stored: () => storedInBucket(place, at) });
    },
  },
  {
    name: 'hai',
    needs: ['dav'],
    at: () => servers.dav,
    write: { method: 'PUT', path: '/documents/' },
    read: { method: 'GET', path: /\/documents\/[^?]*\.json/ },
    list: { method: 'PROPFIND', path: '/documents/' },
    removal: { method: 'DELETE', path: '/documents/' },
    start: async ({ at = servers.dav, ...options } = {}) => {
      const proxy = await startProxy(at.url);
      const place = await agentOnDav({ at, endpoint: proxy.url, ...options });
      const secrets = [at.token, at.password];
      const env = { HAI_STORAGE_URL: at.url };
      const raw = rawFolder(place.stored);
      return complete(place, { proxy, secrets, env, raw, stored: async () => storedInFolder(place) });
    },
  },
];

/** `describeWith` once for each backend; `body` gets the backend. */
function describeBackends(title, body, { needs = [] } = {}) {
  for (const backend of BACKENDS) {
    describeWith([...backend.needs, ...needs], `${backend.name}: ${title}`, () => body(backend));
  }
}

async function complete(place, { proxy, secrets, env, raw, stored }) {
  const all = [...secrets, place.password].flatMap((secret) => [secret, Buffer.from(secret).toString('base64')]);
  const warm = async (options) => {
    const agent = await againOn(place, options);
    // The first write also puts the agent's own document there. One that has little time may need several attempts.
    for (let tries = 1; ; tries++) {
      try {
        await agent.saveDocument(first);
        return agent;
      } catch (error) {
        if (tries === 10 || error.code !== 'JACS_UNAVAILABLE') throw error;
      }
    }
  };
  const first = await place.agent.createDocument({ title: 'first' });
  return {
    ...place,
    proxy,
    first,
    raw,
    stored,
    again: (settings) => warm({ settings }),
    direct: () => warm({ env }),
    refused: async (promise, code) => {
      const error = await refusal(promise, code);
      expectNoSecret(error, all);
      return error;
    },
    expectNoSecret: (error) => expectNoSecret(error, all),
  };
}

/** Nothing that a log could show of an error holds one of the secrets. */
function expectNoSecret(error, secrets) {
  const shown = [error.message, error.stack, inspect(error, { depth: Infinity, showHidden: true })];
  for (let cause = error; cause instanceof Error; cause = cause.cause) shown.push(String(cause), cause.stack);
  shown.push(JSON.stringify(error, Object.getOwnPropertyNames(error)));
  const text = shown.join('\n');
  const safe = secrets.reduce((safe, secret) => safe.replaceAll(secret, '(secret)'), text);
  if (safe !== text) throw new Error(`an error tells a secret: ${safe}`);
}

async function storedInBucket({ bucket, prefix }, at) {
  const texts = new Map();
  let token;
  do {
    const query = { 'list-type': 2, prefix: `${prefix}/`, ...(token && { 'continuation-token': token }) };
    const { status, body } = await s3('GET', bucket, { at, query });
    if (status !== 200) throw new Error(`not listed: ${status} ${body}`);
    const keys = [...String(body).matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, name]) => name);
    // What shows whether the server keeps conditions stays when its removal was refused; docs/s3.md says so.
    const names = keys.filter((name) => !/^(files\/|\.jacs-probe-once)/.test(name.slice(prefix.length + 1)));
    token = /<NextContinuationToken>([^<]*)</.exec(body)?.[1];
    const read = async (name) => {
      const text = String((await s3('GET', `${bucket}/${name}`, { at })).body);
      take(texts, name.slice(prefix.length + 1), text);
    };
    await Promise.all(names.map(read));
  } while (token);
  return texts;
}

function storedInFolder({ stored }) {
  const texts = new Map();
  // Apache leaves its own when it is killed in the middle of an upload; nobody sees them through it.
  const names = filesUnder(stored).filter((name) => !path.basename(name).startsWith('.davfs.tmp'));
  for (const name of names.filter((name) => !name.startsWith('files/')))
    take(texts, name, fs.readFileSync(path.join(stored, name), 'utf8'));
  return texts;
}

function take(texts, name, text) {
  const [, kind, id, version] = /^(agents|documents)\/([0-9a-f-]{36})\/([0-9a-f-]{36})\.json$/.exec(name) ?? [];
  if (!kind) throw new Error(`not of the layout: ${name}`);
  if (kind === 'documents') texts.set(`${id}:${version}`, text);
}

module.exports = { BACKENDS, describeBackends };
