'use strict';
// Many processes of several agents on one data directory, all doing everything: afterwards every promise is accounted for.

const fs = require('node:fs');
const path = require('node:path');
const { anotherOn, fileOf, keyOf, newAgent, onCopiedStore } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { faultsOfStore, hashOf, stepsBack } = require('../support/ledger.js');

const SOAK = process.env.JACS_TEST_SOAK === '1';
const SECONDS = SOAK ? 60 : 10;
const PROCESSES = 16;
const AGENTS = 4;
/** All update these, a few at a time. */
const CONTESTED = SECONDS * 4;
/** Each process goes on until it did each kind of call so often. */
const LEAST = 10;
/** Every agent's versions count, so that agents update each other's documents. */
const settings = { jacs_update_policy: 'any' };

/** Agents with keys of their own on one store, each with a document that all processes will update, and more of the first. */
async function writers() {
  const first = await newAgent({ settings });
  const others = Array.from({ length: AGENTS - 1 }, () => newAgent({ settings, dataDirectory: first.data }));
  const places = [first, ...(await Promise.all(others))];
  const by = (number) => places[number % AGENTS].agent;
  const texts = Array.from({ length: CONTESTED }, (_, number) => by(number).createDocument({ contested: number }));
  return { data: first.data, places, texts: await Promise.all(texts) };
}

/** What the processes say in the end, as one. */
function together(accounts, texts) {
  const gathered = (name) => accounts.flatMap((account) => account[name]);
  const kinds = Object.keys(accounts[0].counts);
  const sum = (of) => accounts.reduce((total, account) => total + of(account), 0);
  return {
    made: [...texts.map((text) => [keyOf(text), hashOf(text)]), ...gathered('made')],
    ...Object.fromEntries(['removed', 'updated', 'seen', 'problems'].map((name) => [name, gathered(name)])),
    counts: Object.fromEntries(kinds.map((kind) => [kind, sum(({ counts }) => counts[kind])])),
    conflicts: sum(({ conflicts }) => conflicts),
    gone: sum(({ gone }) => gone),
  };
}

test(
  `${PROCESSES} processes of ${AGENTS} agents create, update, read, list and remove for ${SECONDS} s, and every promise is kept`,
  async () => {
    const { data, places, texts } = await writers();
    const contested = texts.map((text) => JSON.parse(text).jacsId);
    const start = (_, number) => startAgent(places[number % AGENTS]);
    const children = await Promise.all(Array.from({ length: PROCESSES }, start));
    const job = { contested, seconds: SECONDS, least: LEAST };
    const body = ({ require, ...context }, file, job) => require(file)(context, job);
    const file = path.join(__dirname, 'load.worker.js');
    const outcomes = await Promise.all(children.map((child, by) => child.run(body, file, { by, ...job })));
    expect(outcomes.filter(({ error }) => error)).toEqual([]);
    const account = together(
      outcomes.map(({ value }) => value),
      texts,
    );
    expect(account.problems).toEqual([]);

    // They did enough of everything, and met.
    expect(Math.min(...Object.values(account.counts))).toBeGreaterThanOrEqual(PROCESSES * LEAST);
    expect(account.updated.length).toBe(account.counts.updateContested);
    expect(account.conflicts).toBeGreaterThan(PROCESSES);
    if (SOAK) console.log(account.counts, account.conflicts, account.gone);

    const fresh = await anotherOn(places[0], settings);
    const agents = places.map(({ agent }) => agent.id);
    expect(await faultsOfStore(fresh.agent, data, { ...account, contested, agents })).toEqual([]);
    expect(await stepsBack(fresh.agent, contested, account.seen)).toEqual([]);
  },
  SECONDS * 1000 + 300_000,
);

describe('the account of a store', () => {
  let place;
  let ledger;
  beforeEach(async () => {
    place = await newAgent();
    const texts = await place.agent.createDocuments([{ n: 0 }, { n: 1 }, { n: 2 }]);
    const update = await place.agent.updateDocument(keyOf(texts[0]), { n: 3 });
    ledger = {
      made: [...texts, update].map((text) => [keyOf(text), hashOf(text)]),
      removed: [],
      updated: [[keyOf(texts[0]), keyOf(update)]],
      contested: [JSON.parse(update).jacsId],
      agents: [place.agent.id],
    };
  });

  const file = (index) => fileOf(place.data, ledger.made[index][0]);
  const WRONG = {
    'a version that is gone': () => fs.rmSync(file(1)),
    'a document that is gone': () => fs.rmSync(path.dirname(file(1)), { recursive: true }),
    'a document that nobody was promised': () => place.agent.createDocument({ n: 4 }),
    'a document that was removed and is there': () => ledger.removed.push(JSON.parse(fs.readFileSync(file(2))).jacsId),
    'a file that was changed': () => fs.appendFileSync(file(1), ' '),
    'a temporary file': () => fs.writeFileSync(`${place.data}/documents/.tmp-1`, ''),
    'an update that is not there': () => fs.rmSync(file(3)),
    'an update that nobody was promised': () => ledger.updated.pop(),
    'an agent that nobody knows': () => ledger.agents.pop(),
    'a fork': async () => {
      const copy = await onCopiedStore(place);
      const texts = [place, copy].map(({ agent }, n) => agent.updateDocument(ledger.made[3][0], { n }));
      await place.agent.saveDocument((await Promise.all(texts))[1]);
    },
  };

  test.each(Object.keys(WRONG))('tells %s', async (name) => {
    await WRONG[name]();
    const fresh = await anotherOn(place);
    const faults = await faultsOfStore(fresh.agent, place.data, ledger);
    expect(faults).not.toEqual([]);
    expect(faults.some((fault) => fault.startsWith('2 heads'))).toBe(name === 'a fork');
  });

  test('finds nothing wrong with a store that is as it was promised', async () => {
    expect(await faultsOfStore(place.agent, place.data, ledger)).toEqual([]);
  });

  test('tells reads that step back', async () => {
    const [[first, newest]] = ledger.updated;
    const seen = [
      [first, newest],
      [newest, newest],
      [newest, first],
    ];
    expect(await stepsBack(place.agent, ledger.contested, seen)).toEqual([[newest, first]]);
  });
});
