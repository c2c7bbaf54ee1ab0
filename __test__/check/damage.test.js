'use strict';
// Some fifty kinds of damage in a store of a thousand documents: each is found, and nothing else.

const { treeOf } = require('../support/agents.js');
const { LASTING, NOTES, REPAIRED, damageAll } = require('./damage.js');
const { copied, found, madeStore } = require('./store.js');

let store;

beforeAll(async () => {
  store = await madeStore();
}, 120_000);

test('a sound store has nothing to tell', async () => {
  const { agent, data } = await copied(store, { mirrored: false });
  const before = treeOf(data, { times: true });
  const report = await agent.check();
  expect(found(report)).toEqual([]);
  const names = Object.keys(before).filter((name) => /\.json$|^files./.test(name));
  expect(report).toEqual({
    scanned: names.length,
    bytes: expect.any(Number),
    damaged: 0,
    repaired: 0,
    findings: [],
    complete: true,
  });
  expect(treeOf(data, { times: true })).toEqual(before);
});

test('every damage is found, and nothing else', async () => {
  const copy = await copied(store, { mirrored: false });
  const expected = damageAll(copy, REPAIRED, LASTING, NOTES);
  expect(expected.length).toBeGreaterThan(50);
  const heard = [];
  const report = await copy.agent.check({ onFinding: (finding) => heard.push(finding) });
  expect(found(report)).toEqual(expected);
  expect(found({ findings: heard })).toEqual(expected);
  const notes = Object.keys(NOTES).length;
  expect(notes).toBeGreaterThan(10);
  const damaged = report.findings.filter(({ severity }) => severity === 'damage');
  expect(report).toMatchObject({ damaged: new Set(damaged.map(({ path }) => path)).size, repaired: 0, complete: true });
  for (const finding of report.findings) {
    expect(finding).toMatchObject({
      code: expect.stringMatching(/^JACS_/),
      message: expect.stringMatching(/^\S.*\S$/),
    });
    expect(finding).not.toHaveProperty('repaired');
  }
});

describe('one at a time', () => {
  let small;
  beforeAll(async () => {
    small = await madeStore({ documents: 40, storedHistories: 6 });
  }, 60_000);

  test.each([
    ['damage that a mirror can mend', REPAIRED],
    ['lasting damage', LASTING],
    ['notes', NOTES],
  ])('each is found: %s', async (_, table) => {
    const copy = await copied(small, { mirrored: false });
    const told = new Set();
    for (const [name, damage] of Object.entries(table)) {
      const expected = damage(copy);
      const news = found(await copy.agent.check()).filter((it) => !told.has(it));
      expect([name, news]).toEqual([name, [...expected].sort()]);
      news.forEach((it) => told.add(it));
    }
  });
});
