'use strict';
// Versions and agent documents that somebody with access to the store put there, past the package.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');
const forging = require('./forge.js');
const { PASSWORD, after, again, agentOn, all, fileOf, forge, forger, goesOn, keyOf, loadedForger, plant, v7 } = forging;

const MINUTES = 60_000;
const idOf = (text) => JSON.parse(text).jacsId;

let data;
let owner;
let third; // another agent that reads the same store
let other; // writes to the store past the package
let others;
beforeAll(async () => {
  data = temporaryFolder();
  [owner, third] = [await agentOn(data), await agentOn(data)];
  other = forger();
  plant(data, other.text, 'agents');
  others = await loadedForger(other, data);
});

afterEach(async () => {
  expect(await goesOn(owner)).toBe(true);
  expect(await goesOn(third)).toBe(true);
});

/** What versions() says of one version. */
async function entry(agent, key) {
  return (await agent.versions(key.split(':')[0])).find((version) => version.key === key);
}

const refusedEntry = { accepted: false, head: false, why: expect.stringMatching(/./) };

test('what is forged here is a good document: the refusals below have no other reason', async () => {
  const text = forge(other, { n: 1 });
  const key = plant(data, text);
  expect(await owner.getDocument(key)).toBe(text);
  expect(await owner.getDocument(idOf(text))).toBe(text);
  expect(await third.inspectDocument(key)).toMatchObject({ valid: true, keySource: 'storage', agentId: other.id });
  expect(await others.inspectDocument(key)).toMatchObject({ valid: true, keySource: 'self' });
  const next = forge(other, { ...after(text), n: 2 });
  plant(data, next);
  for (const agent of [owner, third, others]) expect(await agent.getDocument(idOf(text))).toBe(next);
  expect(await third.verifyHistory(idOf(text))).toMatchObject({ valid: true, owner: other.id, heads: [keyOf(next)] });
});

describe('a version by another agent', () => {
  let text;
  let planted;
  beforeEach(async () => {
    text = await owner.createDocument({ n: 1 });
    planted = plant(data, forge(other, { ...after(text), n: 'planted' }));
  });

  test('is never the newest, and stays readable by its key', async () => {
    for (const agent of [owner, third]) {
      expect(await agent.getDocument(idOf(text))).toBe(text);
      expect(agent.getDocumentSync(idOf(text))).toBe(text);
      expect(await agent.getDocument(idOf(text), { onFork: 'error' })).toBe(text);
      expect(JSON.parse(await agent.getDocument(planted)).n).toBe('planted');
      expect(await agent.inspectDocument(idOf(text))).toMatchObject({ key: keyOf(text), heads: [keyOf(text)] });
    }
  });

  test('stands in versions() and verifyHistory() as not accepted', async () => {
    for (const agent of [owner, third]) {
      expect(await entry(agent, planted)).toMatchObject({ ...refusedEntry, agentId: other.id });
      expect(await entry(agent, keyOf(text))).toMatchObject({ accepted: true, head: true, agentId: owner.id });
      const history = await agent.verifyHistory(idOf(text));
      expect(history).toMatchObject({ valid: true, owner: owner.id, heads: [keyOf(text)] });
      expect(history.versions).toHaveLength(2);
    }
  });

  test('does not stop the owner from updating', async () => {
    const next = await owner.updateDocument(keyOf(text), { n: 2 });
    expect(JSON.parse(next).jacsPreviousVersion).toBe(JSON.parse(text).jacsVersion);
    for (const agent of [owner, third]) expect(await agent.getDocument(idOf(text))).toBe(next);
    await expect(owner.updateDocument(planted, { n: 3 })).rejects.toMatchObject({
      code: 'JACS_CONFLICT',
      current: keyOf(next),
      heads: [keyOf(next)],
    });
  });

  test('counts for the one who signed it, and for everybody under jacs_update_policy "any"', async () => {
    const any = await agentOn(data, { jacs_update_policy: 'any' });
    for (const agent of [others, any]) {
      expect(JSON.parse(await agent.getDocument(idOf(text))).n).toBe('planted');
      expect(await entry(agent, planted)).toMatchObject({ accepted: true, head: true });
      expect(await entry(agent, keyOf(text))).toMatchObject({ accepted: true, head: false });
    }
  });

  test('is refused where the caller names the signers or the trust', async () => {
    const refused = { code: 'JACS_UNTRUSTED' };
    await expect(third.getDocument(planted, { signedBy: owner.id })).rejects.toMatchObject(refused);
    await expect(third.getDocument(planted, { minimumTrust: 'pinned' })).rejects.toMatchObject(refused);
    expect(await third.getDocument(keyOf(text), { signedBy: [other.id, owner.id] })).toBe(text);
  });
});

