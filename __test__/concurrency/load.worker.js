'use strict';
// One of many processes that work on one data directory: does everything, in no order, and keeps account of what it was
// promised. What it was promised is a version with the hash of its text.

const { createHash } = require('node:crypto');

/** Calls under way at a time in one process. */
const LANES = 3;
/** How often each kind is taken, of their sum. */
const KINDS = {
  create: 4,
  batch: 2,
  updateOwn: 4,
  updateContested: 4,
  get: 4,
  getContested: 3,
  getOther: 6,
  list: 2,
  page: 3,
  versions: 3,
  remove: 5,
};

/** All processes meet at so many of the contested documents, and go on to others after so many ms: chains stay short. */
const MEETING = { documents: 3, ms: 250 };

const idOf = (key) => key.split(':')[0];
const keyOf = (text) => `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`;
const hashOf = (text) => createHash('sha256').update(text).digest('hex');
const anyOf = (list) => list[Math.floor(Math.random() * list.length)];

/** Works for `seconds`, and until each kind was done `least` times; the account. `contested`: ids that all update. */
module.exports = async function work({ agent, all }, { by, contested, seconds, least }) {
  const account = { made: [], removed: [], updated: [], seen: [], counts: {}, conflicts: 0, gone: 0, problems: [] };
  const state = { agent, all, by, contested, account, n: 0, others: [] };
  Object.assign(state, { own: new Map(), removing: new Set(), newest: new Map() });
  const until = Date.now() + seconds * 1000;
  const names = Object.entries(KINDS).flatMap(([name, weight]) => Array(weight).fill(name));
  for (const name of Object.keys(KINDS)) account.counts[name] = 0;
  const missing = () => Object.keys(KINDS).filter((name) => account.counts[name] < least);
  const lane = async () => {
    while (Date.now() < until || missing().length > 0) {
      const name = Date.now() < until ? anyOf(names) : anyOf([...missing(), 'create']);
      await kinds[name](state).then(
        (done = true) => (account.counts[name] += done ? 1 : 0),
        ({ code, message }) => account.problems.push({ name, code, message }),
      );
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return account;
};

const kinds = {
  async create(state) {
    promised(state, await state.agent.createDocument(content(state)));
  },

  async batch(state) {
    const texts = await state.agent.createDocuments(Array.from({ length: 5 }, () => content(state)));
    for (const text of texts) promised(state, text);
  },

  async updateOwn(state) {
    const document = taken(state);
    if (!document) return false;
    const text = await state.agent.updateDocument(document.keys.at(-1), content(state));
    promised(state, text, document);
    return true;
  },

  async updateContested(state) {
    const id = met(state);
    for (;;) {
      const key = await newest(state, id);
      try {
        const text = await state.agent.updateDocument(key, content(state));
        state.account.made.push([keyOf(text), hashOf(text)]);
        state.account.updated.push([key, keyOf(text)]);
        state.newest.set(id, keyOf(text));
        return true;
      } catch (error) {
        if (error.code !== 'JACS_CONFLICT') throw error;
        const { current, heads } = error;
        expected(state, 'one other head', heads?.length === 1 && heads[0] === current && current !== key);
        state.account.conflicts++;
      }
    }
  },

  async get(state) {
    const document = taken(state);
    if (!document) return false;
    const index = Math.floor(Math.random() * document.keys.length);
    const text = await state.agent.getDocument(document.keys[index]);
    expected(state, 'the bytes that were promised', hashOf(text) === document.hashes[index]);
    const last = await state.agent.getDocument(idOf(document.keys[0]));
    expected(state, 'the newest version', hashOf(last) === document.hashes.at(-1));
    state.own.set(idOf(document.keys[0]), document);
    return true;
  },

  async getContested(state) {
    await newest(state, met(state));
  },

  /** Documents of other processes may be removed meanwhile. */
  async getOther(state) {
    const key = anyOf(state.others);
    if (!key) return false;
    try {
      const text = await state.agent.getDocument(Math.random() < 0.5 ? key : idOf(key));
      expected(state, 'the document that was asked for', idOf(keyOf(text)) === idOf(key));
    } catch (error) {
      if (error.code !== 'JACS_NOT_FOUND') throw error;
      state.account.gone++;
    }
    return true;
  },

  async list(state) {
    const before = [...state.own.keys(), ...state.contested];
    const keys = (await state.all(state.agent.listDocuments())).map(({ key }) => key);
    ascending(state, keys);
    const listed = new Set(keys.map(idOf));
    const missing = before.filter((id) => !listed.has(id) && !state.removing.has(id));
    expected(state, 'every document of its own in the listing', missing.length === 0);
    state.others = keys.filter((key) => !state.own.has(idOf(key)));
  },

  async page(state) {
    const after = anyOf([...state.contested, ...state.own.keys()]);
    const keys = (await state.all(state.agent.listDocuments({ after, limit: 20 }))).map(({ key }) => key);
    ascending(state, keys);
    expected(state, 'a page after an id', keys.length <= 20 && keys.every((key) => idOf(key) > after));
  },

  async versions(state) {
    const versions = await state.agent.versions(met(state));
    const heads = versions.filter(({ head }) => head);
    expected(state, 'one head, all accepted', heads.length === 1 && versions.every(({ accepted }) => accepted));
    expected(state, 'the head last', heads[0] === versions.at(-1));
  },

  async remove(state) {
    const document = taken(state);
    if (!document) return false;
    const id = idOf(document.keys[0]);
    state.removing.add(id);
    if (document.keys.length === 1) await state.agent.removeDocument(document.keys[0]);
    else await state.agent.removeDocument(id, { allVersions: true });
    state.account.removed.push(id);
    return true;
  },
};

/** The key of the newest version, which is never one older than a version that was known when the call began. */
async function newest({ agent, account, newest: known }, id) {
  const floor = known.get(id);
  const key = keyOf(await agent.getDocument(id));
  if (floor) account.seen.push([floor, key]);
  known.set(id, key);
  return key;
}

/** One of the documents at which all processes are just now. */
function met({ contested }) {
  const first = Math.floor(Date.now() / MEETING.ms);
  return contested[(first + Math.floor(Math.random() * MEETING.documents)) % contested.length];
}

/** Small documents and some that are longer than what one write takes. */
function content(state) {
  return { by: state.by, n: state.n++, pad: 'x'.repeat(Math.random() < 0.05 ? 100_000 : Math.random() * 2000) };
}

/** Takes a version into the account, and its document among those that this process may change. */
function promised(state, text, document = { keys: [], hashes: [] }) {
  document.keys.push(keyOf(text));
  document.hashes.push(hashOf(text));
  state.account.made.push([keyOf(text), hashOf(text)]);
  state.own.set(idOf(keyOf(text)), document);
}

/** A document that nobody else has; in this process only one call at a time has it. */
function taken(state) {
  const id = anyOf([...state.own.keys()]);
  const document = state.own.get(id);
  state.own.delete(id);
  return document;
}

function ascending(state, keys) {
  const ids = keys.map(idOf);
  expected(
    state,
    'each document once, in order',
    ids.every((id, index) => index === 0 || ids[index - 1] < id),
  );
}

function expected({ account }, what, holds) {
  if (!holds) account.problems.push({ expected: what });
}
