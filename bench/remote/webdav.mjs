// The other side on WebDAV: node's fetch, which signs nothing and verifies nothing.
import fs from 'node:fs';
import { randomUUID } from 'node:crypto';
import { inFlight } from '../support/measure.mjs';

/** A server may close a connection just when a request is on its way; fetch leaves it to its caller to ask again. */
const CLOSED = 'UND_ERR_SOCKET';
const ATTEMPTS = 4;

/**
 * `url` is a collection of its own; `signed` is a file with the texts that are written, `keys` one with those of the
 * documents below `store`, of which `documents` are read.
 */
export async function open({ url, store, token, signed, keys, documents, concurrency }) {
  const authorization = `Bearer ${token}`;
  const known = JSON.parse(fs.readFileSync(keys, 'utf8')).slice(0, documents);
  const addresses = known.map(addressOf);
  const folders = addresses.map(folderOf);
  const bodies = JSON.parse(fs.readFileSync(signed, 'utf8')).slice(0, documents).map(bodyOf);

  function addressOf(key) {
    return `${store}/documents/${key.replace(':', '/')}.json`;
  }
  async function ask(method, address, { headers, body, attempt = 1 } = {}) {
    try {
      const response = await fetch(address, { method, headers: { authorization, ...headers }, body });
      // Made by an attempt whose answer was lost.
      const made = method === 'MKCOL' && attempt > 1 && response.status === 405;
      if (!response.ok && !made) throw new Error(`${method} ${response.status}`);
      // Also where it is empty: the connection is free only then.
      return await response.text();
    } catch (error) {
      if (error.cause?.code !== CLOSED || attempt === ATTEMPTS) throw error;
      return ask(method, address, { headers, body, attempt: attempt + 1 });
    }
  }
  const get = (address) => ask('GET', address);
  const put = (address, body) => ask('PUT', address, { body, headers: { 'content-type': 'application/json' } });
  async function newest(folder) {
    const listing = await ask('PROPFIND', folder, { headers: { depth: '1' } });
    const names = [...listing.matchAll(/href>[^<]*\/([^/<]+\.json)</g)].map(([, name]) => name);
    return get(`${folder}${names.reduce((a, b) => (a > b ? a : b))}`);
  }

  let made = 0;
  /** Where a pass writes, new each time, because the names are the same. */
  async function fresh() {
    const address = `${url}/${process.pid}-${made++}`;
    await ask('MKCOL', `${address}/`);
    await ask('MKCOL', `${address}/documents/`);
    return bodies.map((each) => ({ ...each, folder: `${address}/documents/${each.id}/` }));
  }
  const eachOf = (all, work) => inFlight(all, concurrency, work)();
  async function withCollections() {
    const all = await fresh();
    await eachOf(all, ({ folder }) => ask('MKCOL', folder));
    return all;
  }
  async function withDocuments() {
    const all = await withCollections();
    await eachOf(all, ({ folder, version, body }) => put(`${folder}${version}.json`, body));
    return all;
  }
  const putOne = ({ folder, version, body }) => put(`${folder}${version}.json`, body);
  const passes = {
    put: { setup: withCollections, run: (all) => eachOf(all, putOne) },
    create: {
      setup: fresh,
      run: (all) =>
        eachOf(all, async (each) => {
          await ask('MKCOL', each.folder);
          await putOne(each);
        }),
    },
    update: {
      setup: withDocuments,
      run: (all) =>
        eachOf(all, async ({ folder, body }) => {
          await newest(folder);
          await put(`${folder}${randomUUID()}.json`, body);
        }),
    },
    get: inFlight(addresses, concurrency, get),
    newest: inFlight(folders, concurrency, newest),
  };
  const calls = { get: (key) => get(addressOf(key)), newest: (id) => newest(`${store}/documents/${id}/`) };
  return { passes, calls, close: () => {} };
}

function folderOf(address) {
  return address.slice(0, address.lastIndexOf('/') + 1);
}

function bodyOf(text) {
  const { jacsId, jacsVersion } = JSON.parse(text);
  return { id: jacsId, version: jacsVersion, body: Buffer.from(text) };
}