describe('a version from the future', () => {
  /** Of a document by the other agent itself: nothing but the time is against it. */
  async function future(ahead, claims = { at: Date.now() + ahead }) {
    const text = forge(other, { n: 1 });
    plant(data, text);
    const version = { jacsVersion: v7(Date.now() + ahead) };
    const next = forge(other, { ...after(text), ...version, n: 2 }, claims);
    return { id: idOf(text), text, next, key: plant(data, next) };
  }

  test.each([
    ['signed then', undefined],
    ['signed now', {}],
  ])('ten minutes ahead, %s: is not the newest and does not verify', async (_, claims) => {
    const { id, text, key } = await future(10 * MINUTES, claims);
    for (const agent of [owner, third, others]) {
      expect(await agent.getDocument(id)).toBe(text);
      expect(await entry(agent, key)).toMatchObject({ ...refusedEntry, future: true });
      await expect(agent.getDocument(key)).rejects.toMatchObject({ code: 'JACS_SIGNATURE' });
      expect(await agent.inspectDocument(key)).toMatchObject({ valid: false, code: 'JACS_SIGNATURE' });
      expect(await agent.inspectDocument(id)).toMatchObject({ valid: true, heads: [keyOf(text)] });
    }
    expect((await all(third.listDocuments())).map((listed) => listed.key)).toContain(keyOf(text));
  });

  test("ten minutes ahead, in somebody else's document: changes nothing there", async () => {
    const text = await owner.createDocument({ n: 1 });
    const at = Date.now() + 10 * MINUTES;
    const key = plant(data, forge(other, { ...after(text), jacsVersion: v7(at) }, { at }));
    for (const agent of [owner, third]) {
      expect(await agent.getDocument(idOf(text))).toBe(text);
      expect(await entry(agent, key)).toMatchObject({ ...refusedEntry, future: true });
    }
    const next = await owner.updateDocument(keyOf(text), { n: 2 });
    for (const agent of [owner, third]) expect(await agent.getDocument(idOf(text))).toBe(next);
  });

  test('four minutes ahead: is the newest', async () => {
    const { id, next } = await future(4 * MINUTES);
    for (const agent of [owner, third, others]) expect(await agent.getDocument(id)).toBe(next);
  });

  test('four minutes ahead: an update built on it now is the newest', async () => {
    const any = await agentOn(data, { jacs_update_policy: 'any' });
    const { id, key } = await future(4 * MINUTES);
    const update = await any.updateDocument(key, { n: 3 });
    expect(JSON.parse(update).jacsVersion > key.split(':')[1]).toBe(true);
    expect(await any.getDocument(id)).toBe(update);
    expect(await (await agentOn(data, { jacs_update_policy: 'any' })).getDocument(id)).toBe(update);
    expect((await all(any.listDocuments())).map((listed) => listed.key)).toContain(keyOf(update));
    expect(await any.verifyHistory(id)).toMatchObject({ valid: true, heads: [keyOf(update)] });
  });
});

// A machine whose clock is ahead: clock_gettime adds seconds, in a child process that loads this first.
const CLOCK = `
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += atoi(getenv("AHEAD"));
  return result;
}`;

