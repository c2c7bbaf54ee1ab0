'use strict';
// Other processes and other calls while the keys are replaced.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { root } = require('../support/addon.js');
const { anotherOn, keyOf, loadAgain, newAgent, refusal, register } = require('../support/agents.js');
const { describeWith } = require('../support/needs.js');
const { environment } = require('../support/run.js');
const { NOBODY, unprivilegedNode } = require('../support/unprivileged.js');

jest.setTimeout(120_000);

async function loaded({ config, password }) {
  const agent = register(new Agent());
  await agent.load(config, { password, env: {} });
  return agent;
}

/** The process's own work: each line is a call of the loaded agent, its outcome is a line back. */
function worker(name, config, password) {
  let agent;
  const tell = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
  const call = ([verb, ...args]) => {
    if (verb === 'load') agent = new (require(name).Agent)();
    agent[verb](...args).then(
      (value) => tell({ value: value ?? null }),
      ({ code, retryable }) => tell({ code, retryable }),
    );
  };
  require('node:readline')
    .createInterface({ input: process.stdin })
    .on('line', (line) => call(JSON.parse(line)));
  call(['load', config, { password, env: {} }]);
}

const children = [];
afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

/** The same agent in another process: `ask(verb, ...args)` resolves to `{ value }` or `{ code }`. */
async function elsewhere({ config, password }) {
  const script = `(${worker})(...${JSON.stringify([root, config, password])})`;
  const options = { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] };
  const child = spawn(process.execPath, ['-e', script], options);
  children.push(child);
  const waiting = [];
  require('node:readline')
    .createInterface({ input: child.stdout })
    .on('line', (line) => waiting.shift()(JSON.parse(line)));
  const outcome = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
    });
  expect(await outcome()).toHaveProperty('value');
  const ask = (...call) => {
    const answered = outcome();
    child.stdin.write(`${JSON.stringify(call)}\n`);
    return answered;
  };
  return { ask, kill: () => child.kill('SIGKILL') && once(child, 'exit') };
}

/** The agent's versions in the key directory are one chain; how many they are. */
function lengthOfChain({ keys, agent: { id } }) {
  const folder = path.join(keys, 'agents', id);
  const versions = fs.readdirSync(folder).map((name) => JSON.parse(fs.readFileSync(path.join(folder, name))));
  const previous = versions.map(({ jacsPreviousVersion }) => jacsPreviousVersion);
  expect(new Set(previous).size).toBe(versions.length); // nothing has two successors
  expect(previous.filter((version) => version === undefined)).toHaveLength(1);
  return versions.length;
}

test('a process with the old key hears of it at its next create, update, save and sign, and works when loaded anew', async () => {
  const place = await newAgent();
  const other = await elsewhere(place);
  const { value: text } = await other.ask('createDocument', { n: 1 });
  await place.agent.rotateKeys({ password: place.password });
  const theirs = await place.agent.createDocument({ n: 2 }, { noSave: true });
  for (const call of [
    ['createDocument', { n: 3 }],
    ['createDocument', { n: 3 }, { noSave: true }],
    ['createDocuments', [{ n: 3 }]],
    ['updateDocument', keyOf(text), { n: 3 }],
    ['saveDocument', theirs],
    ['updateAgent', { name: 'x' }],
    ['rotateKeys', { password: place.password }],
  ]) {
    expect([call[0], await other.ask(...call)]).toEqual([call[0], { code: 'JACS_KEY', retryable: false }]);
  }
  expect(await other.ask('getDocument', keyOf(text))).toEqual({ value: text });
  await other.ask('load', place.config, { password: place.password, env: {} });
  const { value: updated } = await other.ask('updateDocument', keyOf(text), { n: 4 });
  expect(await place.agent.getDocument(JSON.parse(text).jacsId)).toBe(updated);
  expect(await other.ask('saveDocument', theirs)).toEqual({ value: theirs });
});

