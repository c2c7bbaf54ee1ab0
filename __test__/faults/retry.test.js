'use strict';
// Faults come again and again while many documents are created and updated, and what is refused is saved again until it is
// stored: in the end every document is one whole chain, and nothing else is there.

const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');

const LANES = 16;
const UPDATES = 5;

/** Runs in the process: a document a lane, all its versions, oldest first, and how often one had to be saved again. */
async function work({ agent, attempt }, lanes, updates) {
  const refused = {};
  const sure = async (promise) => {
    let { value, error } = await attempt(promise);
    const { document } = error ?? {};
    for (let tries = 0; error; tries++) {
      if (!document || tries > 1000) throw Object.assign(new Error(error.code), error);
      refused[error.code] = (refused[error.code] ?? 0) + 1;
      ({ value, error } = await attempt(agent.saveDocument(document)));
    }
    return value;
  };
  const lane = async (_, by) => {
    const texts = [await sure(agent.createDocument({ by, n: 0 }))];
    for (let n = 1; n <= updates; n++) {
      const { jacsId, jacsVersion } = JSON.parse(texts.at(-1));
      texts.push(await sure(agent.updateDocument(`${jacsId}:${jacsVersion}`, { by, n })));
    }
    return texts;
  };
  return { documents: await Promise.all(Array.from({ length: lanes }, lane)), refused };
}

describeWith(['strace -p'], 'what is refused and saved again', () => {
  let place;
  let child;
  beforeEach(async () => {
    place = await newAgent();
    child = await startAgent(place);
    await child.call('createDocument', { n: 0 });
  });

  // The number of calls of a save is no multiple of these, so that a fault does not meet the same one for ever.
  const FAULTS = [
    ['linkat:error=ENOSPC:when=1+3', [], 'JACS_UNAVAILABLE'],
    ['fsync:error=EIO:when=3+13', [], 'JACS_UNAVAILABLE'],
    ['fsync:error=ENOSPC:when=1+7', ['documents'], 'JACS_UNAVAILABLE'],
    ['mkdirat:error=EACCES:when=1+2', ['documents'], 'JACS_PERMISSION'],
  ];

  test.each(FAULTS)('is stored at last: %s', async (fault, on, code) => {
    const places = on.map((name) => path.join(place.data, name));
    const { outcome, hits } = await withFault(child.pid, fault, places, () => child.run(work, LANES, UPDATES));
    expect(hits).toBeGreaterThan(1);
    expect(outcome.error).toBeUndefined();
    const { documents, refused } = outcome.value;
    expect(Object.keys(refused)).toEqual([code]);
    for (const texts of documents) {
      const versions = await place.agent.versions(JSON.parse(texts[0]).jacsId);
      expect(versions.map(({ key }) => key)).toEqual(texts.map(keyOf));
      expect(versions.map(({ head, accepted }) => [head, accepted])).toEqual(
        texts.map((_, index) => [index === UPDATES, true]),
      );
      for (const text of texts) expect(await place.agent.getDocument(keyOf(text))).toBe(text);
    }
    const stored = soundDocuments(place.data, [place.agent]);
    expect(stored).toHaveLength(LANES * (UPDATES + 1) + 1);
    expect(stored).toEqual(expect.arrayContaining(documents.flat().map(keyOf)));
  });
});