(process.platform === 'linux' ? describe : describe.skip)('a clock that is ahead', () => {
  let library;
  beforeAll(async () => {
    const folder = temporaryFolder();
    library = path.join(folder, 'clock.so');
    fs.writeFileSync(path.join(folder, 'clock.c'), CLOCK);
    await succeed('cc', ['-shared', '-fPIC', '-o', library, path.join(folder, 'clock.c')]);
  });

  /** The text of an update that the owner makes on a machine whose clock is `minutes` ahead. */
  function updatedAhead(key, minutes) {
    const script = `(async () => {
      const { Agent } = require(${JSON.stringify(root)});
      const agent = new Agent();
      await agent.load(${JSON.stringify(owner.configPath)}, { password: ${JSON.stringify(PASSWORD)} });
      process.stdout.write(await agent.updateDocument(${JSON.stringify(key)}, { n: 'ahead' }));
    })()`;
    return succeed(process.execPath, ['-e', script], {
      env: { LD_PRELOAD: library, AHEAD: String((minutes * MINUTES) / 1000) },
    });
  }

  test('by four minutes: its version is the newest, and so is the update that is built on it here', async () => {
    const text = await owner.createDocument({ n: 1 });
    const ahead = await updatedAhead(keyOf(text), 4);
    expect(Date.parse(JSON.parse(ahead).jacsVersionDate)).toBeGreaterThan(Date.now() + 3 * MINUTES);
    for (const agent of [owner, third]) expect(await agent.getDocument(idOf(text))).toBe(ahead);
    const next = await owner.updateDocument(keyOf(ahead), { n: 2 });
    expect(Date.parse(JSON.parse(next).jacsVersionDate)).toBeLessThan(Date.now() + MINUTES);
    for (const agent of [owner, third]) {
      expect(await agent.getDocument(idOf(text), { onFork: 'error' })).toBe(next);
      expect(await agent.verifyHistory(idOf(text))).toMatchObject({ valid: true, heads: [keyOf(next)] });
    }
  });

  test('by ten minutes: its version does not count, and the one before it can still be updated', async () => {
    const text = await owner.createDocument({ n: 1 });
    const ahead = await updatedAhead(keyOf(text), 10);
    for (const agent of [owner, third]) {
      expect(await agent.getDocument(idOf(text))).toBe(text);
      expect(await entry(agent, keyOf(ahead))).toMatchObject({ ...refusedEntry, future: true });
    }
    const next = await owner.updateDocument(keyOf(text), { n: 2 });
    for (const agent of [owner, third]) expect(await agent.getDocument(idOf(text))).toBe(next);
  });
});

describe('a version that names another original', () => {
  let text;
  let planted;
  beforeEach(async () => {
    text = await owner.createDocument({ n: 1 });
    planted = forge(other, { jacsId: idOf(text), n: 'planted' });
    plant(data, planted);
  });

  test('does not count for those whose own version is there', async () => {
    for (const [agent, own, foreign] of [
      [owner, text, planted],
      [others, planted, text],
    ]) {
      expect(await agent.getDocument(idOf(text))).toBe(own);
      expect(await entry(agent, keyOf(foreign))).toMatchObject(refusedEntry);
      expect(await entry(agent, keyOf(own))).toMatchObject({ accepted: true, head: true });
      expect(await agent.getDocument(keyOf(foreign))).toBe(foreign);
    }
    const next = await owner.updateDocument(keyOf(text), { n: 2 });
    expect(await owner.getDocument(idOf(text))).toBe(next);
  });

  test('is a conflict for a third reader, who can still read both by their keys', async () => {
    const conflict = { code: 'JACS_CONFLICT', key: idOf(text) };
    for (const call of ['getDocument', 'inspectDocument', 'versions', 'verifyHistory']) {
      await expect(third[call](idOf(text))).rejects.toMatchObject(conflict);
    }
    for (const each of [text, planted]) expect(await third.getDocument(keyOf(each))).toBe(each);
    const own = await third.createDocument({ n: 3 });
    const listed = (await all(third.listDocuments())).map((found) => found.key);
    expect(listed).toContain(keyOf(own));
    expect(listed.filter((key) => key.startsWith(idOf(text)))).toHaveLength(1);
  });
});

