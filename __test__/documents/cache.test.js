'use strict';
// Verified documents in memory: what is remembered, what is decided anew, and when a change is seen.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const {
  anotherOn,
  fileOf,
  keyOf,
  loadAgain,
  newAgent,
  onCopiedStore,
  refusal,
  unsigned,
} = require('../support/agents.js');
const { newAuthor, nextVersion, signWithNode } = require('../support/witness.js');

const LONG = 3_600_000;

let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
});

const idOf = (text) => JSON.parse(text).jacsId;
const counts = async (of = agent) => (await of.doctor()).cache;

/** A stored document that this agent has read before. */
async function known(fields = {}, by = agent) {
  const text = await by.createDocument(fields);
  await by.getDocument(keyOf(text));
  return text;
}

/** Changes the stored file, as somebody with access to the disk could. */
function damage(text) {
  const file = fileOf(place.data, keyOf(text));
  fs.writeFileSync(file, text.replace('"artifact"', '"derived"'));
  return file;
}

describe('what is remembered', () => {
  test('the second read is answered from memory, and counted', async () => {
    const text = await agent.createDocument({});
    const before = await counts();
    for (let read = 0; read < 3; read++) await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
    expect(agent.getDocumentSync(keyOf(text))).toBe(text);
    const after = await counts();
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([3, 1]);
    expect(after.entries).toBeGreaterThan(before.entries);
    expect(after.bytes).toBeGreaterThan(before.bytes);
  });

  test('bytes that change behind our back are not seen by a read from memory, and by every other', async () => {
    const text = await known();
    damage(text);
    const key = keyOf(text);
    await expect(agent.getDocument(key)).resolves.toBe(text);
    await refusal(agent.getDocument(key, { cache: false }), 'JACS_HASH');
    await expect(agent.inspectDocument(key)).resolves.toMatchObject({ valid: false, code: 'JACS_HASH' });
    await expect(agent.verifyHistory(idOf(text))).resolves.toMatchObject({ valid: false });
    await refusal(agent.updateDocument(key, {}), 'JACS_HASH');
    await refusal((await loadAgain(place)).getDocument(key), 'JACS_HASH');
  });

  test('a read that demands more than memory knows is refused as it would be without', async () => {
    const key = keyOf(await known());
    await refusal(agent.getDocument(key, { signedBy: [] }), 'JACS_UNTRUSTED');
    await refusal(agent.getDocument(key, { signedBy: idOf(await agent.createDocument({})) }), 'JACS_UNTRUSTED');
    await expect(agent.getDocument(key, { signedBy: agent.id, minimumTrust: 'self' })).resolves.toContain(
      key.slice(37),
    );
  });

  test('whose key it is, is decided on every read', async () => {
    const other = await anotherOn(place);
    const text = await known({}, other.agent);
    const key = keyOf(text);
    await expect(agent.getDocument(key)).resolves.toBe(text);
    await expect(agent.getDocument(key)).resolves.toBe(text);
    const kept = path.join(other.folder, 'kept');
    const own = path.join(place.data, 'agents', other.agent.id);
    fs.renameSync(own, kept);
    await refusal(agent.getDocument(key), 'JACS_KEY');
    fs.renameSync(kept, own);
    await expect(agent.getDocument(key)).resolves.toBe(text);
  });

  test.each([
    ['jacs_cache_bytes', { jacs_cache_bytes: 0 }],
    ['jacs_cache_ttl_ms', { jacs_cache_ttl_ms: 0 }],
  ])('nothing with %s 0', async (_, settings) => {
    const reader = await loadAgain(place, settings);
    const text = await known({}, reader);
    await expect(reader.getDocument(keyOf(text))).resolves.toBe(text);
    await expect(counts(reader)).resolves.toEqual({ hits: 0, misses: 0, entries: 0, bytes: 0, maxBytes: 0 });
    damage(text);
    await refusal(reader.getDocument(keyOf(text)), 'JACS_HASH');
  });

  test('no more bytes than are allowed, and nothing that would push out all else', async () => {
    const maxBytes = 100_000;
    const reader = await loadAgain(place, { jacs_cache_bytes: maxBytes });
    for (let number = 0; number < 100; number++) await known({ number, pad: 'x'.repeat(2000) }, reader);
    const { bytes, entries, ...rest } = await counts(reader);
    expect(rest).toMatchObject({ maxBytes, misses: 100 });
    expect(bytes).toBeLessThanOrEqual(maxBytes);
    expect(entries).toBeGreaterThan(5);
    const large = await known({ pad: 'x'.repeat(20_000) }, reader);
    await expect(reader.getDocument(keyOf(large))).resolves.toBe(large);
    await expect(counts(reader)).resolves.toMatchObject({ misses: 102 });
  });
});

