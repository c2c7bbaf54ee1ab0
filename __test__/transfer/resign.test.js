'use strict';
// migrate with `resign`: everything is copied as it is, and each newest version gets a successor that the target's agent
// signed, so that the first signature stays provable.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent } = require('../../index.js');
const { all, fieldsOf, fileOf, keyOf, newAgent, storedText } = require('../support/agents.js');
const { filesUnder } = require('../support/folder.js');
const { faultsOf } = require('../support/witness.js');
const {
  addMass,
  briefly,
  emptyPlace,
  expectPrivate,
  fsConfig,
  makeStore,
  objectsOf,
  putVersion,
  rootsOf,
  strangersDocument,
  newStore,
} = require('../support/transfer.js');

const idOf = (text) => JSON.parse(text).jacsId;

/** Migrates with `resign` into the store of an agent. */
const resign = (from, target, options = {}) =>
  Agent.migrate({
    from: fsConfig(from),
    to: target.config,
    resign: true,
    password: target.password,
    env: {},
    ...options,
  });

/** The documents of a folder that are not in another one: their texts. */
const newIn = (data, others) =>
  filesUnder(path.join(data, 'documents'))
    .filter((name) => !fs.existsSync(path.join(others, 'documents', name)))
    .map((name) => fs.readFileSync(path.join(data, 'documents', name), 'utf8'));

describe('a store of one agent', () => {
  let store;
  let target;
  let texts;
  let chain;
  let report;
  let successors;
  beforeAll(async () => {
    store = await newStore();
    texts = await addMass(store.agent, { mass: 30, files: 4 });
    chain = [texts[0], await store.agent.updateDocument(keyOf(texts[0]), { title: 'second' })];
    texts[0] = chain[1];
    target = await newAgent();
    report = await resign(store.data, target);
    successors = newIn(target.data, store.data);
  });

  test('everything is copied as it is', () => {
    const [here, there] = [objectsOf(store.data), objectsOf(target.data)];
    for (const [name, hash] of here) expect([name, there.get(name)]).toEqual([name, hash]);
    expect(report).toMatchObject({ copied: here.size, same: 0, conflicts: 0, failed: 0, failures: [] });
    expect(report.root).toEqual(rootsOf(store.data, target.data));
    expectPrivate(target.data);
  });

  test('each newest version has one successor, signed by the agent of the target', () => {
    expect(report.resigned).toBe(texts.length);
    expect(successors.map(idOf).sort()).toEqual(texts.map(idOf).sort());
    for (const text of successors) {
      expect(faultsOf(text, target.agent.publicKey)).toEqual([]);
      expect(JSON.parse(text).jacsSignature.agentID).toBe(target.agent.id);
    }
  });

  test('of the same content, chained to the version it replaces by its hash', () => {
    for (const text of texts) {
      const before = JSON.parse(text);
      const successor = JSON.parse(successors.find((other) => idOf(other) === before.jacsId));
      expect(fieldsOf(JSON.stringify(successor))).toEqual(fieldsOf(text));
      expect(successor).toMatchObject({
        jacsPreviousVersion: before.jacsVersion,
        jacsPreviousSha256: before.jacsSha256,
        jacsOriginalVersion: before.jacsOriginalVersion,
        jacsOriginalDate: before.jacsOriginalDate,
        jacsType: before.jacsType,
        jacsLevel: before.jacsLevel,
        $schema: before.$schema,
      });
      expect([successor.jacsFiles, successor.jacsFilesStored]).toEqual([before.jacsFiles, before.jacsFilesStored]);
    }
  });

  test('the agent of the target reads them as the newest, and the first signatures still hold', async () => {
    for (const text of texts) {
      const newest = await target.agent.getDocument(idOf(text));
      expect(successors).toContain(newest);
      await expect(target.agent.verifyDocument(newest, { contents: true, signedBy: target.agent.id })).resolves.toBe(
        true,
      );
      await expect(target.agent.getDocument(keyOf(text))).resolves.toBe(text);
      await expect(target.agent.verifyDocument(text, { contents: true, signedBy: store.agent.id })).resolves.toBe(true);
      expect(faultsOf(storedText(target.data, keyOf(text)), store.agent.publicKey)).toEqual([]);
    }
    const history = await target.agent.verifyHistory(idOf(chain[0]));
    expect(history).toMatchObject({ valid: true, owner: store.agent.id, gaps: [] });
    expect(history.versions.map(({ chain: link }) => link)).toEqual(['first', 'linked', 'linked']);
    const attachments = texts.filter((text) => JSON.parse(text).jacsFiles);
    expect(attachments).toHaveLength(4);
  });

  test('both agents are known there', async () => {
    const ids = (await all(target.agent.listAgents())).map(({ id }) => id);
    expect(ids.sort()).toEqual([store.agent.id, target.agent.id].sort());
  });

  test('a second run makes none', async () => {
    const before = objectsOf(target.data);
    const again = await resign(store.data, target);
    expect(again).toMatchObject({ copied: 0, same: report.copied, resigned: 0, conflicts: 0, failed: 0, failures: [] });
    expect(objectsOf(target.data)).toEqual(before);
  });

  test('a third, after the source went on, makes one for what is new', async () => {
    const update = await store.agent.updateDocument(keyOf(texts[1]), { title: 'went on' });
    const added = await store.agent.createDocument({ title: 'added' });
    const again = await resign(store.data, target);
    expect(again).toMatchObject({ copied: 2, conflicts: 0, failed: 0 });
    const newest = await target.agent.getDocument(idOf(added));
    expect(JSON.parse(newest)).toMatchObject({ jacsPreviousSha256: JSON.parse(added).jacsSha256, title: 'added' });
    // The update and the successor of its predecessor are two heads: both are there, and nothing is lost.
    await expect(target.agent.getDocument(keyOf(update))).resolves.toBe(update);
  });
});

