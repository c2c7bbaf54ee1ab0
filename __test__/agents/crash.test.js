'use strict';
// Agent.create cut off by SIGKILL: whatever was written, calling it again finishes the agent, and a whole one is never touched.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { environment } = require('../support/run.js');

const password = 'Correct-Horse-7';
const ALGORITHMS = ['ring-Ed25519', 'pq2025'];
const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 500 : 50;
const MARKER = '.creating';

function createIn(folder, options) {
  return Agent.create({ configPath: path.join(folder, 'jacs.config.json'), password, env: {}, ...options });
}

async function loadFrom(folder) {
  const agent = new Agent();
  await agent.load(path.join(folder, 'jacs.config.json'), { password, env: {} });
  return agent;
}

/** It signs, its documents verify, and after another load too; no trace of a creation is left. */
async function expectWhole(folder, agent) {
  const text = await agent.createDocument({ made: 'after the crash' });
  const again = await loadFrom(folder);
  expect([again.id, again.version]).toEqual([agent.id, agent.version]);
  expect(again.publicKey).toEqual(agent.publicKey);
  expect(await again.getDocument(JSON.parse(text).jacsId)).toBe(text);
  expect(await again.verifyDocument(text, { signedBy: agent.id })).toBe(true);
  expect((await again.doctor()).warnings).toEqual([]);
  expect(fs.existsSync(path.join(folder, 'jacs_keys', MARKER))).toBe(false);
  const documents = filesUnder(path.join(folder, 'jacs_keys', 'agents')).filter((name) => name.endsWith('.json'));
  expect(documents).toEqual([`${agent.id}/${agent.version}.json`]);
}

/** Name, change time and bytes of the agent's own files. */
function ownFiles(folder) {
  const stamp = (file) => [file, fs.statSync(file).mtimeMs, fs.readFileSync(file, 'utf8')];
  const names = fs.readdirSync(path.join(folder, 'jacs_keys'), { recursive: true });
  const files = ['jacs.config.json', ...names.map((name) => path.join('jacs_keys', name))];
  return files
    .map((name) => path.join(folder, name))
    .filter((file) => fs.statSync(file).isFile())
    .map(stamp);
}

