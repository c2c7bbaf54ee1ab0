'use strict';
// A call that goes on where another ended believes of the checkpoint only what still is so.

const fs = require('node:fs');
const path = require('node:path');
const { fileOf, keyOf, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  addMass,
  emptyPlace,
  expectSame,
  fsConfig,
  migrate,
  newStore,
  objectsOf,
  rootsOf,
} = require('../support/transfer.js');

let store;
let texts;
let place;
beforeEach(async () => {
  store = await newStore();
  texts = await addMass(store.agent, { mass: 60, files: 2 });
  place = { to: emptyPlace(), checkpoint: path.join(temporaryFolder(), 'checkpoint') };
});

const mirror = (options) => store.agent.mirror(fsConfig(place.to), { checkpoint: place.checkpoint, ...options });
const resumed = () => migrate(store.data, place.to, { checkpoint: place.checkpoint });

/** Damages a document; gives what mends it. */
function damaged(text) {
  const file = fileOf(store.data, keyOf(text));
  fs.writeFileSync(file, text.replace('"jacsLevel":"artifact"', '"jacsLevel":"derived"'));
  return () => fs.writeFileSync(file, text);
}

/** A migration that was ended in the middle. */
async function begun() {
  const abort = new AbortController();
  const onProgress = ({ done }) => done >= 20 && abort.abort();
  const options = { checkpoint: place.checkpoint, concurrency: 2, signal: abort.signal, onProgress };
  await refusal(migrate(store.data, place.to, options), 'JACS_ABORTED');
}

test('a mirror has what came since, wherever its id lies, and what was mended', async () => {
  const mend = damaged(texts[5]);
  expect(await mirror()).toMatchObject({ failed: 1 });
  expect(fs.existsSync(place.checkpoint)).toBe(true);
  await store.agent.createDocuments(Array.from({ length: 20 }, (_, later) => ({ later })));
  const report = await mirror();
  expect(report).toMatchObject({ failed: 1, failures: [{ kind: 'hash' }] });
  expect(objectsOf(place.to).size).toBe(objectsOf(store.data).size - 1);
  mend();
  expect(await mirror()).toMatchObject({ failed: 0, failures: [] });
  await expectSame(store.data, place.to);
  expect(fs.existsSync(place.checkpoint)).toBe(false);
});

test('a mirror that ended within the versions of one document has all of them', async () => {
  let text = texts[0];
  for (let step = 0; step < 40; step++) text = await store.agent.updateDocument(keyOf(text), { step });
  for (let at = 70; at < 110; at += 8) {
    place = { to: emptyPlace(), checkpoint: path.join(temporaryFolder(), 'checkpoint') };
    const abort = new AbortController();
    const onProgress = ({ done }) => done >= at && abort.abort();
    await mirror({ concurrency: 1, signal: abort.signal, onProgress }).catch(({ code }) => {
      expect(code).toBe('JACS_ABORTED');
    });
    expect(await mirror()).toMatchObject({ failed: 0, conflicts: 0 });
    await expectSame(store.data, place.to);
  }
});

test('what the target lost meanwhile is copied again', async () => {
  await begun();
  const there = [...objectsOf(place.to).keys()].filter((name) => name.startsWith('documents/'));
  for (const name of there.slice(0, 5)) fs.rmSync(path.join(place.to, path.dirname(name)), { recursive: true });
  fs.writeFileSync(path.join(place.to, there[6]), 'x');
  const report = await resumed();
  expect(report).toMatchObject({ failed: 0, conflicts: 1, failures: [{ kind: 'conflict', path: there[6] }] });
  expect(report.root).toEqual(rootsOf(store.data, place.to));
  expect(report.root.from).not.toBe(report.root.to);
  expect(objectsOf(place.to).size).toBe(objectsOf(store.data).size);
});

test('what the source has no more counts no more', async () => {
  damaged(texts[5]);
  expect(await resumed()).toMatchObject({ failed: 1 });
  for (const text of [texts[5], texts[6]])
    fs.rmSync(path.dirname(fileOf(store.data, keyOf(text))), { recursive: true });
  const report = await resumed();
  expect(report).toMatchObject({ failed: 0, conflicts: 0, failures: [] });
  expect(report.copied + report.same).toBe(objectsOf(store.data).size);
  expect(report.root.from).toBe(report.root.to);
  expect(fs.existsSync(place.checkpoint)).toBe(false);
});