test('what the agent of the target signed itself gets no successor', async () => {
  const target = await newAgent();
  await addMass(target.agent, { mass: 10, files: 1 });
  const elsewhere = await newAgent();
  fs.cpSync(target.data, elsewhere.data, { recursive: true });
  const mine = await elsewhere.agent.createDocument({ title: 'of the other' });
  const report = await resign(elsewhere.data, target);
  expect(report).toMatchObject({ resigned: 1, failed: 0 });
  expect(newIn(target.data, elsewhere.data).map(idOf)).toEqual([idOf(mine)]);
});

test('level raw, and what cannot be judged, gets none, and that is told', async () => {
  const store = await newStore();
  const raw = await store.agent.createDocument({ title: 'raw', jacsLevel: 'raw' });
  const unknown = strangersDocument();
  putVersion(store.data, unknown);
  const good = await store.agent.createDocument({ title: 'good' });
  const target = await newAgent();
  const report = await resign(store.data, target);
  expect(report).toMatchObject({ copied: objectsOf(store.data).size, resigned: 1, failed: 0 });
  const notes = report.failures.filter(({ kind }) => kind === 'not-resigned');
  expect(briefly(notes).map((note) => note.replace(/ \S*$/, ''))).toEqual([
    'not-resigned JACS_INPUT',
    'not-resigned JACS_KEY',
  ]);
  for (const { severity } of report.failures) expect(severity).toBe('note');
  expect(notes.map(({ key }) => key.split(':')[0]).sort()).toEqual([idOf(raw), idOf(unknown)].sort());
  expect(newIn(target.data, store.data).map(idOf)).toEqual([idOf(good)]);
  expect(fs.existsSync(fileOf(target.data, keyOf(unknown)))).toBe(true);
});

test('something of everything: originals stay, successors verify', async () => {
  const store = await makeStore({ mass: 10, files: 3 });
  const target = await newAgent();
  const report = await resign(store.data, target);
  expect(report).toMatchObject({ copied: objectsOf(store.data).size, conflicts: 0, failed: 0 });
  expect(report.root).toEqual(rootsOf(store.data, target.data));
  const successors = newIn(target.data, store.data);
  expect(successors).toHaveLength(report.resigned);
  expect(new Set(successors.map(idOf)).size).toBe(successors.length);
  for (const text of successors) expect(faultsOf(text, target.agent.publicKey)).toEqual([]);
  // Of every document there is either a successor or a note.
  const ids = new Set((await all(store.agent.listDocuments())).map(({ id }) => id));
  const noted = report.failures.filter(({ kind }) => kind === 'not-resigned').map(({ key }) => key.split(':')[0]);
  expect([...successors.map(idOf), ...noted].sort()).toEqual([...ids].sort());
  expect(noted).toContain(idOf(store.documents.raw));
  // Embedded and referenced attachments are inherited, too.
  for (const title of ['embedded', 'jacsForm', 'referenced', 'stored', 'inherited']) {
    const text = store.documents[title];
    const newest = JSON.parse(await target.agent.getDocument(idOf(text)));
    expect([title, newest.jacsFiles]).toEqual([title, JSON.parse(text).jacsFiles]);
  }
});

test('a dry run with resign signs nothing', async () => {
  const store = await newStore();
  await addMass(store.agent, { mass: 5, files: 1 });
  const target = await newAgent();
  const report = await resign(store.data, target, { dryRun: true });
  expect(report.copied).toBe(objectsOf(store.data).size);
  expect(objectsOf(target.data).size).toBe(0);
});

test('with a checkpoint, gone on after an abort, each gets one successor', async () => {
  const store = await newStore();
  const texts = await addMass(store.agent, { mass: 200, files: 2 });
  const target = await newAgent();
  const checkpoint = path.join(target.folder, 'checkpoint');
  const abort = new AbortController();
  const first = resign(store.data, target, { checkpoint, signal: abort.signal, concurrency: 2 });
  const outcome = first.then(
    () => 'done',
    ({ code }) => code,
  );
  const documents = path.join(target.data, 'documents');
  const count = () => (fs.existsSync(documents) ? filesUnder(documents).length : 0);
  // All are copied, and some have their successors.
  while (count() < texts.length + 20) await sleep(1);
  abort.abort();
  expect(['JACS_ABORTED', 'done']).toContain(await outcome);
  const report = await resign(store.data, target, { checkpoint });
  expect(report).toMatchObject({ conflicts: 0, failed: 0 });
  const successors = newIn(target.data, store.data);
  expect(successors.map(idOf).sort()).toEqual(texts.map(idOf).sort());
  expect(fs.existsSync(checkpoint)).toBe(false);
});

test('the environment may hold the password', async () => {
  const store = await newStore();
  await addMass(store.agent, { mass: 2 });
  const target = await newAgent();
  const env = { JACS_PRIVATE_KEY_PASSWORD: target.password, JACS_DATA_DIRECTORY: emptyPlace() };
  expect(await resign(store.data, target, { password: undefined, env })).toMatchObject({ resigned: 2 });
  expect(newIn(target.data, store.data)).toHaveLength(2);
});