describe('a version that does not hang on the one it replaces', () => {
  test('with a wrong chain hash: does not count, though its owner signed it', async () => {
    const text = forge(other, { n: 1 });
    plant(data, text);
    const broken = forge(other, { ...after(text), jacsPreviousSha256: '0'.repeat(64), n: 2 });
    const key = plant(data, broken);
    for (const agent of [owner, third, others]) {
      expect(await agent.getDocument(idOf(text))).toBe(text);
      expect(await entry(agent, key)).toMatchObject(refusedEntry);
      expect(await agent.getDocument(key)).toBe(broken);
      const { versions } = await agent.verifyHistory(idOf(text));
      expect(versions.map(({ chain }) => chain)).toEqual(['first', 'broken']);
    }
  });

  test('without the replaced version: counts, and the gap is named', async () => {
    const text = forge(other, { n: 1 });
    const missing = forge(other, { ...after(text), n: 2 });
    const last = forge(other, { ...after(missing), n: 3 });
    for (const each of [text, last]) plant(data, each);
    for (const agent of [owner, third, others]) {
      expect(await agent.getDocument(idOf(text))).toBe(last);
      const history = await agent.verifyHistory(idOf(text));
      expect(history).toMatchObject({ valid: false, gaps: [keyOf(missing)] });
      expect(history.versions.map(({ chain }) => chain)).toEqual(['first', 'missing']);
    }
  });
});

// Version ids with a time (v7) and without (v4), whose dates say the opposite of the ids: no order fits all pairs.
test.each([
  ['somebody else', () => other],
  ['nobody', () => ({ ...forger(), id: owner.id, version: owner.version })],
])('forty versions by %s with contradicting dates do not hide the newest', async (_, signer) => {
  const text = await owner.createDocument({ n: 1 });
  const now = Date.now() - 60 * MINUTES;
  for (let n = 0; n < 40; n++) {
    const jacsVersion = v7(now + n * 1000).replace(/7(?=.{3}-.{4}-.{12}$)/, n % 2 ? '7' : '4');
    const jacsVersionDate = new Date(now - n * 1000).toISOString();
    plant(data, forge(signer(), { ...after(text), jacsVersion, jacsVersionDate, n }));
  }
  for (const agent of [owner, third]) {
    const versions = await agent.versions(idOf(text));
    expect(versions).toHaveLength(41);
    const timed = versions.map(({ version }) => version).filter((version) => version[14] === '7');
    expect(timed).toEqual(timed.toSorted());
    expect(versions.filter(({ accepted }) => accepted).map(({ key }) => key)).toEqual([keyOf(text)]);
  }
  if (signer() === other) expect(await third.getDocument(idOf(text))).toBe(text);
  else await expect(third.getDocument(idOf(text))).rejects.toMatchObject({ code: 'JACS_KEY' });
});

describe("a version in the owner's name, signed with another key", () => {
  // The key's own hash, or that of the owner's key with a signature that this key did not make.
  test.each([
    ['JACS_KEY', () => ({})],
    ['JACS_SIGNATURE', (text) => ({ publicKeyHash: JSON.parse(text).jacsSignature.publicKeyHash })],
  ])('is %s by key and by id: nobody can tell which version was the newest', async (code, claims) => {
    const text = await owner.createDocument({ n: 1 });
    const impostor = { ...forger(), id: owner.id, version: owner.version };
    const key = plant(data, forge(impostor, { ...after(text), n: 'planted' }, claims(text)));
    for (const agent of [owner, third]) {
      for (const name of [key, idOf(text)]) await expect(agent.getDocument(name)).rejects.toMatchObject({ code });
      expect(await agent.inspectDocument(key)).toMatchObject({ valid: false, code });
      expect(await agent.getDocument(keyOf(text))).toBe(text);
      expect(await entry(agent, key)).toMatchObject(refusedEntry);
    }
    await expect(owner.updateDocument(keyOf(text), { n: 2 })).rejects.toMatchObject({ code });
    await expect(third.saveDocument(fs.readFileSync(fileOf(data, key), 'utf8'))).rejects.toMatchObject({ code });
  });

  test('below the newest one is merely not accepted', async () => {
    const text = await owner.createDocument({ n: 1 });
    const impostor = { ...forger(), id: owner.id, version: owner.version };
    const key = plant(data, forge(impostor, { ...after(text), n: 'planted', jacsVersion: v7(Date.now() - MINUTES) }));
    for (const agent of [owner, third]) {
      expect(await agent.getDocument(idOf(text))).toBe(text);
      expect(await entry(agent, key)).toMatchObject(refusedEntry);
    }
  });
});