describe('removals', () => {
  test('by this process are seen at once, by all its agents', async () => {
    const text = await known();
    const other = await loadAgain(place);
    await other.getDocument(keyOf(text));
    await agent.removeDocument(keyOf(text));
    for (const reader of [agent, other]) await refusal(reader.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
  });

  test('by others are seen after jacs_cache_ttl_ms', async () => {
    const reader = await loadAgain(place, { jacs_cache_ttl_ms: 200 });
    const text = await known({}, reader);
    await agent.getDocument(keyOf(text));
    fs.rmSync(path.dirname(fileOf(place.data, keyOf(text))), { recursive: true });
    await sleep(300);
    await refusal(reader.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
    await refusal(agent.getDocument(keyOf(text), { cache: false }), 'JACS_NOT_FOUND');
  });

  test('are not undone by a read that was under way', async () => {
    for (let round = 0; round < 100; round++) {
      const key = keyOf(await agent.createDocument({ round }));
      const reads = Array.from({ length: 8 }, () => agent.getDocument(key).catch(({ code }) => code));
      await agent.removeDocument(key);
      await Promise.all(reads);
      await refusal(agent.getDocument(key), 'JACS_NOT_FOUND');
    }
  });
});

describe('the newest version', () => {
  test.each([0, LONG])('is the one that this process wrote last, with jacs_latest_ttl_ms %i', async (ttl) => {
    const settings = { jacs_latest_ttl_ms: ttl };
    const [writer, reader] = [await loadAgain(place, settings), await loadAgain(place, settings)];
    const first = await writer.createDocument({ number: 1 });
    for (const one of [writer, reader]) await expect(one.getDocument(idOf(first))).resolves.toBe(first);
    const second = await writer.updateDocument(keyOf(first), { number: 2 });
    for (const one of [writer, reader]) await expect(one.getDocument(idOf(first))).resolves.toBe(second);
    await reader.removeDocument(keyOf(second));
    for (const one of [writer, reader]) await expect(one.getDocument(idOf(first))).resolves.toBe(first);
    await writer.saveDocument(second);
    for (const one of [writer, reader]) await expect(one.getDocument(idOf(first))).resolves.toBe(second);
  });

  test.each([
    [0, 'at once'],
    [LONG, 'later'],
  ])('by another process is seen, with jacs_latest_ttl_ms %i, %s', async (ttl, when) => {
    const reader = await loadAgain(place, { jacs_latest_ttl_ms: ttl });
    const first = await reader.createDocument({ number: 1 });
    const elsewhere = await onCopiedStore(place);
    const second = await elsewhere.agent.updateDocument(keyOf(first), { number: 2 });
    await expect(reader.getDocument(idOf(first))).resolves.toBe(first);
    fs.copyFileSync(fileOf(elsewhere.data, keyOf(second)), fileOf(place.data, keyOf(second)));
    await expect(reader.getDocument(idOf(first))).resolves.toBe(when === 'later' ? first : second);
    await expect(reader.getDocument(idOf(first), { cache: false })).resolves.toBe(second);
  });

  test('is another when the agent of one that did not count becomes known', async () => {
    const reader = await loadAgain(place, { jacs_latest_ttl_ms: LONG, jacs_update_policy: 'any' });
    const author = newAuthor();
    const first = await reader.createDocument({ number: 1 });
    const theirs = signWithNode(nextVersion(first, { number: 2 }, { at: Date.now() + 1000 }), author);
    fs.writeFileSync(fileOf(place.data, keyOf(theirs)), theirs);
    await refusal(reader.getDocument(keyOf(theirs)), 'JACS_KEY');
    const before = await reader.getDocument(idOf(first)).catch(({ code }) => code);
    await reader.saveDocument(author.document);
    await expect(reader.getDocument(idOf(first), { cache: false })).resolves.toBe(theirs);
    await expect(reader.getDocument(idOf(first))).resolves.toBe(theirs);
    expect([first, 'JACS_KEY']).toContain(before);
  });

  test('removed by another process is not given out, however long it may be remembered', async () => {
    const reader = await loadAgain(place, { jacs_latest_ttl_ms: LONG, jacs_cache_bytes: 0 });
    const first = await reader.createDocument({ number: 1 });
    const second = await reader.updateDocument(keyOf(first), { number: 2 });
    await expect(reader.getDocument(idOf(first))).resolves.toBe(second);
    fs.rmSync(fileOf(place.data, keyOf(second)));
    await expect(reader.getDocument(idOf(first))).resolves.toBe(first);
  });
});

describe('what this process writes', () => {
  const remade = (text, fields) => ({ ...unsigned(text), ...fields });

  test('under a key that another process emptied is what is read', async () => {
    const text = await known({ number: 1 });
    fs.rmSync(path.dirname(fileOf(place.data, keyOf(text))), { recursive: true });
    const other = await agent.createDocument(remade(text, { number: 2 }));
    expect(keyOf(other)).toBe(keyOf(text));
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(other);
  });

  test('in the place of a replaced version breaks the chain for readers from memory, too', async () => {
    const first = await agent.createDocument({ number: 1 });
    const second = await agent.updateDocument(keyOf(first), { number: 2 });
    for (let read = 0; read < 2; read++) await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
    await agent.removeDocument(keyOf(first));
    await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
    const other = await agent.createDocument(remade(first, { number: 3 }), { resign: true });
    const fresh = await agent.getDocument(idOf(first), { cache: false });
    expect(fresh).toBe(other);
    await expect(agent.getDocument(idOf(first))).resolves.toBe(fresh);
  });
});
