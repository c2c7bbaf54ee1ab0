'use strict';
// A process that is killed while it stores files: no document is there without its files, and no part of a file.

const fs = require('node:fs');
const path = require('node:path');
const { loadAgain, newAgent } = require('../support/agents.js');
const { sha256 } = require('../support/attached.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { killedAtWork, wholeStore } = require('../support/killed.js');
const { rawFolder } = require('../support/raw.js');

const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 50 : 4;
/** The longest that a process works, in ms. */
const WORK = 700;

async function round(place, number, tally) {
  const data = path.join(temporaryFolder(), 'data');
  const { promised, left } = await killedAtWork({ ...place, env: { JACS_DATA_DIRECTORY: data } }, WORK, number % 2);
  // Streams are spooled to files without a name.
  expect(left).toEqual([]);
  if (!fs.existsSync(data)) return;
  const { texts, files } = await wholeStore(rawFolder(data), place.agent.publicKey);
  expect(filesUnder(data).filter((name) => !/^(agents|documents|files)\//.test(name))).toEqual([]);
  const hashes = promised.map(([key]) => [key, texts.has(key) && sha256(texts.get(key))]);
  expect(hashes).toEqual(promised);

  const agent = await loadAgain({ ...place, data });
  for (const [key, text] of texts) {
    await expect(agent.getDocument(key)).resolves.toBe(text);
    await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
  }
  const contents = Buffer.from('still at work');
  const text = await agent.createDocument({}, { attachments: { path: 'new', contents } });
  await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
  await agent.close();
  fs.rmSync(data, { recursive: true });
  tally.promised += promised.length;
  tally.files += files.size;
}

test(
  `killed ${ROUNDS} times while files are on their way`,
  async () => {
    const place = await newAgent();
    const tally = { promised: 0, files: 0 };
    for (let n = 0; n < ROUNDS; n++) await round(place, n, tally);
    expect(tally.promised).toBeGreaterThan(0);
    expect(tally.files).toBeGreaterThan(tally.promised);
  },
  ROUNDS * 20_000,
);
