'use strict';
// Many writers of one key: one wins, every other is told, and nobody ever reads half a document.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { Agent } = require('../../index.js');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { environment } = require('../support/run.js');

const PASSWORD = 'Correct-Horse-7';
const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 200 : 20;
const WRITERS = 64;
const PROCESSES = 4;
const READERS = 8;

const keyOf = (text) => `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`;

/** Runs in a process of its own: saves the texts that it is sent, all together at a given time, and says how each went. */
async function worker(name, config, password) {
  const agent = new (require(name).Agent)();
  await agent.load(config, { password, env: {} });
  const saved = (text) =>
    agent.saveDocument(text).then(
      (stored) => (stored === text ? 'stored' : 'changed'),
      (error) => error.code,
    );
  process.on('message', async ({ texts, at }) => {
    while (Date.now() < at);
    process.send(await Promise.all(texts.map(saved)));
  });
  process.send('ready');
}

let folder;
let agent;
let workers;

beforeAll(async () => {
  folder = temporaryFolder();
  const configPath = path.join(folder, 'jacs.config.json');
  const directories = { dataDirectory: path.join(folder, 'data'), keyDirectory: path.join(folder, 'keys') };
  agent = await Agent.create({ configPath, ...directories, password: PASSWORD, env: {} });
  const script = `(${worker})(...${JSON.stringify([root, configPath, PASSWORD])})`;
  const options = { env: environment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] };
  workers = Array.from({ length: PROCESSES }, () => spawn(process.execPath, ['-e', script], options));
  await Promise.all(workers.map((child) => once(child, 'message')));
});

afterAll(async () => {
  const exits = workers.map((child) => once(child, 'exit'));
  for (const child of workers) child.disconnect();
  for (const [code] of await Promise.all(exits)) expect(code).toBe(0);
});

/** Different signatures of the same id and version: the migration recipe without saving. */
async function signatures(count) {
  const text = await agent.createDocument({ text: 'x'.repeat(Math.random() * 8_000) }, { noSave: true });
  const document = { ...JSON.parse(text), jacsSignature: undefined, jacsSha256: undefined };
  const texts = await Promise.all(
    Array.from({ length: count }, () => agent.createDocument(document, { noSave: true, resign: true })),
  );
  expect(new Set(texts).size).toBe(count);
  expect(new Set(texts.map(keyOf)).size).toBe(1);
  return texts;
}

/** All texts at once from this process. */
function fromHere(texts) {
  return Promise.all(
    texts.map((text) =>
      agent.saveDocument(text).then(
        () => 'stored',
        (error) => error.code,
      ),
    ),
  );
}

/** All texts at once from several processes, each an equal part of them. */
async function fromProcesses(texts) {
  const share = texts.length / PROCESSES;
  const at = Date.now() + 20;
  const answers = workers.map(async (child, index) => {
    const answer = once(child, 'message');
    child.send({ texts: texts.slice(index * share, (index + 1) * share), at });
    return (await answer)[0];
  });
  return (await Promise.all(answers)).flat();
}

/** Reads a key in every way until `stop.now`; resolves to the different texts that were seen. */
async function read(way, key, stop) {
  const [id, version] = key.split(':');
  const file = path.join(folder, 'data', 'documents', id, `${version}.json`);
  const ways = [
    () => agent.getDocument(key),
    () => agent.getDocument(id),
    () => fs.promises.readFile(file, 'utf8'),
    async () => agent.getDocumentSync(key),
  ];
  const seen = new Set();
  for (let reads = 0; !stop.now || reads === 0; reads++) {
    const text = await ways[way % ways.length]().catch((error) => {
      if (!['JACS_NOT_FOUND', 'ENOENT'].includes(error.code)) throw error;
    });
    if (text !== undefined) seen.add(text);
    await turn();
  }
  return [...seen];
}

/** One contested key: how each writer of `texts` fared, and what the readers saw meanwhile. */
async function contest(save, texts) {
  const key = keyOf(texts[0]);
  const stop = { now: false };
  const reading = Promise.all(Array.from({ length: READERS }, (_, way) => read(way, key, stop)));
  const outcomes = await save(texts);
  stop.now = true;
  const seen = new Set((await reading).flat());
  return { outcomes, seen, stored: await agent.getDocument(key) };
}

describe.each([
  ['one process', fromHere],
  [`${PROCESSES} processes`, fromProcesses],
])('saves of one key from %s', (_, save) => {
  test(
    `${WRITERS} different texts, ${ROUNDS} times: one winner, the others JACS_CONFLICT, no torn read`,
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const texts = await signatures(WRITERS);
        const { outcomes, seen, stored } = await contest(save, texts);
        expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'JACS_CONFLICT')).toHaveLength(WRITERS - 1);
        expect(stored).toBe(texts[outcomes.indexOf('stored')]);
        expect([...seen].filter((text) => text !== stored)).toEqual([]);
      }
    },
    ROUNDS * 5_000,
  );

  test('every writer of the winning text succeeds', async () => {
    const texts = await signatures(8);
    const all = Array.from({ length: WRITERS }, (_, index) => texts[index % texts.length]);
    const { outcomes, seen, stored } = await contest(save, all);
    for (const [index, outcome] of outcomes.entries()) {
      expect(outcome).toBe(all[index] === stored ? 'stored' : 'JACS_CONFLICT');
    }
    expect([...seen].filter((text) => text !== stored)).toEqual([]);
  });
});

test('nothing but the winners is left in the store', () => {
  const left = fs
    .readdirSync(path.join(folder, 'data', 'documents'), { recursive: true })
    .filter((name) => !/^[0-9a-f-]{36}(\/[0-9a-f-]{36}\.json)?$/.test(name));
  expect(left).toEqual([]);
  expect(fs.readdirSync(path.join(folder, 'data', 'documents'))).toHaveLength(2 * ROUNDS + 2);
});
