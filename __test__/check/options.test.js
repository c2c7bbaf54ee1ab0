'use strict';
// What a check can be asked for: a part of the store, fewer findings, an end before its time.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf, loadAgain, refusal } = require('../support/agents.js');
const { after, forge, plant } = require('../attacks/forge.js');
const { copied, found, madeStore, pathOf } = require('./store.js');

let store;

beforeAll(async () => {
  store = await madeStore({ documents: 400, storedHistories: 4 });
}, 60_000);

const spoil = (copy, name) => fs.appendFileSync(path.join(copy.data, name), 'x');

test('since: versions made from then on, and what they name', async () => {
  const copy = await copied(store);
  const { agent } = copy;
  const old = copy.history();
  [pathOf(copy.single()), pathOf(old[0]), `files/${copy.file().hash}`].forEach((name) => spoil(copy, name));
  const since = new Date(Date.now() + 1).toISOString();
  await sleep(5);
  expect(await agent.check({ since })).toMatchObject({ scanned: 0, damaged: 0, findings: [], complete: false });
  const contents = Buffer.from('new bytes');
  const text = await agent.createDocument({}, { attachments: [{ path: 'new.txt', contents }] });
  const other = await agent.createDocument({});
  const next = keyOf(await agent.updateDocument(keyOf(text), { n: 2 }));
  expect(await agent.check({ since })).toMatchObject({ scanned: 4, damaged: 0, findings: [] });
  const [hash] = JSON.parse(text).jacsFilesStored;
  const names = [pathOf(keyOf(other)), `files/${hash}`, pathOf(next)];
  names.forEach((name) => spoil(copy, name));
  const report = await agent.check({ since });
  expect(found(report)).toEqual(
    [`malformed ${names[0]}`, `attachment-altered ${names[1]}`, `malformed ${names[2]}`].sort(),
  );
  expect(await agent.check()).toMatchObject({ damaged: 6, complete: true });
});

test('since: the chain of a new version is looked at, old ones are not told of', async () => {
  const copy = await copied(store);
  const first = forge(copy.stranger, {}, { at: Date.now() - 100_000 });
  const second = forge(copy.stranger, after(first), { at: Date.now() - 100_000 });
  const gone = pathOf(plant(copy.data, first));
  plant(copy.data, second);
  fs.rmSync(path.join(copy.data, gone));
  const since = new Date(Date.now() - 50_000).toISOString();
  expect(found(await copy.agent.check({ since }))).toEqual([`missing-original ${gone}`]);
});

test('sample: a share of the documents, another one each time', async () => {
  const copy = await copied(store, { mirrored: false });
  const whole = (await copy.agent.check()).scanned;
  const scanned = [];
  for (let n = 0; n < 4; n++) {
    const report = await copy.agent.check({ sample: 0.25 });
    expect(report).toMatchObject({ findings: [], complete: false });
    scanned.push(report.scanned);
  }
  // Of some 420 documents a quarter: 105, give or take five times 9.
  for (const count of scanned) expect(Math.abs(count - whole / 4)).toBeLessThan(60);
  expect((await copy.agent.check({ sample: 1 })).scanned).toBe(whole);
  const keys = Array.from({ length: 300 }, copy.single);
  keys.forEach((key) => spoil(copy, pathOf(key)));
  const drawn = [await copy.agent.check({ sample: 0.5 }), await copy.agent.check({ sample: 0.5 })].map(found);
  expect(drawn[0]).not.toEqual(drawn[1]);
});

test('maxFindings: the report holds so many, onFinding hears all, all are counted', async () => {
  const copy = await copied(store, { mirrored: false });
  const names = Array.from({ length: 30 }, () => pathOf(copy.single()));
  names.forEach((name) => spoil(copy, name));
  for (const maxFindings of [0, 7, 1000]) {
    const heard = [];
    const report = await copy.agent.check({ maxFindings, onFinding: (finding) => heard.push(finding) });
    expect(report.findings).toHaveLength(Math.min(maxFindings, 30));
    expect(report.damaged).toBe(30);
    expect(found({ findings: heard })).toEqual(names.map((name) => `malformed ${name}`).sort());
  }
});

test('progress goes up, and ends with all objects', async () => {
  const copy = await copied(store, { mirrored: false });
  spoil(copy, pathOf(copy.single()));
  const heard = [];
  const { scanned, bytes } = await copy.agent.check({ onProgress: (now) => heard.push(now) });
  expect(heard.at(-1)).toMatchObject({ done: scanned, bytes, failed: 1 });
  for (const [n, { done }] of heard.slice(1).entries()) expect(done).toBeGreaterThanOrEqual(heard[n].done);
});

test('a signal ends it', async () => {
  const copy = await copied(store, { mirrored: false });
  const error = await refusal(copy.agent.check({ signal: AbortSignal.abort() }), 'JACS_ABORTED');
  expect(error.path).toBeUndefined();
  const abort = new AbortController();
  const checking = copy.agent.check({ signal: abort.signal, onProgress: () => abort.abort() });
  await refusal(checking, 'JACS_ABORTED');
  expect(await copy.agent.check()).toMatchObject({ findings: [], complete: true });
});

test('options are checked', async () => {
  const { agent } = await copied(store, { mirrored: false });
  for (const options of [
    { sample: 0 },
    { sample: 1.5 },
    { sample: '5%' },
    { since: 'yesterday' },
    { resume: 7 },
    { maxFindings: -1 },
    { depth: 1 },
    { onFinding: 'x' },
    { resume: path.join(store.place.folder, 'none', 'file') },
  ]) {
    await refusal(agent.check(options), 'JACS_INPUT');
  }
});

test('keys that are not believed enough are told', async () => {
  const copy = await copied(store, { mirrored: false });
  const strict = await loadAgain({ ...store.place, data: copy.data }, { jacs_minimum_trust: 'pinned' });
  const report = await strict.check();
  expect(new Set(report.findings.map(({ kind }) => kind))).toEqual(new Set(['untrusted']));
  expect(report.damaged).toBe(0);
  const notTheirs = report.findings.filter(({ path: name }) => name.includes(strict.id));
  expect(notTheirs).toEqual([]);
});
