// The other sides on WebDAV: one PUT of a file's stream, by fetch and by node:http. They hash nothing that they send.
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import { must } from '../support/answer.mjs';
import { readHashed } from './calls.mjs';
import { MIB } from './source.mjs';
import { storedAt } from './stored.mjs';

/** `url` is a collection, and `stored` the same on the disk. */
export async function open({ url, token, source, stored }) {
  const address = `${url}/${source.name}`;
  const authorization = `Bearer ${token}`;
  const headers = { authorization, 'content-length': source.size };
  const server = storedAt(stored);
  const contents = () => fs.createReadStream(source.file, { highWaterMark: MIB });

  async function byFetch() {
    const response = await fetch(address, { method: 'PUT', headers, body: contents(), duplex: 'half' });
    await response.arrayBuffer();
    must(response.ok, `PUT ${response.status}`);
  }
  async function byHttp() {
    const request = http.request(address, { method: 'PUT', headers });
    const answered = once(request, 'response');
    await pipeline(contents(), request);
    const [response] = await answered;
    response.resume();
    must(response.statusCode === 201, `PUT ${response.statusCode}`);
  }
  const create = (put) => ({
    async run() {
      await put();
      return 1;
    },
    async teardown() {
      must((await server.sizeOf(source.name)) === source.size, 'the server has not all bytes');
      await server.remove(source.name);
    },
  });
  let sent = false;
  const passes = {
    fetch: create(byFetch),
    http: create(byHttp),
    read: {
      async setup() {
        if (!sent) await byFetch();
        sent = true;
      },
      async run() {
        await readHashed((await fetch(address, { headers: { authorization } })).body, source);
        return 1;
      },
    },
  };
  const close = async () => {
    if (sent) await server.remove(source.name);
  };
  return { passes, calls: {}, close };
}
