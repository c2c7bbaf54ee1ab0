'use strict';
// An HTTP proxy before a server, that does to chosen requests what networks and servers do on a bad day. It passes the
// Host header on as the client sent it, because S3 signatures cover it.

const { once } = require('node:events');
const http = require('node:http');
const { pipeline } = require('node:stream/promises');
const { setTimeout: sleep } = require('node:timers/promises');

// They speak of one connection; a server closing its own must not close the client's.
const HOP = new Set(['connection', 'keep-alive', 'proxy-connection']);

const started = new Set();

/**
 * Starts a proxy before a server with `http:`; closed after the tests of the file. Resolves to
 * - `url`: the server's own, with the proxy's host and port.
 * - `requests`: a list of `{ method, path, headers, status, bytes, fault }`, where `path` holds the query, `status` is what
 *   the client was told (undefined: nothing), `bytes` how much of the server's body, and `fault` the rule that was applied.
 * - `connections`: how many were made to the proxy; `open`: how many of them are open.
 * - `fail(rule)`: adds a rule and returns it, with `hits`; the first rule that matches a request is applied to it.
 * - `clear()`: forgets all rules. `close()`.
 *
 * A rule chooses by `method`, `path` (a text that it contains, or a RegExp) and `when(request)`; it passes over the first
 * `skip` of these and is applied to `times` of them (1). What it does is one of
 * - `reset: 'before'`: the connection is reset and the server never hears of the request;
 * - `reset: 'after'`: the server has answered, but the client's connection is reset instead;
 * - `cutRequest: N`: the server gets N bytes of the body and then the end of the connection, the client a reset;
 * - `cutAnswer: N`: the client gets the head and N bytes of the answer's body, then, after `hold` ms, the end of the connection;
 * - `answer: { status, headers, body }`: this, and the server never hears of the request;
 * - `instead: { status, headers, body }`: this, when the server has answered;
 * beside any of `delay` (ms before the request goes on), `stall` (ms before the server's answer goes on), `trickle` (bytes
 * of the answer's body per second), `trickleRequest` (the same of the request's) and `flipRequest` and `flipAnswer` (the
 * index of a byte of the body that becomes another one).
 */
