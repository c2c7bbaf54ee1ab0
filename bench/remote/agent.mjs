// Our side, on S3 and on WebDAV: one agent that writes, one that reads a store that is there.
import fs from 'node:fs';
import { inFlight } from '../support/measure.mjs';
import { orders } from '../support/orders.mjs';
import { keyOf, loadAgent } from '../support/subjects.mjs';

const NO_CACHE = { cache: false };

/**
 * `home` has the agent's keys, `written` and `store` are data directories, `keys` is a file with the keys of documents
 * of `store`, of which `documents` are read.
 */
export async function open({ storage, home, env, written, store, keys, documents, concurrency }) {
  const load = (data) => loadAgent(home, data, { jacs_default_storage: storage }, env);
  const writer = await load(written);
  const reader = await load(store);
  const texts = orders(documents);
  // The first write also publishes the agent and makes what everything is in.
  await writer.createDocument(texts[0]);
  const known = JSON.parse(fs.readFileSync(keys, 'utf8')).slice(0, documents);
  const ids = known.map((key) => key.split(':')[0]);
  const newer = orders(2 * documents).slice(documents);
  const passes = {
    create: inFlight(texts, concurrency, (text) => writer.createDocument(text)),
    update: {
      setup: async () => (await writer.createDocuments(texts)).map((text, n) => ({ key: keyOf(text), text: newer[n] })),
      run: (all) => inFlight(all, concurrency, ({ key, text }) => writer.updateDocument(key, text))(),
    },
    get: inFlight(known, concurrency, (key) => reader.getDocument(key, NO_CACHE)),
    newest: inFlight(ids, concurrency, (id) => reader.getDocument(id, NO_CACHE)),
    async list() {
      let found = 0;
      for await (const { key } of reader.listDocuments()) if (key) found++;
      return found;
    },
  };
  const calls = {
    get: (key) => reader.getDocument(key, NO_CACHE),
    newest: (id) => reader.getDocument(id, NO_CACHE),
  };
  return { passes, calls, close: () => Promise.all([writer.close(), reader.close()]) };
}
