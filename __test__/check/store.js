'use strict';
// A store of a thousand documents that is made once, copied for each test, and damaged there.

const fs = require('node:fs');
const path = require('node:path');
const { forge, forger, after, plant } = require('../attacks/forge.js');
const { anotherOn, keyOf, loadAgain, newAgent } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');

/** Documents are no longer than this here, so that a longer one is quickly made. */
const MAX_BYTES = 1 << 20;
const SETTINGS = { jacs_storage_options: { durability: 'none' }, jacs_max_document_bytes: MAX_BYTES };

/**
 * `place` of the agent; keys of documents with one version and of such with three (`[first, second, third]`), hashes of
 * `files` that one document each names; `stranger`, whose key the test has, and whose agent document is stored.
 */
async function madeStore({ documents = 900, storedHistories = 30 } = {}) {
  const place = await newAgent({ settings: SETTINGS });
  const { agent } = place;
  const texts = await agent.createDocuments(
    Array.from({ length: documents }, (_, n) => ({ n, text: `document ${n}` })),
  );
  const other = await anotherOn(place, SETTINGS);
  const histories = [];
  for (let n = 0; n < storedHistories; n++) {
    const author = n % 3 === 0 ? other.agent : agent;
    const keys = [keyOf(await author.createDocument({ n }))];
    for (let step = 1; step < 3; step++) keys.push(keyOf(await author.updateDocument(keys.at(-1), { n, step })));
    histories.push(keys);
  }
  const files = [];
  for (let n = 0; n < 12; n++) {
    const contents = Buffer.from(`attachment ${n} `.repeat(n === 0 ? 200_000 : 10));
    const text = await agent.createDocument({ n }, { attachments: [{ path: `${n}.txt`, contents }] });
    files.push({ key: keyOf(text), hash: JSON.parse(text).jacsFilesStored[0] });
  }
  await agent.createDocument({}, { attachments: [{ path: 'in.txt', contents: Buffer.from('inside') }], embed: true });
  const stranger = forger();
  plant(place.data, stranger.text, 'agents');
  const [first] = [forge(stranger)];
  plant(place.data, first);
  plant(place.data, forge(stranger, after(first)));
  await other.agent.close();
  return { place, other, singles: texts.map(keyOf), histories, files, stranger };
}

/**
 * A copy of the store, with the agent on it and a mirror: `{ data, mirror, agent, check }`. `single()`, `history()` and
 * `file()` give one that was not given yet.
 */
async function copied(store, { mirrored = true } = {}) {
  const folder = temporaryFolder();
  const [data, mirror] = ['data', 'mirror'].map((name) => path.join(folder, name));
  copy(store.place.data, data);
  if (mirrored) copy(store.place.data, mirror);
  const agent = await loadAgain({ ...store.place, data });
  const [singles, histories, files] = [store.singles, store.histories, store.files].map((list) => [...list].reverse());
  const quarantine = path.join(folder, 'quarantine');
  const repair = { repairFrom: { jacs_data_directory: mirror }, quarantine };
  return {
    ...store,
    data,
    mirror,
    agent,
    quarantine,
    repair,
    folder,
    single: () => singles.pop(),
    history: () => histories.pop(),
    file: () => files.pop(),
  };
}

function copy(from, to) {
  fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

const pathOf = (key, kind = 'documents') => `${kind}/${key.replace(':', '/')}.json`;
const folderOf = (key, kind = 'documents') => `${kind}/${key.split(':')[0]}/`;

/** What a report found, as `kind path`, sorted. */
const found = ({ findings }) => findings.map(({ kind, path: at }) => `${kind} ${at}`).sort();

module.exports = { MAX_BYTES, SETTINGS, copied, folderOf, found, madeStore, pathOf };