describe.each(ALGORITHMS)('every state that a crash leaves, %s', (algorithm) => {
  let whole;
  let agent;
  let steps;
  beforeAll(async () => {
    whole = temporaryFolder();
    agent = await createIn(whole, { algorithm });
    steps = [
      path.join('jacs_keys', MARKER),
      path.join('jacs_keys', 'jacs.private.pem.enc'),
      path.join('jacs_keys', 'jacs.public.pem'),
      path.join('jacs_keys', 'agents', agent.id, `${agent.version}.json`),
      'jacs.config.json',
    ];
  });

  /** A folder with the first files of a creation, and the folder that the next one needs. */
  function cutOffAfter(count) {
    const folder = temporaryFolder();
    fs.mkdirSync(path.join(folder, 'jacs_keys'), { mode: 0o700 });
    for (const name of steps.slice(0, count)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true, mode: 0o700 });
      if (name.endsWith(MARKER)) fs.writeFileSync(path.join(folder, name), 'cut off\n', { mode: 0o600 });
      else fs.copyFileSync(path.join(whole, name), path.join(folder, name));
    }
    return folder;
  }

  const states = [
    [0, 'the key directory'],
    [1, 'the mark'],
    [2, 'the private key'],
    [3, 'the public key'],
    [4, 'the agent document'],
    [5, 'the configuration'],
  ];

  test.each(states)('after %i files (%s last): calling again finishes it', async (count) => {
    const folder = cutOffAfter(count);
    const finished = await createIn(folder, { algorithm });
    expect(finished.algorithm).toBe(algorithm);
    if (count >= 2) expect(finished.publicKey).toEqual(agent.publicKey);
    if (count >= 4) expect([finished.id, finished.version]).toEqual([agent.id, agent.version]);
    await expectWhole(folder, finished);
  });

  test.each(states.slice(2))('after %i files (%s last): another password is JACS_PASSWORD', async (count) => {
    const folder = cutOffAfter(count);
    const before = fs.readFileSync(path.join(folder, steps[1]));
    const created = createIn(folder, { algorithm, password: 'Another-Horse-8' });
    await refusal(created, 'JACS_PASSWORD');
    expect(fs.readFileSync(path.join(folder, steps[1]))).toEqual(before);
    await expectWhole(folder, await createIn(folder, { algorithm }));
  });

  test.each(states.slice(0, 2))('after %i files (%s last): another password will do', async (count) => {
    const folder = cutOffAfter(count);
    const finished = await createIn(folder, { algorithm, password: 'Another-Horse-8' });
    expect(finished.publicKey).not.toEqual(agent.publicKey);
    const load = new Agent().load(path.join(folder, 'jacs.config.json'), { password: 'Another-Horse-8', env: {} });
    expect(JSON.parse(await load).jacsId).toBe(finished.id);
  });

  test.each(states.slice(0, 5))('after %i files (%s last): a weak password changes nothing', async (count) => {
    const folder = cutOffAfter(count);
    const before = fs.readdirSync(folder, { recursive: true });
    const created = createIn(folder, { algorithm, password: 'weak' });
    await refusal(created, 'JACS_PASSWORD');
    expect(fs.readdirSync(folder, { recursive: true })).toEqual(before);
  });

  test.each(states)('after %i files (%s last), left-overs beside them: calling again finishes it', async (count) => {
    const folder = cutOffAfter(count);
    fs.writeFileSync(path.join(folder, 'jacs_keys', '.jacs-tmp-AbCdEf'), 'half a ke', { mode: 0o600 });
    fs.writeFileSync(path.join(folder, '.jacs-tmp-GhIjKl'), '{"jacs_def', { mode: 0o600 });
    await expectWhole(folder, await createIn(folder, { algorithm }));
  });

  test('the mark stays without meaning for an agent that is loaded', async () => {
    const folder = cutOffAfter(5);
    const loaded = await loadFrom(folder);
    expect(loaded.id).toBe(agent.id);
    expect((await loaded.doctor()).warnings).toHaveLength(1);
  });

  test('once finished it is never touched', async () => {
    const folder = cutOffAfter(3);
    await createIn(folder, { algorithm });
    const before = ownFiles(folder);
    await refusal(createIn(folder, { algorithm }), 'JACS_CONFLICT');
    expect(ownFiles(folder)).toEqual(before);
  });
});

describe('SIGKILL at a random moment', () => {
  // The addon is loaded before the clock starts.
  const script = `const { Agent } = require(${JSON.stringify(root)});
    process.stdout.write('ready ');
    Agent.create({ password: ${JSON.stringify(password)} }).then(() => process.stdout.write('done'));`;

  function start(cwd) {
    const child = spawn(process.execPath, ['-e', script], {
      cwd,
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.setEncoding('utf8');
    return child;
  }

  /** Milliseconds that a creation takes that nobody kills. */
  async function duration() {
    const child = start(temporaryFolder());
    await once(child.stdout, 'data');
    const began = performance.now();
    await once(child, 'exit');
    return performance.now() - began;
  }

  async function killedAfter(folder, delay) {
    const child = start(folder);
    await once(child.stdout, 'data');
    await sleep(delay);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  test(
    `${ROUNDS} rounds`,
    async () => {
      const whole = await duration();
      const seen = { 'cut off': 0, whole: 0 };
      for (let round = 0; round < ROUNDS; round += 1) {
        const folder = temporaryFolder();
        await killedAfter(folder, whole * 1.2 * Math.random());
        const config = path.join(folder, 'jacs.config.json');
        if (fs.existsSync(config) && !fs.existsSync(path.join(folder, 'jacs_keys', MARKER))) {
          seen.whole += 1;
          const before = ownFiles(folder);
          await refusal(createIn(folder), 'JACS_CONFLICT');
          expect(ownFiles(folder)).toEqual(before);
          await expectWhole(folder, await loadFrom(folder));
        } else {
          seen['cut off'] += 1;
          await expectWhole(folder, await createIn(folder));
        }
      }
      expect(seen['cut off']).toBeGreaterThan(0);
    },
    ROUNDS * 10_000,
  );
});
