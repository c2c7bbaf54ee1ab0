'use strict';
// Faults while many documents are under way at a time: those that are hit are refused, each for itself, the others stored.

const path = require('node:path');
const { keyOf, newAgent } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { TOLD, withFault } = require('../support/inject.js');
const { describeWith } = require('../support/needs.js');
const { soundDocuments } = require('../support/sound.js');
const { faultsOf } = require('../support/witness.js');

const MANY = 20;

// strace counts for each thread by itself, so it cannot be said beforehand which documents are hit.
const FAULTS = [
  ['linkat:error=ENOSPC:when=1+2', 'ENOSPC'],
  ['linkat:error=EIO', 'EIO'],
  ['mkdirat:error=EMFILE:when=1+3', 'EMFILE'],
  ['mkdirat:error=EACCES:when=1', 'EACCES'],
  ['fsync:error=ENOSPC:when=1', 'ENOSPC'],
  ['fsync:error=EIO:when=1+5', 'EIO'],
  ['fsync:error=EIO', 'EIO'],
];

describeWith(['strace -p'], `${MANY} documents at a time`, () => {
  let place;
  let child;
  beforeAll(async () => {
    place = await newAgent();
    child = await startAgent(place);
    await child.call('createDocument', { n: -1 });
  });

  const stored = () => soundDocuments(place.data, [place.agent]);
  const numberOf = (text) => JSON.parse(text).n;

  /** What is new in the store is there under its own name, by its number. */
  async function newNumbers(before) {
    const keys = stored().filter((key) => !before.includes(key));
    return Promise.all(keys.map(async (key) => numberOf(await place.agent.getDocument(key))));
  }

  test.each(FAULTS)('in a batch: %s', async (fault, errno) => {
    const input = Array.from({ length: MANY }, (_, n) => ({ n }));
    const before = stored();
    const work = () => child.call('createDocuments', input);
    const { outcome, hits } = await withFault(child.pid, fault, [], work);
    expect(hits).toBeGreaterThan(0);
    const { documents, failures, ...error } = outcome.error;
    expect(error).toMatchObject(TOLD[errno]);
    expect(failures.length).toBeGreaterThan(0);
    for (const { code } of failures) expect(code).toBe(TOLD[errno].code);
    const failed = failures.map(({ index }) => index);
    expect(documents.flatMap((text, index) => (text === null ? index : []))).toEqual(failed);

    const made = documents.filter((text) => text !== null);
    const keys = stored();
    for (const text of made) expect(await child.call('getDocument', keyOf(text))).toEqual({ value: text });
    expect(keys).toEqual(expect.arrayContaining(made.map(keyOf)));
    // One whose directory could not be synced has its name already.
    const others = (await newNumbers(before)).filter((n) => !made.some((text) => numberOf(text) === n));
    expect(failed).toEqual(expect.arrayContaining(others));
    if (!fault.startsWith('fsync')) expect(others).toEqual([]);

    const again = await child.call(
      'createDocuments',
      failed.map((index) => input[index]),
    );
    expect(again.value.map(numberOf)).toEqual(failed);
  });

  test.each(FAULTS)('each by a call of its own: %s', async (fault, errno) => {
    const many = ({ agent, attempt }, count) =>
      Promise.all(Array.from({ length: count }, (_, n) => attempt(agent.createDocument({ n }))));
    const before = stored();
    const { outcome, hits } = await withFault(child.pid, fault, [], () => child.run(many, MANY));
    expect(hits).toBeGreaterThan(0);
    const refused = outcome.value.flatMap(({ error }) => error ?? []);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toMatchObject({ ...TOLD[errno], key: keyOf(error.document) });
      expect(faultsOf(error.document, place.agent.publicKey)).toEqual([]);
    }
    const made = outcome.value.flatMap(({ value }) => value ?? []);
    const known = [...made, ...refused.map(({ document }) => document)].map(keyOf);
    const found = stored().filter((key) => !before.includes(key));
    expect(found).toEqual(expect.arrayContaining(made.map(keyOf)));
    expect(known).toEqual(expect.arrayContaining(found));
    if (!fault.startsWith('fsync')) expect(found).toHaveLength(made.length);

    const saves = ({ agent }, texts) => Promise.all(texts.map((text) => agent.saveDocument(text)));
    const texts = refused.map(({ document }) => document);
    expect(await child.run(saves, texts)).toEqual({ value: texts });
    expect(stored()).toEqual([...before, ...known].sort());
  });

  test('a fault that hits one document only leaves the others to their saves', async () => {
    const sign = ({ agent }, count) =>
      Promise.all(Array.from({ length: count }, (_, n) => agent.createDocument({ n }, { noSave: true })));
    const { value: texts } = await child.run(sign, MANY);
    const unlucky = texts[7];
    const directory = path.join(place.data, 'documents', JSON.parse(unlucky).jacsId);
    const saves = ({ agent, attempt }, texts) => Promise.all(texts.map((text) => attempt(agent.saveDocument(text))));
    const work = () => child.run(saves, texts);
    const { outcome, hits } = await withFault(child.pid, 'linkat:error=EIO', [directory], work);
    expect(hits).toBeGreaterThan(0);
    for (const [index, { value, error }] of outcome.value.entries()) {
      if (index === 7) expect(error).toMatchObject({ ...TOLD.EIO, key: keyOf(unlucky) });
      else expect(value).toBe(texts[index]);
    }
    const keys = stored();
    for (const text of texts) expect(keys.includes(keyOf(text))).toBe(text !== unlucky);
    expect(await child.call('saveDocument', unlucky)).toEqual({ value: unlucky });
  });
});
