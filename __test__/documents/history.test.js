'use strict';
// versions and verifyHistory: which versions count, what the heads are, how each hangs on the one before.

const fs = require('node:fs');
const { anotherOn, fileOf, keyOf, loadAgain, newAgent, onCopiedStore, refusal } = require('../support/agents.js');
const { firstVersion, newAuthor, nextVersion, rehashed, signWithNode, uuidV7 } = require('../support/witness.js');

const ABSENT = '00000000-0000-4000-8000-000000000000';
const SECONDS = 1000;

let place;
let agent;
let author;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  author = newAuthor();
  await agent.saveDocument(author.document);
});

const idOf = (text) => JSON.parse(text).jacsId;
const versionOf = (text) => JSON.parse(text).jacsVersion;

/** A document of ours with so many versions, oldest first. */
async function ours(count) {
  const texts = [await agent.createDocument({ number: 0 })];
  while (texts.length < count) texts.push(await agent.updateDocument(keyOf(texts.at(-1)), { number: texts.length }));
  return texts;
}

/** A stored version by the author, on top of a text or, without one, a first one. */
async function theirs(replaced, fields = {}, options = {}, changes = {}) {
  const unsigned = replaced ? nextVersion(replaced, fields, options) : firstVersion(fields, options);
  return agent.saveDocument(signWithNode(unsigned, author, changes));
}

/** A second ahead, so that the version is the greatest. */
const later = () => ({ at: Date.now() + SECONDS });

/** The entry of a text in a list of versions. */
const entryOf = (entries, text) => entries.find(({ key }) => key === keyOf(text));

describe('versions', () => {
  test('oldest first, with what each says of itself', async () => {
    const texts = await ours(4);
    const entries = await agent.versions(idOf(texts[0]));
    expect(entries).toEqual(
      texts.map((text, index) => {
        const { jacsVersion, jacsPreviousVersion, jacsVersionDate } = JSON.parse(text);
        const entry = { key: keyOf(text), version: jacsVersion, date: jacsVersionDate, agentId: agent.id };
        const previous = index === 0 ? {} : { previous: jacsPreviousVersion };
        return { ...entry, ...previous, head: index === 3, accepted: true };
      }),
    );
  });

  test('of an agent', async () => {
    await ours(1);
    const entries = await agent.versions(agent.id);
    expect(entries).toMatchObject([{ version: agent.version, agentId: agent.id, head: true, accepted: true }]);
  });

  test.each(['versions', 'verifyHistory'])('%s of nothing: not found', async (verb) => {
    expect((await refusal(agent[verb](ABSENT), 'JACS_NOT_FOUND')).key).toBe(ABSENT);
  });
});

describe('a sound history', () => {
  test('of one agent', async () => {
    const texts = await ours(4);
    const history = await agent.verifyHistory(idOf(texts[0]));
    expect(history).toMatchObject({ id: idOf(texts[0]), valid: true, owner: agent.id, gaps: [] });
    expect(history.heads).toEqual([keyOf(texts[3])]);
    expect(history.versions.map(({ key }) => key)).toEqual(texts.map(keyOf));
    for (const [index, { chain, ...entry }] of history.versions.entries()) {
      expect(chain).toBe(index === 0 ? 'first' : 'linked');
      expect(entry).toMatchObject({ valid: true, accepted: true, keySource: 'self', agentId: agent.id });
    }
  });

  test('of another agent, whose key the store knows', async () => {
    const first = await theirs();
    const second = await theirs(first);
    const history = await agent.verifyHistory(idOf(first));
    expect(history).toMatchObject({ valid: true, owner: author.id, heads: [keyOf(second)] });
    for (const entry of history.versions) expect(entry).toMatchObject({ keySource: 'storage', valid: true });
  });

  test('of an implementation that chains by name alone', async () => {
    const first = await theirs();
    const second = await theirs(first, { jacsPreviousSha256: undefined });
    const history = await agent.verifyHistory(idOf(first));
    expect(history).toMatchObject({ valid: true, heads: [keyOf(second)] });
    expect(history.versions.map(({ chain }) => chain)).toEqual(['first', 'named']);
  });

  test('with ids of another kind, in the order of their dates', async () => {
    const at = Date.now();
    const first = await theirs(undefined, {}, { version: `f${crypto.randomUUID().slice(1)}`, at });
    const second = await theirs(first, {}, { version: `0${crypto.randomUUID().slice(1)}`, at: at + 10 });
    const entries = await agent.versions(idOf(first));
    expect(entries.map(({ key }) => key)).toEqual([first, second].map(keyOf));
    await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
    const third = await agent.updateDocument(keyOf(second), {});
    await expect(agent.getDocument(idOf(first))).resolves.toBe(third);
    await expect(agent.verifyHistory(idOf(first))).resolves.toMatchObject({ valid: true, heads: [keyOf(third)] });
  });
});

