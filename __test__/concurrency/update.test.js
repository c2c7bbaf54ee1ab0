'use strict';
// Many writers of one document on one machine: no fork, no lost update, a whole chain. And listings while others create.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { environment } = require('../support/run.js');

const PASSWORD = 'Correct-Horse-7';
const SOAK = process.env.JACS_TEST_SOAK === '1';
const PROCESSES = 4;
const WRITERS_HERE = 6;
const UPDATES = SOAK ? 40 : 8;

const idOf = (text) => JSON.parse(text).jacsId;
const keyOf = (text) => `${idOf(text)}:${JSON.parse(text).jacsVersion}`;

/** Updates a document `count` times, beginning with the version `key`, each time anew from what a conflict names. */
async function update(agent, key, by, count) {
  const [made, codes] = [[], new Set()];
  for (let n = 0; n < count;) {
    try {
      const text = await agent.updateDocument(key, { by, n });
      key = `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`;
      made.push(text);
      n++;
    } catch (error) {
      if (error.code !== 'JACS_CONFLICT' || error.current === key || error.heads.length !== 1) throw error;
      codes.add(error.code);
      key = error.current;
    }
  }
  return { made, codes: [...codes] };
}

/** Runs in a process of its own. */
async function worker(name, config, password, update) {
  const agent = new (require(name).Agent)();
  await agent.load(config, { password, env: {} });
  process.once('message', async ({ key, by, count }) => {
    const answer = await update(agent, key, by, count).catch((error) => ({ failed: String(error), ...error }));
    process.send(answer, () => process.disconnect());
  });
  process.send('ready');
}

let folder;
let agent;
let configPath;
beforeAll(async () => {
  folder = temporaryFolder();
  configPath = path.join(folder, 'jacs.config.json');
  const directories = { dataDirectory: path.join(folder, 'data'), keyDirectory: path.join(folder, 'keys') };
  agent = await Agent.create({ configPath, ...directories, password: PASSWORD, env: {} });
});

/** Starts processes, then gives each its part of the work; their answers. */
async function inProcesses(count, job) {
  const script = `(${worker})(...${JSON.stringify([root, configPath, PASSWORD])}, ${update})`;
  const options = { env: environment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] };
  const children = Array.from({ length: count }, () => spawn(process.execPath, ['-e', script], options));
  const exits = children.map((child) => once(child, 'exit'));
  await Promise.all(children.map((child) => once(child, 'message')));
  const answers = children.map((child) => once(child, 'message'));
  for (const [index, child] of children.entries()) child.send(job(index));
  const all = (await Promise.all(answers)).map(([answer]) => answer);
  for (const [code] of await Promise.all(exits)) expect(code).toBe(0);
  return all;
}

/** Every version that a writer was told of is there, they form one chain, and nothing else is there. */
async function expectOneChain(first, made) {
  const versions = await agent.versions(idOf(first));
  expect(versions.map(({ key }) => key).sort()).toEqual([first, ...made].map(keyOf).sort());
  for (const [index, version] of versions.entries()) {
    expect(version).toMatchObject({ accepted: true, head: index === versions.length - 1 });
    expect(version.previous).toBe(versions[index - 1]?.version);
  }
  for (const text of made) expect(await agent.getDocument(keyOf(text))).toBe(text);
  const history = await agent.verifyHistory(idOf(first));
  expect(history).toMatchObject({ valid: true, gaps: [], owner: agent.id, heads: [versions.at(-1).key] });
  expect(history.versions.map(({ chain }) => chain)).toEqual(['first', ...made.map(() => 'linked')]);
  expect(keyOf(await agent.getDocument(idOf(first), { onFork: 'error' }))).toBe(versions.at(-1).key);
}

describe('updates of one document', () => {
  let first;
  beforeEach(async () => {
    first = await agent.createDocument({ n: 'first' });
  });

  test('of one version at once: one wins, the others are told which', async () => {
    const calls = Array.from({ length: 32 }, (_, n) => agent.updateDocument(keyOf(first), { n }));
    const settled = await Promise.allSettled(calls);
    const [won, ...more] = settled.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
    expect(more).toEqual([]);
    for (const { reason } of settled.filter(({ status }) => status === 'rejected')) {
      expect(reason).toMatchObject({ code: 'JACS_CONFLICT', current: keyOf(won), heads: [keyOf(won)] });
    }
    await expectOneChain(first, [won]);
  });

  test(`by ${WRITERS_HERE} writers of one process, again after each conflict`, async () => {
    const writers = Array.from({ length: WRITERS_HERE }, (_, by) => update(agent, keyOf(first), by, UPDATES));
    const made = (await Promise.all(writers)).flatMap((each) => each.made);
    expect(made).toHaveLength(WRITERS_HERE * UPDATES);
    await expectOneChain(first, made);
  }, 600_000);

  test(`by ${PROCESSES} processes, again after each conflict`, async () => {
    const answers = await inProcesses(PROCESSES, (by) => ({ key: keyOf(first), by, count: UPDATES }));
    const made = answers.flatMap((answer) => answer.made ?? [answer]);
    expect(made).toHaveLength(PROCESSES * UPDATES);
    await expectOneChain(first, made);
    // Else they have not met, and nothing was tried here.
    expect(answers.flatMap(({ codes }) => codes)).toContain('JACS_CONFLICT');
  }, 600_000);

  test('while the newest is read: every read is a version that a writer was told of, and never an older one again', async () => {
    const stop = { now: false };
    const reads = [];
    const reading = (async () => {
      while (!stop.now) reads.push(await agent.getDocument(idOf(first)));
    })();
    const { made } = await update(agent, keyOf(first), 'only', UPDATES);
    stop.now = true;
    await reading;
    const order = [first, ...made];
    const places = reads.map((text) => order.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});

test('listings while documents are created: all that were there before, each once, in order', async () => {
  const resolved = [];
  const creating = Promise.all(
    Array.from({ length: SOAK ? 2000 : 300 }, async (_, n) => {
      const text = await agent.createDocument({ n });
      resolved.push(keyOf(text));
      return text;
    }),
  );
  const created = { done: false };
  creating.finally(() => (created.done = true)).catch(() => {});
  for (let listings = 0; !created.done || listings < 3; listings++) {
    const before = [...resolved];
    const keys = [];
    for await (const { key, id, version, bytes } of agent.listDocuments()) {
      expect(key).toBe(`${id}:${version}`);
      expect(bytes).toBeGreaterThan(100);
      keys.push(key);
    }
    const ids = keys.map((key) => key.split(':')[0]);
    expect(ids).toEqual([...new Set(ids)].sort());
    const listed = new Set(keys);
    expect(before.filter((key) => !listed.has(key))).toEqual([]);
  }
  const texts = await creating;
  for (const text of texts.slice(0, 20)) expect(await agent.getDocument(idOf(text))).toBe(text);
  expect(fs.readdirSync(path.join(folder, 'data', 'documents')).length).toBeGreaterThanOrEqual(texts.length);
});
