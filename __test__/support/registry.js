'use strict';
// An agent registry on loopback, as the HAI agent registry answers: keys of given agents, and what servers do on a bad day.
// Behind `startMiddleman({ to: registry.url, names: ['hai.ai'] })` of support/middleman.js it is asked over TLS.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

// What stands before a raw key in its SubjectPublicKeyInfo: RFC 8410, 4, and RFC 9881, 4.
const HEADS = {
  ed25519: '302a300506032b6570032100',
  pq2025: '30820a32300b060960864801650304031303820a2100',
};

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const base64 = (bytes) => Buffer.from(bytes).toString('base64');

/** The name by which the registry knows an algorithm. */
const algorithmOf = ({ algorithm }) => (/ed25519/i.test(algorithm) ? 'ed25519' : 'pq2025');

/** The SubjectPublicKeyInfo of an agent's key (`algorithm`, `publicKey`), as bytes and as PEM without a line end at its end. */
function keyInfo(agent) {
  const der = Buffer.concat([Buffer.from(HEADS[algorithmOf(agent)], 'hex'), agent.publicKey]);
  const lines = base64(der).match(/.{1,64}/g);
  return { der, pem: ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----'].join('\n') };
}

/** Forms of a key in an answer, by name: members beside the others. `pem` is what the registry's own answers have. */
const FORMS = {
  pem: (agent, { pem }) => ({ public_key: pem, public_key_raw_b64: base64(agent.publicKey) }),
  pemAlone: (_, { pem }) => ({ public_key: pem }),
  info: (_, { der }) => ({ public_key: base64(der) }),
  raw: ({ publicKey }) => ({ public_key: base64(publicKey) }),
  b64: (_, { pem }) => ({ public_key_b64: base64(pem) }),
  rawB64: ({ publicKey }) => ({ public_key_raw_b64: base64(publicKey) }),
  all: ({ publicKey }, { pem }) => ({
    public_key: pem,
    public_key_b64: base64(pem),
    public_key_raw_b64: base64(publicKey),
  }),
};

/**
 * What the registry answers about the key of an agent (`id`, `version`, `algorithm`, `publicKey`). `form` is one of FORMS,
 * `members` replace or add members of the answer; `undefined` takes one away.
 */
function registryEntry(agent, { form = 'pem', members = {} } = {}) {
  const info = keyInfo(agent);
  const entry = {
    jacs_id: agent.id,
    version: agent.version,
    ...FORMS[form](agent, info),
    algorithm: algorithmOf(agent),
    public_key_hash: `sha256:${sha256(info.pem)}`,
    status: 'active',
    dns_verified: false,
    created_at: '2026-01-01T00:00:00Z',
    ...members,
  };
  return JSON.parse(JSON.stringify(entry));
}

const started = new Set();

/**
 * Starts a registry; closed after the tests of the file. Resolves to
 * - `url`, and `env`, the variables that name it;
 * - `requests`: a list of `{ method, path, headers, status }`;
 * - `serve(agent, options)`: answers with `registryEntry(agent, options)`, also by its hashes and, with `domain`, by that;
 *   `headers` go with it. A second time for the same version replaces the first. The newest served is first in lists.
 *   Returns the entry, which may be changed afterwards;
 * - `forget(agent)`;
 * - `fail(rule)`: adds a rule and returns it, with `hits`; the first that matches a request is applied to it. It chooses by
 *   `path` (a text that it contains, or a RegExp), passes over the first `skip` of these and is applied to `times` of them
 *   (Infinity). It is any of `delay` (ms before the answer), `status`, `headers`, `body` (a text or bytes; default: what would have
 *   been answered), `redirect` (a Location; status 302 unless given), `chunked` (without a length), `cut` (bytes of the body,
 *   then a reset), `trickle` (bytes of the body per second), `reset` (instead of an answer);
 * - `clear()`: forgets all rules. `close()`.
 */
async function startRegistry() {
  const entries = [];
  const rules = [];
  const registry = { requests: [], entries };
  const server = http.createServer((request, response) => {
    const entry = { method: request.method, path: request.url, headers: request.headers };
    registry.requests.push(entry);
    const rule = rules.find((each) => applies(each, request.url)) ?? {};
    answer(entries, rule, request, response, entry).catch(() => request.socket.resetAndDestroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    if (!started.delete(close)) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  started.add(close);
  const forget = ({ id, version }) => {
    const at = entries.findIndex(({ agent }) => agent.id === id && agent.version === version);
    if (at >= 0) entries.splice(at, 1);
  };
  const serve = (agent, { domain, headers = {}, ...options } = {}) => {
    const { id, version, algorithm, publicKey } = agent;
    const entry = registryEntry(agent, options);
    forget(agent);
    entries.unshift({ agent: { id, version, algorithm, publicKey }, domain, headers, entry });
    return entry;
  };
  const url = `http://127.0.0.1:${server.address().port}`;
  return Object.assign(registry, {
    url,
    env: { JACS_KEYS_BASE_URL: url },
    serve,
    forget,
    fail: (rule) => rules[rules.push({ times: Infinity, skip: 0, ...rule, hits: 0 }) - 1],
    clear: () => void rules.splice(0),
    close,
  });
}

function applies(rule, url) {
  const { path, times } = rule;
  if (rule.hits >= times) return false;
  if (path instanceof RegExp ? !path.test(url) : path !== undefined && !url.includes(path)) return false;
  if (rule.skip > 0) {
    rule.skip--;
    return false;
  }
  rule.hits++;
  return true;
}

/** What the registry has under a path: `{ status, headers, body }`. */
function found(entries, url) {
  const path = url.split('?')[0].split('/').slice(1).map(decodeURIComponent);
  const [jacs, v1, kind, first, keys, version, ...rest] = path;
  const none = { status: 404, headers: {}, body: { error: 'not found' } };
  if (jacs !== 'jacs' || v1 !== 'v1' || rest.length > 0) return none;
  const one = (match) => {
    const hit = entries.find(match);
    return hit ? { status: 200, headers: hit.headers, body: hit.entry } : none;
  };
  if (kind === 'keys' && first === 'by-hash' && version === undefined)
    return one((each) => hashes(each).includes(keys));
  if (kind !== 'agents') return none;
  if (first === 'by-domain' && version === undefined)
    return one(({ domain }) => domain !== undefined && domain === keys);
  if (keys !== 'keys') return none;
  if (version !== undefined) return one(({ agent }) => agent.id === first && agent.version === version);
  const list = entries.filter(({ agent }) => agent.id === first);
  if (list.length === 0) return none;
  const body = { jacs_id: first, keys: list.map(({ entry }) => entry), total: list.length };
  return { status: 200, headers: list[0].headers, body };
}

function hashes({ agent }) {
  return [keyInfo(agent).pem, agent.publicKey].map((bytes) => `sha256:${sha256(bytes)}`);
}

async function answer(entries, rule, request, response, entry) {
  if (rule.delay) await held(request.socket, rule.delay);
  if (rule.reset) return request.socket.resetAndDestroy();
  const { status, headers, body } = found(entries, request.url);
  const bytes = Buffer.from(rule.body ?? JSON.stringify(body));
  const location = rule.redirect === undefined ? {} : { location: rule.redirect };
  const length = rule.chunked ? {} : { 'content-length': bytes.length };
  entry.status = rule.status ?? (rule.redirect === undefined ? status : 302);
  const type = { 'content-type': 'application/json' };
  response.writeHead(entry.status, { ...type, ...length, ...location, ...headers, ...rule.headers });
  if (rule.cut !== undefined) {
    await written(response, bytes.subarray(0, rule.cut));
    return request.socket.resetAndDestroy();
  }
  // Ten pieces a second.
  const size = rule.trickle ? Math.max(1, Math.floor(rule.trickle / 10)) : bytes.length;
  for (let at = 0; at < bytes.length; at += size) {
    await written(response, bytes.subarray(at, at + size));
    if (rule.trickle) await held(request.socket, 100);
  }
  response.end();
}

/** Waits, as long as the client does. */
async function held(client, ms) {
  const gone = new AbortController();
  const end = () => gone.abort();
  client.once('close', end);
  if (client.destroyed) end();
  await sleep(ms, undefined, { signal: gone.signal }).finally(() => client.off('close', end));
}

function written(stream, data) {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

afterAll(() => Promise.all([...started].map((close) => close())));

module.exports = { FORMS, keyInfo, registryEntry, startRegistry };
