'use strict';
// From a folder to S3, to WebDAV, and to a folder: what comes back is what went, though each way was killed several times;
// and nothing is read again but what was under way at a kill.

const path = require('node:path');
const { describeWith } = require('../support/needs.js');
const { temporaryFolder } = require('../support/folder.js');
const { migrateKilledAt } = require('../support/migrations.js');
const { AGENT, DOCUMENT, FILE, countOf, placeOnDav, placeOnS3 } = require('../support/places.js');
const { loadAgain } = require('../support/agents.js');
const {
  addMass,
  expectPrivate,
  expectSame,
  fsConfig,
  makeStore,
  objectsOf,
  range,
  rootsOf,
  SOAK,
  sum,
} = require('../support/transfer.js');

const DOCUMENTS = SOAK ? 20_000 : 1500;
const FILES = SOAK ? 200 : 40;
/** On each of the three ways. */
const KILLS = SOAK ? [6, 7, 7] : [1, 2, 1];
const CONCURRENCY = 32;
/** Documents of agents are read to verify documents, too: so often at most by one process. */
const READS_OF_AN_AGENT = 4;
/** A request whose connection is closed at that moment is made again; on a busy machine that happens once in some hundred. */
const REPEATED = Math.ceil(DOCUMENTS / 200);

describeWith(['rgw', 'dav'], 'fs -> aws -> hai -> fs', () => {
  let store;
  let objects;
  let ways;
  let back;
  beforeAll(async () => {
    store = await makeStore({ mass: DOCUMENTS, files: 0 });
    await addMass(store.agent, { files: FILES });
    objects = objectsOf(store.data);
    const [s3, dav] = [await placeOnS3(), await placeOnDav()];
    back = path.join(temporaryFolder(), 'jacs_data');
    const env = { ...s3.env, ...dav.env };
    const places = [
      { config: fsConfig(store.data) },
      { config: s3.config(), env: s3.direct },
      { config: dav.config(), env: dav.direct },
      { config: fsConfig(back) },
    ];
    // The source by way of its proxy, the target without.
    ways = KILLS.map((kills, index) => {
      const [from, to] = places.slice(index, index + 2);
      return { kills, from: from.config, to: to.config, env: { ...env, ...to.env } };
    });
    ways[1].proxy = s3.proxy;
    ways[2].proxy = dav.proxy;
  }, 600_000);

  test.each([
    ['fs -> aws', 0],
    ['aws -> hai', 1],
    ['hai -> fs', 2],
  ])(
    '%s',
    async (_, index) => {
      const { kills, proxy, ...options } = ways[index];
      const lines = range(kills).map(() => Math.floor(Math.random() * 0.9 * objects.size));
      const all = { ...options, concurrency: CONCURRENCY };
      const { report, killed } = await migrateKilledAt(all, lines);
      expect(killed).toBe(kills);
      expect(report).toMatchObject({ conflicts: 0, failed: 0 });
      expect(report.copied + report.same).toBe(objects.size);
      expect(report.failures).toHaveLength(store.unknown.length);
      const expected = rootsOf(store.data, store.data);
      expect(report.root).toEqual(expected);
      if (proxy) expectReads(proxy, kills);
    },
    SOAK ? 3_600_000 : 300_000,
  );

  /** Each document and file was read once, but for those that were under way when the process was killed. */
  function expectReads(proxy, kills) {
    const count = (kind) => [...objects.keys()].filter((name) => kind.test(`/${name}`)).length;
    for (const kind of [DOCUMENT, FILE]) {
      const reads = [...countOf(proxy, 'GET', kind).values()];
      expect(reads).toHaveLength(count(kind));
      expect(sum(reads) - reads.length).toBeLessThanOrEqual(kills * CONCURRENCY + REPEATED);
      expect(Math.max(...reads)).toBeLessThanOrEqual(2 + kills);
    }
    const agents = [...countOf(proxy, 'GET', AGENT).values()];
    expect(agents).toHaveLength(count(AGENT));
    expect(Math.max(...agents)).toBeLessThanOrEqual(READS_OF_AN_AGENT * (1 + kills));
  }

  test('the folder at the end is the folder at the beginning', async () => {
    await expectSame(store.data, back);
    expectPrivate(back);
    const agent = await loadAgain({ ...store, data: back });
    await expect(agent.verifyDocument(store.documents.stored, { contents: true })).resolves.toBe(true);
  }, 60_000);
});
