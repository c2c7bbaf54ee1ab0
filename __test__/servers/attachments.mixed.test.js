'use strict';
// Files of all sizes through a network that fails at random: what was promised is there, whole, and nothing else is there
// under a name that is not its own.

const { randomBytes, randomInt } = require('node:crypto');
const { keyOf } = require('../support/agents.js');
const { attached, FILE, outcomeOf, PART, sha256 } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');

const SOAK = process.env.JACS_TEST_SOAK === '1';
const SECONDS = SOAK ? 60 : 5;
const WORKERS = 4;
/** One retry, so that some calls are refused. */
const RETRIES = 1;
const MIB = 2 ** 20;
/** Where something begins or ends: pieces, parts, the least part of S3. */
const LENGTHS = [
  0,
  1,
  100_000,
  MIB,
  5 * MIB,
  5 * MIB + 1,
  PART - 1,
  PART,
  PART + 1,
  PART + 5 * MIB,
  2 * PART,
  2 * PART + 1,
];

/** How often each happens, of all requests or of some. */
const FAULTS = [
  [0.03, { reset: 'before' }],
  [0.03, { reset: 'after' }],
  [0.03, { answer: { status: 503, body: 'no' } }],
  [0.03, { instead: { status: 500, body: 'no' } }],
  [0.03, { cutRequest: 30_000 }],
  // Where the most is at stake.
  [0.2, { method: 'POST', instead: { status: 503, body: 'no' } }],
  [0.2, { method: 'POST', answer: { status: 500, body: 'no' } }],
  [0.1, { method: 'PUT', path: FILE, cutRequest: 3_000_000 }],
  [0.1, { method: 'GET', path: FILE, cutAnswer: 700_000 }],
];

describeBackends('files through a network that fails at random', (backend) => {
  let place;
  let agent;
  let at;
  let account;
  beforeAll(async () => {
    place = await backend.start({ settings: { jacs_storage_options: { retries: RETRIES } } });
    ({ agent } = place);
    at = attached(place);
    account = { promised: new Map([[keyOf(place.first), place.first]]), refused: [], problems: [], done: {} };
    for (const [share, fault] of FAULTS) {
      place.proxy.fail({ ...fault, times: Infinity, when: () => Math.random() < share });
    }
  });
  afterAll(() => at.clean());

  const anyOf = (list) => list[randomInt(list.length)];

  async function attempt(what, call) {
    try {
      const value = await call();
      account.done[what] = (account.done[what] ?? 0) + 1;
      return { value };
    } catch (error) {
      account.refused.push(error);
      if (error.code !== 'JACS_UNAVAILABLE' || !error.retryable) account.problems.push(`${what}: ${error.stack}`);
      return { error };
    }
  }

  /** Stores the signed text of a call that was refused after its files were there. */
  async function insist({ value, error }) {
    while (value === undefined && error.document) {
      ({ value } = await attempt('save', () => agent.saveDocument(error.document)));
    }
    return value;
  }

  const newFiles = () =>
    Array.from({ length: 1 + randomInt(2) }, (_, n) => ({ path: `${n}.bin`, contents: randomBytes(anyOf(LENGTHS)) }));

  async function create(own) {
    const attachments = newFiles();
    const text = await insist(await attempt('create', () => agent.createDocument({}, { attachments })));
    if (text) keep(own, text, attachments);
  }

  async function update(own) {
    const { text, files } = anyOf(own);
    const attachments = newFiles();
    const call = () => agent.updateDocument(keyOf(text), { n: 1 }, { attachments });
    const next = await insist(await attempt('update', call));
    if (!next) return;
    own.splice(
      own.findIndex((each) => each.text === text),
      1,
    );
    const kept = files.filter(({ path }) => !attachments.some((added) => added.path === path));
    keep(own, next, [...kept, ...attachments]);
  }

  function keep(own, text, files) {
    account.promised.set(keyOf(text), text);
    const expected = Object.fromEntries(files.map(({ path, contents }) => [path, sha256(contents)]));
    const found = Object.fromEntries(JSON.parse(text).jacsFiles.map((file) => [file.path, file.sha256]));
    if (JSON.stringify(Object.entries(found).sort()) !== JSON.stringify(Object.entries(expected).sort()))
      account.problems.push(`other files: ${text}`);
    own.push({ text, files });
  }

  async function read(own) {
    const { text, files } = anyOf(own);
    const { path, contents } = anyOf(files);
    const read = async () => {
      const { error, bytes } = await outcomeOf(agent.readAttachment(text, path));
      if (error) throw error;
      return bytes;
    };
    const { value } = await attempt('read', read);
    if (value && !value.equals(contents)) account.problems.push(`other bytes of ${path}: ${value.length}`);
  }

  test(
    `${WORKERS} at a time for ${SECONDS} s: every promise is kept`,
    async () => {
      const until = Date.now() + SECONDS * 1000;
      const worker = async () => {
        const own = [];
        while (Date.now() < until) await (own.length === 0 ? create : anyOf([create, update, read, read]))(own);
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
      place.proxy.clear();
      if (SOAK) console.log(account.done, account.refused.length);
      expect(account.problems).toEqual([]);
      for (const error of account.refused) place.expectNoSecret(error);
      expect(Object.keys(account.done)).toEqual(expect.arrayContaining(['create', 'read', 'update']));

      const stored = await place.stored();
      expect([...stored.keys()].sort()).toEqual([...account.promised.keys()].sort());
      for (const [key, text] of account.promised) expect([key, stored.get(key)]).toEqual([key, text]);
      const files = await at.files();
      for (const [key, text] of stored) {
        const missing = (JSON.parse(text).jacsFilesStored ?? []).filter((hash) => !files.has(hash));
        expect([key, missing]).toEqual([key, []]);
      }
    },
    SECONDS * 1000 + 120_000,
  );
});