describe('what is missing or damaged', () => {
  test('a version that was removed is a gap', async () => {
    const texts = await ours(3);
    await agent.removeDocument(keyOf(texts[1]));
    const history = await agent.verifyHistory(idOf(texts[0]));
    expect(history).toMatchObject({
      valid: false,
      gaps: [keyOf(texts[1])],
      heads: expect.arrayContaining([keyOf(texts[2])]),
    });
    expect(entryOf(history.versions, texts[2])).toMatchObject({ chain: 'missing', valid: true });
    await expect(agent.getDocument(idOf(texts[0]))).resolves.toBe(texts[2]);
  });

  test('a version that was changed is not valid, and nothing newer is shaken', async () => {
    const texts = await ours(3);
    fs.writeFileSync(fileOf(place.data, keyOf(texts[1])), texts[1].replace('"number":1', '"number":9'));
    const history = await agent.verifyHistory(idOf(texts[0]));
    expect(history.valid).toBe(false);
    expect(entryOf(history.versions, texts[1])).toMatchObject({
      valid: false,
      code: 'JACS_HASH',
      accepted: false,
      why: expect.any(String),
    });
    await expect(agent.getDocument(idOf(texts[0]))).resolves.toBe(texts[2]);
  });

  test('a first version that was changed and hashed again breaks the chain', async () => {
    const [first, second] = await ours(2);
    fs.writeFileSync(fileOf(place.data, keyOf(first)), rehashed({ ...JSON.parse(first), number: 9 }));
    const history = await agent.verifyHistory(idOf(first));
    expect(history.valid).toBe(false);
    expect(entryOf(history.versions, first)).toMatchObject({ valid: false, code: 'JACS_SIGNATURE' });
    expect(entryOf(history.versions, second).chain).toBe('broken');
  });

  test('a newest version that was changed is refused, not passed over', async () => {
    const texts = await ours(2);
    fs.writeFileSync(fileOf(place.data, keyOf(texts[1])), texts[1].replace('"number":1', '"number":9'));
    await refusal(agent.getDocument(idOf(texts[0])), 'JACS_HASH');
    await refusal(agent.updateDocument(keyOf(texts[0]), {}), 'JACS_HASH');
    await expect(agent.getDocument(keyOf(texts[0]))).resolves.toBe(texts[0]);
    await expect(agent.verifyHistory(idOf(texts[0]))).resolves.toMatchObject({ valid: false });
  });

  test('a chain hash that does not match: the version does not count', async () => {
    const first = await theirs();
    const wrong = await theirs(first, { jacsPreviousSha256: '0'.repeat(64) });
    const history = await agent.verifyHistory(idOf(first));
    expect(entryOf(history.versions, wrong)).toMatchObject({
      chain: 'broken',
      accepted: false,
      head: false,
      why: expect.any(String),
    });
    expect(history.heads).toEqual([keyOf(first)]);
    await expect(agent.getDocument(idOf(first))).resolves.toBe(first);
    await expect(agent.getDocument(keyOf(wrong))).resolves.toBe(wrong);
  });
});

describe('versions that do not count', () => {
  /** The newest stays what it is, and the other is readable by its key alone. */
  async function passedOver(newest, other) {
    const id = idOf(newest);
    await expect(agent.getDocument(id)).resolves.toBe(newest);
    await expect(agent.getDocument(keyOf(other))).resolves.toBe(other);
    const entry = entryOf(await agent.versions(id), other);
    expect(entry).toMatchObject({ accepted: false, head: false, why: expect.any(String) });
    const history = await agent.verifyHistory(id);
    expect(history).toMatchObject({ valid: true, heads: [keyOf(newest)] });
    const next = await agent.updateDocument(keyOf(newest), { title: 'next' });
    await expect(agent.getDocument(id)).resolves.toBe(next);
    return entry;
  }

  test('by a stranger, on top of ours', async () => {
    const [, newest] = await ours(2);
    const entry = await passedOver(newest, await theirs(newest, {}, later()));
    expect(entry.agentId).toBe(author.id);
  });

  test('by a stranger, as a first version of our document', async () => {
    const [first] = await ours(1);
    await passedOver(first, await theirs(undefined, {}, { id: idOf(first), ...later() }));
  });

  test('by a stranger, older than ours', async () => {
    const [first] = await ours(1);
    await passedOver(first, await theirs(undefined, {}, { id: idOf(first), at: Date.now() - 10_000 }));
  });

  test('by a stranger, naming our original', async () => {
    const [first] = await ours(1);
    const fields = { jacsPreviousVersion: undefined, jacsPreviousSha256: undefined };
    await passedOver(first, await theirs(first, fields, later()));
  });

  test('from the future: not before its time comes', async () => {
    const first = await theirs();
    const at = Date.now() + 400 * SECONDS;
    const future = await theirs(first, {}, { at }, { iat: Math.floor(Date.now() / 1000) + 200 });
    const entry = entryOf(await agent.versions(idOf(first)), future);
    expect(entry).toMatchObject({ accepted: false, future: true, head: false });
    await expect(agent.getDocument(idOf(first))).resolves.toBe(first);
    await expect(agent.inspectDocument(keyOf(future))).resolves.toMatchObject({ valid: true });
  });

  test('an update by us of a document of theirs counts here, and not for its owner', async () => {
    const owner = await newAgent();
    const guest = await anotherOn(owner);
    const first = await owner.agent.createDocument({ title: 'theirs' });
    const second = await guest.agent.updateDocument(keyOf(first), { title: 'by the guest' });
    await expect(guest.agent.getDocument(idOf(first))).resolves.toBe(second);
    await expect(owner.agent.getDocument(idOf(first))).resolves.toBe(first);
    await expect(owner.agent.getDocument(keyOf(second))).resolves.toBe(second);
    const lenient = await loadAgain(owner, { jacs_update_policy: 'any' });
    await expect(lenient.getDocument(idOf(first))).resolves.toBe(second);
    await expect(lenient.verifyHistory(idOf(first))).resolves.toMatchObject({ valid: true, owner: owner.agent.id });
  });
});

