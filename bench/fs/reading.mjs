// Documents read from a disk that has them in its memory, and from the cache.
import fs from 'node:fs';
import path from 'node:path';
import { must } from '../support/answer.mjs';
import { each, inFlight } from '../support/measure.mjs';
import { keyOf, loadAgent, NO_CACHE, NOT_SYNCED } from '../support/subjects.mjs';
import { flushDisk } from '../support/workplace.mjs';

export function reading({ workplace, home, peer, texts, concurrency }) {
  let made;
  const stored = () => (made ??= store(workplace.unused(), home, texts));
  const readVerified = async (file) => must(peer.verifyDocument(await fs.promises.readFile(file, 'utf8')));
  return [
    {
      name: `getDocument, id:version, no cache, ${concurrency} in flight`,
      target: 3,
      async sides() {
        const { documents, uncached } = await stored();
        return {
          ours: inFlight(documents, concurrency, ({ key }) => uncached.getDocument(key)),
          peer: inFlight(documents, concurrency, ({ file }) => readVerified(file)),
        };
      },
    },
    {
      name: `getDocument, id, no cache, ${concurrency} in flight; newest name of readdir`,
      async sides() {
        const { documents, uncached } = await stored();
        const readNewest = async ({ folder }) => {
          const newest = (await fs.promises.readdir(folder)).reduce((a, b) => (a > b ? a : b));
          await readVerified(path.join(folder, newest));
        };
        return {
          ours: inFlight(documents, concurrency, ({ id }) => uncached.getDocument(id)),
          peer: inFlight(documents, concurrency, readNewest),
        };
      },
    },
    {
      name: 'getDocumentSync, id:version, no cache',
      async sides() {
        const { documents, uncached } = await stored();
        return {
          ours: each(documents, ({ key }) => uncached.getDocumentSync(key)),
          peer: each(documents, ({ file }) => must(peer.verifyDocument(fs.readFileSync(file, 'utf8')))),
        };
      },
    },
    {
      // Ten times as long as a lookup that does nothing else: what a cached read may cost.
      name: 'getDocument, id:version, cached, one by one; Map of Buffers, toString',
      target: 0.1,
      async sides() {
        const { documents, cached } = await stored();
        const buffers = new Map(documents.map(({ key, text }) => [key, Buffer.from(text)]));
        const lookup = async (key) => buffers.get(key).toString('utf8');
        for (const { key } of documents) must((await cached.getDocument(key)) === (await lookup(key)), 'other bytes');
        return {
          ours: inFlight(documents, 1, ({ key }) => cached.getDocument(key)),
          peer: inFlight(documents, 1, ({ key }) => lookup(key)),
        };
      },
    },
  ];
}

async function store(data, home, texts) {
  const writer = await loadAgent(home, data, NOT_SYNCED);
  const documents = (await writer.createDocuments(texts)).map((text) => {
    const key = keyOf(text);
    const [id, version] = key.split(':');
    const folder = path.join(data, 'documents', id);
    return { key, id, text, folder, file: path.join(folder, `${version}.json`) };
  });
  await writer.close();
  flushDisk();
  return { documents, uncached: await loadAgent(home, data, NO_CACHE), cached: await loadAgent(home, data) };
}