test('it hears of a rotation that was decided and is not in place yet', async () => {
  const place = await newAgent();
  const agent = await loadAgain(place);
  // What a process leaves that is killed right after the step that decides.
  const decided = path.join(place.keys, '.changing');
  const copy = `${place.keys}.copy`;
  fs.cpSync(place.keys, copy, { recursive: true });
  await place.agent.rotateKeys({ password: place.password });
  const [document] = fs
    .readdirSync(path.join(place.keys, 'agents', place.agent.id))
    .filter((name) => name === `${place.agent.version}.json`);
  const parts = {
    agent: fs.readFileSync(path.join(place.keys, 'agents', place.agent.id, document)),
    private: fs.readFileSync(path.join(place.keys, 'jacs.private.pem.enc')),
    public: fs.readFileSync(path.join(place.keys, 'jacs.public.pem')),
    'retired.private': fs.readFileSync(path.join(copy, 'jacs.private.pem.enc')),
    'retired.public': fs.readFileSync(path.join(copy, 'jacs.public.pem')),
    'retired.json': '{}',
    'plan.json': JSON.stringify({
      agent: `${place.agent.id}:${place.agent.version}`,
      retired: `${agent.id}:${agent.version}`,
      configuration: null,
    }),
  };
  for (const name of fs.readdirSync(place.keys)) fs.rmSync(path.join(place.keys, name), { recursive: true });
  fs.cpSync(copy, place.keys, { recursive: true, preserveTimestamps: true });
  fs.mkdirSync(decided, { mode: 0o700 });
  for (const [name, bytes] of Object.entries(parts)) fs.writeFileSync(path.join(decided, name), bytes, { mode: 0o600 });

  await refusal(agent.createDocument({ n: 1 }), 'JACS_KEY');
  expect(fs.existsSync(decided)).toBe(true);
  const again = await loaded(place);
  expect(again.version).toBe(place.agent.version);
  expect(fs.existsSync(decided)).toBe(false);
  const text = await again.createDocument({ n: 2 });
  expect(await again.getDocument(keyOf(text))).toBe(text);
});

test('of two rotations at once one wins, and the agent has one chain', async () => {
  const place = await newAgent();
  const others = [await elsewhere(place), await elsewhere(place), await elsewhere(place)];
  const outcomes = await Promise.all(others.map((other) => other.ask('rotateKeys', { password: place.password })));
  expect(outcomes.filter((outcome) => 'value' in outcome)).toHaveLength(1);
  const refused = outcomes.filter(({ code }) => code !== undefined);
  expect(refused).toEqual(Array(2).fill({ code: 'JACS_KEY', retryable: false }));
  expect(lengthOfChain(place)).toBe(2);
  const agent = await loaded(place);
  const text = await agent.createDocument({ n: 1 });
  const { agent: reader } = await anotherOn(place);
  expect(await reader.inspectDocument(keyOf(text))).toMatchObject({ valid: true, keySource: 'storage' });
});

