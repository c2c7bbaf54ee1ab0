'use strict';
// A man in the middle, who changes what is asked and what is answered: in place of a server, or as the proxy of
// HTTP_PROXY and HTTPS_PROXY, where he shows a certificate of his own. What only passes is support/proxy.js's affair.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const tls = require('node:tls');
const { temporaryFolder } = require('./folder.js');

// They speak of one connection and of how a body is sent there.
const HOP = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding'];
const withoutHop = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.includes(name)));

const started = new Set();

/**
 * Starts one before the server at `to` (`http:`); all requests go there, whatever host they name, and keep their Host
 * header. Bodies are collected before they go on. Resolves to
 * - `url`: of himself; `requests`: `{ method, url, host, headers, body }`, where `url` is what was asked for as a proxy
 *   sees it (with scheme and host), or the path alone; `close()`.
 * - `ca`: with `names`, hosts that he stands for in TLS, the file of the authority that vouches for them.
 * - `tunnels`: how many connections with TLS were made through him.
 *
 * `request(asked)` may change a request before it goes on, or return (a promise of) an answer
 * `{ status, headers, body }` that is given instead; `answer(answered, asked)` may change an answer. A request that
 * breaks off goes nowhere; `partial(asked, body)` is told of it.
 */
async function startMiddleman({ to, names, request = () => {}, answer = () => {}, partial = () => {} }) {
  const requests = [];
  const server = http.createServer((incoming, response) => {
    pass(incoming, response).catch(() => incoming.socket.resetAndDestroy());
  });
  async function pass(incoming, response) {
    const { method, url, headers } = incoming;
    const over = incoming.socket.encrypted ? `https://${headers.host}${url}` : url;
    const asked = { method, url: over, host: headers.host, headers: { ...headers } };
    asked.body = await collected(incoming, (body) => partial(asked, body));
    requests.push({ ...asked, headers: { ...headers } });
    const given = (await request(asked)) ?? (await send(to, asked));
    const answered = {
      status: given.status,
      headers: withoutHop(given.headers ?? {}),
      body: Buffer.from(given.body ?? ''),
    };
    await answer(answered, asked);
    const length = method === 'HEAD' ? {} : { 'content-length': answered.body.length };
    response.writeHead(answered.status, { ...answered.headers, ...length });
    response.end(method === 'HEAD' ? undefined : answered.body);
  }
  const certificate = names && makeCertificate(names);
  const between = { requests, tunnels: 0, ca: certificate?.authority };
  server.on('connect', (_, socket) => {
    between.tunnels++;
    socket.on('error', () => {});
    socket.write('HTTP/1.1 200 Connected\r\n\r\n');
    const secure = new tls.TLSSocket(socket, { isServer: true, ...certificate });
    secure.on('error', () => {});
    server.emit('connection', secure);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  const close = async () => {
    if (!started.delete(close)) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  started.add(close);
  return Object.assign(between, { url: `http://127.0.0.1:${server.address().port}`, close });
}

async function send(to, { method, url, headers, body }) {
  const target = new URL(to);
  const { pathname, search } = new URL(url, to);
  const upstream = http.request({
    host: target.hostname,
    port: target.port,
    method,
    path: pathname + search,
    headers: { ...withoutHop(headers), 'content-length': body.length },
    agent: false,
  });
  upstream.end(body);
  const [answered] = await once(upstream, 'response');
  return { status: answered.statusCode, headers: answered.headers, body: await collected(answered) };
}

async function collected(stream, broken = () => {}) {
  const chunks = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    broken(Buffer.concat(chunks));
    throw error;
  }
  return Buffer.concat(chunks);
}

/** A certificate for some hosts by an authority that nobody knows: `{ key, cert, authority }`, the last a file. */
function makeCertificate(names) {
  const folder = temporaryFolder();
  const file = (name) => path.join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const made = (name) => ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
  const common = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];
  openssl(...common, '-subj', '/CN=Nobody', ...made('ca'));
  const hosts = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
  const by = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'basicConstraints=critical,CA:FALSE'];
  openssl(...common, ...by, '-subj', '/CN=Somebody', '-addext', hosts, ...made('host'));
  const read = (name) => fs.readFileSync(file(name));
  return { key: read('host.key'), cert: read('host.pem'), authority: file('ca.pem') };
}

afterAll(() => Promise.all([...started].map((close) => close())));

module.exports = { startMiddleman };
