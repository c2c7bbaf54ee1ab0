'use strict';
// Processes that go on writing while a store is copied, and a look at what has arrived so far.

const fs = require('node:fs');
const path = require('node:path');
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');
const { startAgent } = require('./child.js');
const { temporaryFolder } = require('./folder.js');

/**
 * Starts a process with the agent of `place` that makes documents with stored files, and updates some, one after the other;
 * resolves when the first are there. `stop()` resolves to how many it made.
 */
async function startWriter(place) {
  const child = await startAgent(place);
  const folder = temporaryFolder();
  const [end, begun] = [path.join(folder, 'end'), path.join(folder, 'begun')];
  const work = child.run(write, end, begun);
  while (!fs.existsSync(begun)) await sleep(5);
  const stop = async () => {
    fs.writeFileSync(end, '');
    const { value, error } = await work;
    if (error) throw new Error(error.stack);
    await child.stop();
    return value;
  };
  return { stop };
}

/** Runs in the process, and ends with the one that started it. */
async function write({ agent, require }, end, begun) {
  const { randomBytes } = require('node:crypto');
  const fs = require('node:fs');
  let n = 0;
  for (; process.connected && !fs.existsSync(end); n++) {
    const attachments = [0, 1].map((part) => ({ path: `${part}.bin`, contents: randomBytes(3000) }));
    const text = await agent.createDocument({ n }, { attachments });
    const { jacsId, jacsVersion } = JSON.parse(text);
    if (n % 3 === 0) await agent.updateDocument(`${jacsId}:${jacsVersion}`, { n, again: true });
    if (n === 4) fs.writeFileSync(begun, '');
  }
  return n;
}

/**
 * Looks at a folder as long as a promise is not settled: each document that arrives must have its files there at that
 * moment. Resolves to the promise's value, and at how many moments the copy was seen half done.
 */
async function watched(data, promise) {
  const state = { settled: false };
  const settled = promise.finally(() => (state.settled = true));
  settled.catch(() => {});
  const seen = new Set();
  const faults = [];
  let moments = 0;
  while (!state.settled) {
    const before = seen.size;
    for (const name of documentsIn(data)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const text = readIfThere(path.join(data, 'documents', name));
      const { jacsFilesStored = [] } = JSON.parse(text ?? '{}');
      const missing = jacsFilesStored.filter((hash) => !fs.existsSync(path.join(data, 'files', hash)));
      if (missing.length > 0) faults.push(`${name} lacks ${missing}`);
    }
    if (seen.size > before) moments++;
    await turn();
  }
  return { value: await settled, moments, faults, seen: seen.size };
}

function documentsIn(data) {
  const folder = path.join(data, 'documents');
  return namesIn(folder).flatMap((id) => {
    const versions = namesIn(path.join(folder, id)).filter((name) => /^[^.].*\.json$/.test(name));
    return versions.map((name) => `${id}/${name}`);
  });
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of a folder that may go at any moment. */
function namesIn(folder) {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(error.code)) return [];
    throw error;
  }
}

module.exports = { startWriter, watched };
