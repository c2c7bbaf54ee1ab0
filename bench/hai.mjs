// How fast are documents stored on WebDAV and read, beside fetch, which neither signs nor verifies them?
//   node bench/hai.mjs [--check] [--only TEXT] [--rounds N] [--documents N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names. Then, and with
// another number of documents, no file is kept.
// Needs the release addon (npm run build), and Apache: that of JACS_TEST_SERVERS or of `npm run servers`; else it is
// started. What is written there is removed at the end.
//
// Both sides speak to one server over plain HTTP on this machine, with 64 operations under way, in turns; each in a
// process of its own that keeps its connections. fetch opens as many as it needs, which are 64.
// - createDocument signs 1 KiB of JSON and stores it (about 2 KiB), on the condition that nothing is there. A document
//   has a collection for its versions, so that a new one takes two requests, MKCOL and PUT. It stands beside fetch that
//   puts the same bytes, ready made, into collections that are there: one request against our two. Then beside fetch
//   that does the same as we, MKCOL and PUT.
// - No call writes a version into a known collection with a single PUT: updateDocument asks first what is the newest
//   (PROPFIND, GET, PUT), and saveDocument, whose key others may have too, looks before and after, for WebDAV's
//   condition is not atomic. updateDocument stands beside fetch with the same three requests, and beside a PUT.
// - getDocument reads past the cache and verifies hash and signature; fetch makes a text of the bytes, no more.
import fs from 'node:fs';
import { measureBeside } from './remote/beside.mjs';

process.exitCode = await measureBeside({
  name: 'hai',
  server: 'dav',
  storage: 'hai',
  peer: `undici ${process.versions.undici}`,
  sizes: { documents: 640, stored: 640 },
  place,
  questions: [
    {
      name: 'createDocument; fetch PUT, known collections',
      ours: 'create',
      peer: ['fetch', 'put'],
      target: 1,
      mostRequests: 2,
    },
    { name: 'createDocument; fetch MKCOL, PUT', ours: 'create', peer: ['fetch', 'create'], target: 1 },
    { name: 'updateDocument; fetch PROPFIND, GET, PUT', ours: 'update', peer: ['fetch', 'update'], target: 1 },
    { name: 'updateDocument; fetch PUT, known collections', ours: 'update', peer: ['fetch', 'put'] },
    { name: 'getDocument, id:version; fetch GET', ours: 'get', peer: ['fetch', 'get'], target: 1 },
    { name: 'getDocument, id; fetch PROPFIND, GET', ours: 'newest', peer: ['fetch', 'newest'] },
  ],
});

function place({ servers, newCollection, davVariables }) {
  const { token, url: server } = servers.dav;
  const { name, folder } = newCollection();
  return {
    url: server,
    data: (directory) => `${name}/${directory}`,
    env: (url) => davVariables(servers.dav, { endpoint: url }),
    peers(url) {
      const own = `${url}/${name}`;
      return { fetch: ['webdav.mjs', { url: own, store: `${own}/store`, token }] };
    },
    remove: () => fs.rmSync(folder, { recursive: true }),
  };
}