async function startProxy(target) {
  const to = new URL(target);
  if (to.protocol !== 'http:') throw new Error('the proxy speaks http: only');
  const rules = [];
  const proxy = { requests: [], connections: 0, open: 0 };
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 });
  server.on('connection', (socket) => {
    proxy.connections++;
    proxy.open++;
    // One connection there for each one here, so that the client's pool of connections is the server's.
    socket.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    socket.on('error', () => {});
    socket.on('close', () => {
      proxy.open--;
      socket.agent.destroy();
    });
  });
  server.on('request', (request, response) => {
    const client = request.socket;
    const entry = { method: request.method, path: request.url, headers: request.headers };
    proxy.requests.push(entry);
    const rule = rules.find((each) => applies(each, request));
    if (rule) entry.fault = rule;
    // Any failure on either side ends as a server's failure would: the connection is reset.
    pass(to, request, response, rule ?? {}, entry).catch(() => client.resetAndDestroy());
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
  const url = new URL(target);
  url.host = `127.0.0.1:${server.address().port}`;
  return Object.assign(proxy, {
    url: url.href.replace(/\/$/, ''),
    fail: (rule) => rules[rules.push({ times: 1, skip: 0, ...rule, hits: 0 }) - 1],
    clear: () => void rules.splice(0),
    close,
  });
}

function applies(rule, request) {
  const { method, path, when } = rule;
  if (rule.hits >= rule.times) return false;
  if (method !== undefined && method !== request.method) return false;
  if (path instanceof RegExp ? !path.test(request.url) : path !== undefined && !request.url.includes(path))
    return false;
  if (when !== undefined && !when(request)) return false;
  if (rule.skip > 0) {
    rule.skip--;
    return false;
  }
  rule.hits++;
  return true;
}

async function pass(to, request, response, rule, entry) {
  const client = request.socket;
  if (rule.reset === 'before') return client.resetAndDestroy();
  if (rule.delay) await held(client, rule.delay);
  if (rule.answer) return answer(request, response, rule.answer, entry);
  const upstream = http.request({
    host: to.hostname,
    port: to.port,
    method: request.method,
    path: request.url,
    headers: framed(request),
    agent: client.agent,
  });
  const end = () => upstream.destroy();
  client.once('close', end);
  upstream.once('close', () => client.off('close', end));
  if (rule.cutRequest !== undefined) return cutRequest(request, upstream, rule.cutRequest);
  sendOn(request, upstream, rule);
  const [answered] = await once(upstream, 'response');
  if (rule.stall) await held(client, rule.stall);
  if (rule.instead) {
    await drained(answered);
    return answer(request, response, rule.instead, entry);
  }
  if (rule.reset === 'after') {
    await drained(answered);
    return client.resetAndDestroy();
  }
  entry.status = answered.statusCode;
  response.writeHead(answered.statusCode, answered.statusMessage, withoutHop(answered.rawHeaders));
  response.flushHeaders();
  await sendBody(answered, response, rule, entry);
}

/** Waits, as long as the client does. */
async function held(client, ms) {
  const gone = new AbortController();
  const end = () => gone.abort();
  client.once('close', end);
  if (client.destroyed) end();
  await sleep(ms, undefined, { signal: gone.signal }).finally(() => client.off('close', end));
}

async function answer(request, response, { status, headers = {}, body = '' }, entry) {
  if (!request.readableEnded) await drained(request);
  entry.status = status;
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function sendOn(request, upstream, { flipRequest = -1, trickleRequest }) {
  if (flipRequest < 0 && !trickleRequest) return request.pipe(upstream);
  const client = request.socket;
  const changed = async function* (pieces) {
    let at = 0;
    for await (const piece of pieces) {
      yield flipped(piece, flipRequest - at);
      at += piece.length;
      if (trickleRequest) await held(client, (1000 * piece.length) / trickleRequest);
    }
  };
  pipeline(request, changed, upstream).catch(() => client.resetAndDestroy());
}

function flipped(piece, index) {
  if (!(index >= 0 && index < piece.length)) return piece;
  const changed = Buffer.from(piece);
  changed[index] ^= 1;
  return changed;
}

async function cutRequest(request, upstream, limit) {
  const client = request.socket;
  upstream.on('error', () => {});
  upstream.flushHeaders();
  let left = limit;
  // Leaving the loop must not destroy the request, and with it the client's connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (part.length > 0) await written(upstream, part);
    if (left === 0) break;
  }
  // What is on its way has left before the connection ends.
  if (!upstream.socket) await once(upstream, 'socket');
  if (upstream.socket.connecting) await once(upstream.socket, 'connect');
  upstream.socket.end();
  client.resetAndDestroy();
}

async function sendBody(answered, response, { trickle, cutAnswer = Infinity, flipAnswer = -1, hold }, entry) {
  let left = cutAnswer;
  entry.bytes = 0;
  for await (const chunk of answered) {
    const whole = flipped(chunk, flipAnswer - entry.bytes).subarray(0, left);
    left -= whole.length;
    entry.bytes += whole.length;
    // Ten pieces a second.
    const size = trickle ? Math.max(1, Math.floor(trickle / 10)) : whole.length;
    for (let at = 0; at < whole.length; at += size) {
      await written(response, whole.subarray(at, at + size));
      if (trickle) await held(response.socket, (1000 * Math.min(size, whole.length - at)) / trickle);
    }
    if (left === 0) break;
  }
  if (cutAnswer === Infinity) return response.end();
  if (hold) await held(response.socket, hold);
  response.socket.end();
}

async function drained(stream) {
  stream.resume();
  await once(stream, 'end');
}

function written(stream, data) {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

// A request without a body must not become one with an empty body in pieces, which servers refuse for MKCOL.
function framed({ headers, rawHeaders }) {
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return [...withoutHop(rawHeaders), ...(hasBody ? [] : ['Content-Length', '0'])];
}

function withoutHop(raw) {
  return raw.filter((_, index) => !HOP.has(raw[index - (index % 2)].toLowerCase()));
}

afterAll(() => Promise.all([...started].map((close) => close())));

module.exports = { startProxy };