describe("an agent document under the victim's id, with another key", () => {
  let store;
  let victim;
  let reader;
  let text;
  beforeEach(async () => {
    store = temporaryFolder();
    [victim, reader] = [await agentOn(store), await agentOn(store)];
    text = await victim.createDocument({ n: 1 });
  });

  const ownText = () => fs.readFileSync(fileOf(store, `${victim.id}:${victim.version}`, 'agents'), 'utf8');

  async function impostorIsNotBelieved(impostor) {
    const forged = forge(impostor, { n: 'forged' });
    const key = plant(store, forged);
    for (const agent of [victim, reader]) {
      await expect(agent.getDocument(key)).rejects.toMatchObject({ code: 'JACS_KEY' });
      expect(await agent.verifyDocument(forged)).toBe(false);
    }
  }

  async function victimIsUnaffected() {
    expect(await victim.getDocument(idOf(text))).toBe(text);
    expect(await victim.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'self' });
    expect(await goesOn(victim)).toBe(true);
    expect(await goesOn(await again(victim, store))).toBe(true);
    expect(await goesOn(reader)).toBe(true);
  }

  test('as a second first version: nobody is believed under that id, but the victim by itself', async () => {
    const impostor = forger({ id: victim.id });
    plant(store, impostor.text, 'agents');
    await impostorIsNotBelieved(impostor);
    await expect(reader.getDocument(keyOf(text))).rejects.toMatchObject({ code: 'JACS_KEY' });
    await victimIsUnaffected();
  });

  test('as the next version: is outside the chain', async () => {
    const impostor = forger({ id: victim.id, ...after(ownText()) });
    plant(store, impostor.text, 'agents');
    await impostorIsNotBelieved(impostor);
    expect(await reader.getDocument(keyOf(text))).toBe(text);
    await victimIsUnaffected();
  });

  test('as an older version than the first: is outside the chain', async () => {
    const { jacsVersion } = JSON.parse(ownText());
    const version = v7(Date.now() - 60 * MINUTES);
    const impostor = forger({
      id: victim.id,
      version,
      jacsOriginalVersion: jacsVersion,
      jacsPreviousVersion: jacsVersion,
    });
    plant(store, impostor.text, 'agents');
    await impostorIsNotBelieved(impostor);
    expect(await reader.getDocument(keyOf(text))).toBe(text);
    await victimIsUnaffected();
  });

  test("with the victim's public key in it, which did not sign it: is not believed", async () => {
    const { jacsPublicKey, jacsSignature } = JSON.parse(ownText());
    const impostor = forger({ id: victim.id, ...after(ownText()) });
    const { publicKeyHash } = jacsSignature;
    const next = { ...after(ownText()), jacsVersion: impostor.version, jacsType: 'agent', jacsPublicKey };
    plant(store, forge(impostor, next, { publicKeyHash }), 'agents');
    await impostorIsNotBelieved(impostor);
    expect(await reader.getDocument(keyOf(text))).toBe(text);
    await victimIsUnaffected();
  });

  test('in place of the true one: the victim is believed no more, except by itself', async () => {
    const impostor = forger({ id: victim.id, version: victim.version });
    plant(store, impostor.text, 'agents');
    await expect(reader.getDocument(keyOf(text))).rejects.toMatchObject({ code: 'JACS_KEY' });
    expect(await victim.getDocument(idOf(text))).toBe(text);
    expect(await goesOn(victim)).toBe(true);
    expect(await goesOn(reader)).toBe(true);
  });

  test('is not stored by the package', async () => {
    for (const fields of [{}, after(ownText())]) {
      const impostor = forger({ id: victim.id, ...fields });
      for (const agent of [victim, reader]) {
        await expect(agent.saveDocument(impostor.text)).rejects.toMatchObject({ code: 'JACS_KEY' });
      }
    }
    expect(fs.readdirSync(path.join(store, 'agents', victim.id))).toHaveLength(1);
    const stranger = forger();
    expect(await reader.saveDocument(stranger.text)).toBe(stranger.text);
    await victimIsUnaffected();
  });
});