describeWith(['setpriv'], 'a configuration that may not be written', () => {
  test('stays behind, and the agent loads with its new key', async () => {
    const place = await newAgent({ algorithm: 'ring-Ed25519' });
    await place.agent.createDocument({ n: 0 });
    for (const name of fs.readdirSync(place.folder, { recursive: true })) {
      fs.chownSync(path.join(place.folder, name), NOBODY, NOBODY);
    }
    fs.chownSync(place.config, 0, 0);
    fs.chmodSync(place.config, 0o644);
    fs.chmodSync(place.folder, 0o755);
    const script = `(async (config, password) => {
      const { Agent } = require('jacs-agent');
      const open = async () => {
        const agent = new Agent();
        await agent.load(config, { password, env: {} });
        return agent;
      };
      const agent = await open();
      const text = await agent.createDocument({ n: 1 });
      await agent.rotateKeys({ password, algorithm: 'pq2025' });
      const again = await open();
      console.log(again.version === agent.version, again.algorithm, await again.verifyDocument(text));
      await again.createDocument({ n: 2 });
    })(...${JSON.stringify([place.config, place.password])})`;
    expect(await unprivilegedNode(script)).toMatchObject({ code: 0, stdout: 'true pq2025 true\n', stderr: '' });
    expect(fs.readdirSync(place.keys).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

test('of two rotations at once in one process one wins', async () => {
  const place = await newAgent();
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => place.agent.rotateKeys({ password: place.password })));
  const refused = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
  expect(refused).toEqual(Array(refused.length).fill('JACS_KEY'));
  expect(lengthOfChain(place)).toBe(1 + outcomes.length - refused.length);
  expect(await place.agent.verifyDocument(await place.agent.createDocument({ n: 1 }))).toBe(true);
});

test('changes of the agent document come one after the other, also by who does not know the last one', async () => {
  const place = await newAgent();
  const others = [await elsewhere(place), await elsewhere(place)];
  const outcomes = await Promise.all(others.map((other, n) => other.ask('updateAgent', { name: `name ${n}` })));
  expect(outcomes.map(({ code }) => code)).toEqual([undefined, undefined]);
  expect(lengthOfChain(place)).toBe(3);
  await place.agent.rotateKeys({ password: place.password });
  expect(lengthOfChain(place)).toBe(4);
  expect((await loaded(place)).version).toBe(place.agent.version);
});

test('what is created meanwhile verifies or was refused', async () => {
  const place = await newAgent();
  const other = await elsewhere(place);
  const texts = [];
  const create = async (one, n) => {
    const outcome = await one({ n });
    if (outcome.value) texts.push(outcome.value);
    else expect(outcome.code).toBe('JACS_KEY');
    return outcome;
  };
  const here = (fields) =>
    place.agent.createDocument(fields).then(
      (value) => ({ value }),
      ({ code }) => ({ code }),
    );
  const there = (fields) => other.ask('createDocument', fields);
  const state = { rotating: true };
  const work = async (one) => {
    for (let n = 0; state.rotating; n += 1) await create(one, n);
  };
  const working = Promise.all([work(here), work(here), work(there)]);
  for (let round = 0; round < 3; round += 1) {
    await place.agent.rotateKeys({ password: place.password });
    await other.ask('load', place.config, { password: place.password, env: {} });
  }
  state.rotating = false;
  await working;
  expect(texts.length).toBeGreaterThan(0);
  const { agent: reader } = await anotherOn(place);
  for (const agent of [place.agent, await loaded(place), reader]) {
    for (const text of texts) expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
  }
});

test('whoever loads meanwhile has the old key or the new one', async () => {
  const place = await newAgent();
  const text = await place.agent.createDocument({ n: 1 });
  const state = { rotating: true };
  const load = async (options) => {
    let count = 0;
    for (; state.rotating; count += 1) {
      const agent = new Agent();
      await agent.load(place.config, { env: {}, ...options });
      expect(await agent.getDocument(keyOf(text))).toBe(text);
      await agent.close();
    }
    return count;
  };
  const loading = Promise.all([load({ password: place.password }), load({ readOnly: true }), load({ readOnly: true })]);
  for (let round = 0; round < 4; round += 1) {
    const algorithm = round % 2 === 0 ? 'pq2025' : 'ring-Ed25519';
    await place.agent.rotateKeys({ password: place.password, algorithm });
    await place.agent.updateAgent({ description: `after ${round}` });
  }
  state.rotating = false;
  for (const count of await loading) expect(count).toBeGreaterThan(0);
});

test('a configuration in code that names an older version loads the newest', async () => {
  const place = await newAgent();
  const named = `${place.agent.id}:${place.agent.version}`;
  const object = () => ({
    jacs_agent_id_and_version: named,
    jacs_agent_key_algorithm: 'ring-Ed25519',
    jacs_data_directory: place.data,
    jacs_key_directory: place.keys,
  });
  const load = async () => {
    const agent = register(new Agent());
    await agent.load(object(), { password: place.password, env: {} });
    return agent;
  };
  await place.agent.updateAgent({ name: 'second' });
  await place.agent.updateAgent({ name: 'third' });
  const agent = await load();
  expect(agent.version).toBe(place.agent.version);
  await agent.rotateKeys({ password: place.password, algorithm: 'pq2025' });
  const rotated = await load();
  expect([rotated.version, rotated.algorithm]).toEqual([agent.version, 'pq2025']);
});
