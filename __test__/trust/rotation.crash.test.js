'use strict';
// rotateKeys and updateAgent cut off by SIGKILL: the agent always loads, with the old key or the new one, and nothing that it signed
// is lost.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { keyOf, newAgent } = require('../support/agents.js');
const { environment } = require('../support/run.js');

const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 500 : 50;
const PASSWORDS = ['Correct-Horse-7', 'Another-Horse-8'];
const ALGORITHMS = ['ring-Ed25519', 'pq2025'];
const JOURNAL = /^\.changing/;

/** Runs in the process. */
async function worker(name, config, password, call, options) {
  const agent = new (require(name).Agent)();
  await agent.load(config, { password, env: {} });
  require('node:fs').writeSync(1, 'loaded\n');
  await agent[call](options);
  require('node:fs').writeSync(1, 'done\n');
  setInterval(() => {}, 1000);
}

/** Kills the process at a random moment of the call: of all of it, or of its last part, when it writes. Whether it had ended. */
async function killedAt({ config, keys }, password, call, options, lastPart) {
  const script = `(${worker})(...${JSON.stringify([root, config, password, call, options])})`;
  const child = spawn(process.execPath, ['-e', script], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  const closed = once(child, 'close');
  const goesOn = () => child.exitCode === null && !printed.includes('done');
  while (!printed.includes('loaded') && goesOn()) await sleep(1);
  const writes = () => fs.readdirSync(keys).some((entry) => JOURNAL.test(entry));
  const waits = () => lastPart && goesOn() && !writes();
  while (waits()) await new Promise(setImmediate);
  await sleep(Math.random() * (lastPart ? 12 : 250));
  child.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  return printed.includes('done');
}

/** The agent with the one password of these that opens it. */
async function opened(config, passwords) {
  const agents = [];
  for (const password of passwords) {
    const agent = new Agent();
    const error = await agent.load(config, { password, env: {} }).catch((reason) => reason);
    if (error?.code === 'JACS_PASSWORD') continue;
    if (error instanceof Error) throw error;
    agents.push({ agent, password });
  }
  expect(agents).toHaveLength(1);
  return agents[0];
}

test(`${ROUNDS} kills`, async () => {
  const place = await newAgent({ password: PASSWORDS[0] });
  const texts = [await place.agent.createDocument({ n: 0 })];
  let [password, before] = [PASSWORDS[0], place.agent.publicKey];
  const seen = { old: 0, new: 0, cut: 0, journal: 0 };
  for (let n = 1; n <= ROUNDS; n++) {
    const rotates = n % 5 !== 0;
    const newPassword = PASSWORDS[n % 2];
    const options = rotates
      ? { password, newPassword, algorithm: ALGORITHMS[n % 3 === 0 ? 1 : 0] }
      : { name: `n ${n}` };
    const ended = await killedAt(place, password, rotates ? 'rotateKeys' : 'updateAgent', options, n % 4 !== 1);
    seen.cut += ended ? 0 : 1;
    seen.journal += fs.readdirSync(place.keys).some((entry) => JOURNAL.test(entry)) ? 1 : 0;

    // Whoever may only read sees the same agent.
    const reader = new Agent();
    await reader.load(place.config, { readOnly: true, env: {} });
    const { agent, password: found } = await opened(place.config, [
      ...new Set([password, rotates ? newPassword : password]),
    ]);
    expect([reader.id, reader.version]).toEqual([agent.id, agent.version]);
    expect(reader.publicKey).toEqual(agent.publicKey);
    const isNew = !agent.publicKey.equals(before);
    seen[isNew ? 'new' : 'old'] += 1;
    if (ended) expect(isNew).toBe(rotates);
    if (rotates && newPassword !== password) expect(found).toBe(isNew ? newPassword : password);
    [password, before] = [found, agent.publicKey];

    texts.push(await agent.createDocument({ n }));
    for (const text of [texts[0], texts.at(-2), texts.at(-1)]) {
      expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
    }
    expect(fs.readdirSync(place.keys).filter((entry) => JOURNAL.test(entry))).toEqual([]);
    expect(JSON.parse(fs.readFileSync(place.config)).jacs_agent_id_and_version).toBe(`${agent.id}:${agent.version}`);
    await Promise.all([agent.close(), reader.close()]);
  }
  // Everything that any of the keys signed counts, for the agent and for who knows it from the store alone.
  const { agent } = await opened(place.config, [password]);
  const other = await newAgent({ dataDirectory: place.data });
  for (const text of texts) {
    expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'self' });
    expect(await other.agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'storage' });
  }
  expect((await agent.verifyHistory(agent.id)).versions.every(({ valid }) => valid)).toBe(true);
  const retired = fs.readdirSync(place.keys).filter((entry) => entry.endsWith('.retired.json'));
  expect(retired).toHaveLength(seen.new);
  expect(seen.cut).toBeGreaterThan(ROUNDS / 4);
  expect(Math.min(seen.old, seen.new, seen.journal)).toBeGreaterThan(0);
  expect(path.dirname(place.config)).toBe(place.folder);
  if (process.env.JACS_TEST_SOAK === '1') process.stderr.write(`${JSON.stringify(seen)}\n`);
}, 3_600_000);
