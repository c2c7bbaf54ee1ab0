'use strict';
// Everything at once through a network that fails at random: what was promised is kept, and what was refused is told.

const { randomInt } = require('node:crypto');
const { all, keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');

const SOAK = process.env.JACS_TEST_SOAK === '1';
const SECONDS = SOAK ? 60 : 10;
const WORKERS = 8;
const CONTESTED = 3;
/** One retry, so that some calls are refused. */
const RETRIES = 1;
const SEED = Number(process.env.JACS_TEST_SEED ?? randomInt(2 ** 32));

/** How often each happens, of all requests or of some. */
const FAULTS = [
  [0.03, { reset: 'before' }],
  [0.03, { reset: 'after' }],
  [0.03, { answer: { status: 503, body: 'no' } }],
  [0.03, { cutAnswer: 300 }],
  [0.03, { cutRequest: 300 }],
  [0.03, { stall: 100 }],
  // Where the most is at stake.
  [0.1, { method: 'PUT', reset: 'after' }],
  [0.1, { method: 'DELETE', reset: 'after' }],
];

/** Numbers from 0 to 1 that follow from a seed. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const idOf = (text) => JSON.parse(text).jacsId;

describeBackends(`a network that fails at random, seed ${SEED}`, (backend) => {
  const random = randomFrom(SEED);
  const anyOf = (list) => list[Math.floor(random() * list.length)];
  let place;
  let agent;
  let contested;
  let account;

  beforeAll(async () => {
    place = await backend.start({ settings: { jacs_storage_options: { retries: RETRIES } } });
    ({ agent } = place);
    const texts = await agent.createDocuments(Array.from({ length: CONTESTED }, (_, number) => ({ number })));
    contested = texts.map(idOf);
    // `documents`: the promised texts of documents that one worker has; `maybe`: updates that were refused.
    const promised = new Map(texts.map((text) => [keyOf(text), text]));
    account = { promised, maybe: new Map(), removed: new Set(), refused: [], problems: [], done: {} };
    for (const [share, fault] of FAULTS) {
      place.proxy.fail({ ...fault, times: Infinity, when: () => random() < share });
    }
  });

  function problem(what, detail) {
    account.problems.push(`${what}: ${detail?.stack ?? detail}`);
  }

  /** What the call gave, or undefined where it was refused as it may be. */
  async function attempt(what, call, also = []) {
    try {
      const value = await call();
      account.done[what] = (account.done[what] ?? 0) + 1;
      return { value };
    } catch (error) {
      if (also.includes(error.code)) return { error };
      account.refused.push(error);
      if (error.code !== 'JACS_UNAVAILABLE' || !error.retryable) problem(what, error);
      return { error };
    }
  }

  /** Stores what was refused, however often it takes. */
  async function insist(what, error) {
    if (!error.document || error.key !== keyOf(error.document)) return problem(`${what} without its document`, error);
    for (;;) {
      const { value } = await attempt('save', () => agent.saveDocument(error.document));
      if (value === undefined) continue;
      if (value !== error.document) problem('another text was saved', value);
      return value;
    }
  }

  const KINDS = {
    async create({ own }) {
      const pad = 'x'.repeat(random() < 0.1 ? 100_000 : 1000 * random());
      const { value, error } = await attempt('create', () => agent.createDocument({ pad }));
      const text = value ?? (await insist('create', error));
      own.set(idOf(text), [text]);
      account.promised.set(keyOf(text), text);
    },

    async update({ own }) {
      const texts = anyOf([...own.values()]);
      if (!texts) return;
      const { value, error } = await attempt('update', () =>
        agent.updateDocument(keyOf(texts.at(-1)), { n: random() }),
      );
      // Refused before it was signed: nothing has happened.
      if (error && !error.document) return;
      const text = value ?? (await insist('update', error));
      texts.push(text);
      account.promised.set(keyOf(text), text);
    },

    async updateContested() {
      const id = anyOf(contested);
      const newest = await attempt('get', () => agent.getDocument(id, { cache: false }));
      if (newest.error) return;
      const replaced = keyOf(newest.value);
      const update = () => agent.updateDocument(replaced, { n: random() });
      const { value, error } = await attempt('update of all', update, ['JACS_CONFLICT']);
      if (value) account.promised.set(keyOf(value), value);
      else if (error.document) account.maybe.set(error.key, error.document);
      else if (error.code === 'JACS_CONFLICT' && error.current === replaced) problem('no conflict', error);
    },

    async get({ own }) {
      const texts = anyOf([...own.values()]);
      if (!texts) return;
      const text = anyOf(texts);
      const read = () => agent.getDocument(keyOf(text), { cache: false });
      const { value = text } = await attempt('get', read);
      if (value !== text) problem('another text', value);
      const { value: newest = texts.at(-1) } = await attempt('get', () =>
        agent.getDocument(idOf(text), { cache: false }),
      );
      if (newest !== texts.at(-1)) problem('not the newest', newest);
    },

    async list({ own }) {
      const [before, removed] = [[...own.keys(), ...contested], new Set(account.removed)];
      const { value } = await attempt('list', () => all(agent.listDocuments()));
      if (!value) return;
      const listed = value.map(({ id }) => id);
      const missing = before.filter((id) => !listed.includes(id));
      if (missing.length > 0) problem('missing in the listing', missing);
      const back = listed.filter((id) => removed.has(id));
      if (back.length > 0) problem('removed, and in the listing', back);
    },

    async remove({ own }) {
      const [id, texts] = anyOf([...own]) ?? [];
      if (!id || own.size < 3) return;
      own.delete(id);
      const remove = () =>
        texts.length === 1 ? agent.removeDocument(keyOf(texts[0])) : agent.removeDocument(id, { allVersions: true });
      let tries = 0;
      for (;;) {
        const { error } = await attempt('remove', remove, tries > 0 ? ['JACS_NOT_FOUND'] : []);
        // One that was refused may have been done.
        if (!error || error.code === 'JACS_NOT_FOUND') break;
        if (error.code !== 'JACS_UNAVAILABLE') break;
        tries++;
      }
      for (const text of texts) account.promised.delete(keyOf(text));
      account.removed.add(id);
    },
  };

  test(
    `${WORKERS} at a time for ${SECONDS} s: every promise is kept`,
    async () => {
      const until = Date.now() + SECONDS * 1000;
      const worker = async () => {
        const state = { own: new Map() };
        while (Date.now() < until) await KINDS[anyOf(Object.keys(KINDS))](state);
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
      place.proxy.clear();
      if (SOAK) console.log(account.done, account.refused.length);
      expect(account.problems).toEqual([]);
      for (const error of account.refused) place.expectNoSecret(error);
      // They did some of everything, and met faults that the retries did not hide.
      const kinds = ['create', 'get', 'list', 'remove', 'update', 'update of all'];
      expect(Object.keys(account.done)).toEqual(expect.arrayContaining(kinds));
      expect(account.refused.length).toBeGreaterThan(0);

      const { promised, maybe } = account;
      promised.set(keyOf(place.first), place.first);
      const stored = await place.stored();
      for (const [key, text] of promised) expect([key, stored.get(key)]).toEqual([key, text]);
      for (const [key, text] of stored) expect([key, text]).toEqual([key, promised.get(key) ?? maybe.get(key)]);
      const listed = (await all(agent.listDocuments({ allVersions: true }))).map(({ key }) => key);
      expect(listed).toEqual([...stored.keys()].sort());

      // Within one process updates of one document follow each other: no fork, whatever was lost.
      for (const id of new Set([...stored.keys()].map((key) => key.split(':')[0]))) {
        const versions = await agent.versions(id);
        expect(versions.filter(({ head }) => head)).toEqual([versions.at(-1)]);
        for (const [index, { accepted, previous }] of versions.entries()) {
          expect([accepted, previous]).toEqual([true, versions[index - 1]?.version]);
        }
      }
      for (const id of contested) expect(await agent.verifyHistory(id)).toMatchObject({ valid: true, gaps: [] });
    },
    SECONDS * 1000 + 120_000,
  );
});