describe('a fork by writers who did not see each other', () => {
  let text;
  let winner;
  let losers;
  let readers;

  // The same agent on three copies of the data, of which two come back.
  beforeEach(async () => {
    const here = temporaryFolder();
    const writer = await agentOn(here);
    text = await writer.createDocument({ n: 1 });
    const copies = [temporaryFolder(), temporaryFolder()];
    for (const copy of copies) fs.cpSync(here, copy, { recursive: true });
    const heads = [await writer.updateDocument(keyOf(text), { n: 'here' })];
    for (const copy of copies) {
      heads.push(await (await again(writer, copy)).updateDocument(keyOf(text), { n: copy }));
      plant(here, heads.at(-1));
    }
    [winner, ...losers] = heads.sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : -1));
    readers = [writer, await agentOn(here), await again(writer, here)];
  });

  test('has the same winner for every reader, and all heads are shown', async () => {
    const heads = [winner, ...losers].map(keyOf);
    for (const agent of readers) {
      expect(await agent.getDocument(idOf(text))).toBe(winner);
      const found = await agent.versions(idOf(text));
      expect(found).toHaveLength(4);
      expect(found.every(({ accepted }) => accepted)).toBe(true);
      expect(found.filter(({ head }) => head).map(({ key }) => key)).toEqual(heads.toReversed());
      expect(await agent.inspectDocument(idOf(text))).toMatchObject({ key: heads[0], heads });
      expect(await agent.verifyHistory(idOf(text))).toMatchObject({ valid: true, heads });
      await expect(agent.getDocument(idOf(text), { onFork: 'error' })).rejects.toMatchObject({
        ...{ code: 'JACS_CONFLICT', current: heads[0], heads },
      });
    }
  });

  test('stays one when the winner is updated, and an update of a loser is a conflict', async () => {
    const [writer] = readers;
    const heads = [winner, ...losers].map(keyOf);
    for (const loser of heads.slice(1)) {
      await expect(writer.updateDocument(loser, { n: 2 })).rejects.toMatchObject({
        ...{ code: 'JACS_CONFLICT', current: heads[0], heads },
      });
    }
    const next = await writer.updateDocument(heads[0], { n: 2 });
    for (const agent of readers) {
      expect(await agent.getDocument(idOf(text))).toBe(next);
      expect((await agent.inspectDocument(idOf(text))).heads).toEqual([keyOf(next), ...heads.slice(1)]);
    }
  });

  test('is closed by an update that merges the losers', async () => {
    const [writer] = readers;
    const merges = losers.map(keyOf);
    const conflict = { code: 'JACS_CONFLICT', current: keyOf(winner) };
    for (const wrong of [[keyOf(text)], [keyOf(winner)]]) {
      await expect(writer.updateDocument(keyOf(winner), { n: 2 }, { merges: wrong })).rejects.toMatchObject(conflict);
    }
    const merged = await writer.updateDocument(keyOf(winner), { n: 2 }, { merges });
    const versions = losers.map((loser) => JSON.parse(loser).jacsVersion);
    expect(JSON.parse(merged).jacsMergedVersions).toEqual(versions.sort());
    for (const agent of readers) {
      expect(await agent.getDocument(idOf(text), { onFork: 'error' })).toBe(merged);
      expect(await agent.verifyHistory(idOf(text))).toMatchObject({ valid: true, heads: [keyOf(merged)] });
    }
  });
});
