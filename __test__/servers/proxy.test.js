'use strict';
// What the fault proxy does to requests, seen from both sides.

const { once } = require('node:events');
const http = require('node:http');
const { startProxy } = require('../support/proxy.js');

const BODY = 'x'.repeat(100_000);

// A server that keeps what it was sent and answers with it.
let heard;
let server;
let proxy;

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const entry = { method: request.method, host: request.headers.host, bytes: 0, whole: false, others: [] };
    heard.push(entry);
    try {
      for await (const chunk of request) {
        for (const [index, byte] of chunk.entries()) if (byte !== 0x78) entry.others.push(entry.bytes + index);
        entry.bytes += chunk.length;
      }
      entry.whole = true;
    } catch {
      server.emit('cut');
      return;
    }
    response.setHeader('x-heard', request.url);
    response.end(BODY);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startProxy(`http://127.0.0.1:${server.address().port}`);
});

afterAll(async () => {
  await proxy.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  heard = [];
  proxy.clear();
  proxy.requests.length = 0;
});

const ask = async (path = '/a?b=1', options = {}) => {
  const response = await fetch(`${proxy.url}${path}`, options);
  return { status: response.status, headers: response.headers, body: await response.text() };
};
const put = { method: 'PUT', body: BODY };

test('passes requests and answers on, with the Host header of the client', async () => {
  const { status, headers, body } = await ask('/a?b=1', put);
  expect([status, headers.get('x-heard'), body]).toEqual([200, '/a?b=1', BODY]);
  expect(heard).toEqual([
    { method: 'PUT', host: new URL(proxy.url).host, bytes: BODY.length, whole: true, others: [] },
  ]);
  expect(proxy.requests).toMatchObject([{ method: 'PUT', path: '/a?b=1', status: 200 }]);
  expect(proxy.connections).toBeGreaterThan(0);
});

test('resets before the server hears, or after it answered', async () => {
  proxy.fail({ reset: 'before' });
  await expect(ask()).rejects.toThrow();
  expect(heard).toHaveLength(0);
  proxy.fail({ reset: 'after' });
  await expect(ask('/a', put)).rejects.toThrow();
  expect(heard).toMatchObject([{ whole: true }]);
  expect(proxy.requests.map(({ status }) => status)).toEqual([undefined, undefined]);
});

test('cuts the body of a request and the body of an answer', async () => {
  const cut = once(server, 'cut');
  proxy.fail({ cutRequest: 1000 });
  await expect(ask('/a', put)).rejects.toThrow();
  await cut;
  expect(heard).toMatchObject([{ bytes: 1000, whole: false }]);
  proxy.fail({ cutAnswer: 1000 });
  const response = await fetch(`${proxy.url}/a`);
  let bytes = 0;
  const reading = (async () => {
    for await (const chunk of response.body) bytes += chunk.length;
  })();
  await expect(reading).rejects.toThrow();
  expect([response.status, bytes]).toEqual([200, 1000]);
});

test('holds back the end of an answer that it cuts', async () => {
  proxy.fail({ cutAnswer: 1000, hold: 150 });
  const started = Date.now();
  await expect(ask()).rejects.toThrow();
  expect(Date.now() - started).toBeGreaterThanOrEqual(145);
});

test('answers itself, as often as told and to whom it was told', async () => {
  const answer = { status: 503, headers: { 'retry-after': '1' }, body: 'busy' };
  const rule = proxy.fail({ method: 'PUT', path: /^\/chosen/, skip: 1, times: 2, answer });
  expect((await ask('/chosen', put)).status).toBe(200);
  expect((await ask('/chosen')).status).toBe(200);
  expect((await ask('/other', put)).status).toBe(200);
  const told = await ask('/chosen', put);
  expect([told.status, told.headers.get('retry-after'), told.body]).toEqual([503, '1', 'busy']);
  expect((await ask('/chosen', put)).status).toBe(503);
  expect((await ask('/chosen', put)).status).toBe(200);
  expect([rule.hits, heard.length]).toEqual([2, 4]);
});

test('answers in place of a server that has done it', async () => {
  proxy.fail({ instead: { status: 500, body: 'lost' } });
  const { status, body } = await ask('/a', put);
  expect([status, body]).toEqual([500, 'lost']);
  expect(heard).toMatchObject([{ whole: true, bytes: BODY.length }]);
});

test('changes one byte of a request, or of an answer', async () => {
  proxy.fail({ flipRequest: 70_000 });
  expect((await ask('/a', put)).body).toBe(BODY);
  expect(heard).toMatchObject([{ whole: true, bytes: BODY.length, others: [70_000] }]);
  proxy.fail({ flipAnswer: 70_000 });
  const { body } = await ask('/a', put);
  expect([...body].flatMap((letter, index) => (letter === 'x' ? [] : index))).toEqual([70_000]);
  expect(heard).toMatchObject([{}, { others: [] }]);
});

test('holds back a request, an answer and parts of it', async () => {
  const timed = async (rule, ...asked) => {
    proxy.fail(rule);
    const started = Date.now();
    expect((await ask(...asked)).body).toBe(BODY);
    return Date.now() - started;
  };
  expect(await timed({ delay: 150 })).toBeGreaterThanOrEqual(145);
  expect(await timed({ stall: 150 })).toBeGreaterThanOrEqual(145);
  expect(await timed({ trickle: 4 * BODY.length })).toBeGreaterThanOrEqual(145);
  expect(await timed({ trickleRequest: 4 * BODY.length }, '/a', put)).toBeGreaterThanOrEqual(145);
});

test('a server that is gone resets the connection', async () => {
  const gone = await startProxy('http://127.0.0.1:1');
  await expect(fetch(gone.url)).rejects.toThrow();
  await gone.close();
});