describe('different originals', () => {
  test('none of them ours: a conflict', async () => {
    const first = await theirs();
    const other = newAuthor();
    await agent.saveDocument(other.document);
    const second = signWithNode(firstVersion({}, { id: idOf(first) }), other);
    await agent.saveDocument(second);
    await refusal(agent.getDocument(idOf(first)), 'JACS_CONFLICT');
    await refusal(agent.versions(idOf(first)), 'JACS_CONFLICT');
    await refusal(agent.verifyHistory(idOf(first)), 'JACS_CONFLICT');
    await refusal(agent.updateDocument(keyOf(second), {}), 'JACS_CONFLICT');
    for (const text of [first, second]) await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  });

  test('one of them ours: ours', async () => {
    const [first] = await ours(1);
    await theirs(undefined, {}, { id: idOf(first), version: uuidV7(Date.now() - 10_000) });
    await expect(agent.getDocument(idOf(first))).resolves.toBe(first);
    await expect(agent.verifyHistory(idOf(first))).resolves.toMatchObject({ owner: agent.id, heads: [keyOf(first)] });
  });
});

describe('a fork', () => {
  test('shows its heads, greatest first, everywhere alike', async () => {
    const [first] = await ours(1);
    const copy = await onCopiedStore(place);
    const there = await copy.agent.updateDocument(keyOf(first), { title: 'there' });
    const here = await agent.updateDocument(keyOf(first), { title: 'here' });
    await agent.saveDocument(there);
    await copy.agent.saveDocument(here);
    const [winner, loser] = versionOf(here) > versionOf(there) ? [here, there] : [there, here];
    for (const reader of [agent, copy.agent]) {
      await expect(reader.getDocument(idOf(first))).resolves.toBe(winner);
      await expect(reader.getDocument(idOf(first), { onFork: 'winner' })).resolves.toBe(winner);
      const heads = [keyOf(winner), keyOf(loser)];
      expect(await refusal(reader.getDocument(idOf(first), { onFork: 'error' }), 'JACS_CONFLICT')).toMatchObject({
        current: heads[0],
        heads,
      });
      await expect(reader.inspectDocument(idOf(first))).resolves.toMatchObject({ valid: true, heads });
      await expect(reader.verifyHistory(idOf(first))).resolves.toMatchObject({ valid: true, heads, gaps: [] });
      const entries = await reader.versions(idOf(first));
      expect(entries.filter(({ head }) => head).map(({ key }) => key)).toEqual([...heads].reverse());
      await expect(reader.getDocument(keyOf(loser), { onFork: 'error' })).resolves.toBe(loser);
    }
  });
});

describe('options of verifyHistory', () => {
  test('decide about validity, not about succession', async () => {
    const texts = await ours(2);
    const id = idOf(texts[0]);
    await expect(agent.verifyHistory(id, { signedBy: agent.id })).resolves.toMatchObject({ valid: true });
    await expect(agent.verifyHistory(id, { minimumTrust: 'self' })).resolves.toMatchObject({ valid: true });
    const history = await agent.verifyHistory(id, { signedBy: author.id });
    expect(history).toMatchObject({ valid: false, heads: [keyOf(texts[1])] });
    for (const entry of history.versions)
      expect(entry).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED', accepted: true });
  });
});

test('versions that hang on each other in a ring lead to no first one', async () => {
  const first = await theirs(undefined);
  const [one, other] = [0, 1].map((number) => uuidV7(Date.now() + number));
  const ring = (version, previous) =>
    theirs(first, { jacsPreviousVersion: previous, jacsPreviousSha256: undefined }, { version });
  await ring(one, other);
  await ring(other, one);
  const history = await agent.verifyHistory(idOf(first));
  expect(history.versions.map(({ chain }) => chain)).toEqual(['first', 'named', 'named']);
  expect(history.valid).toBe(false);
});
