'use strict';
// changePassword: the old password stops working, the new one works, and at no moment neither does.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { newAgent, refusal, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { environment } = require('../support/run.js');
const { unprivilegedNode } = require('../support/unprivileged.js');

const OLD = 'Old-Password-1';
const NEW = 'New-Password-2';
const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 300 : 30;

/** A new agent whose password is OLD, and its private key file. */
async function withOldPassword(options) {
  const place = await newAgent({ password: OLD, ...options });
  return { ...place, file: path.join(place.keys, 'jacs.private.pem.enc') };
}

async function load({ config }, password) {
  const agent = new Agent();
  await agent.load(config, { password, env: {} });
  return agent;
}

function opens(place, password) {
  return load(place, password).then(
    () => true,
    (error) => (error.code === 'JACS_PASSWORD' ? false : Promise.reject(error)),
  );
}

describe.each(['ring-Ed25519', 'pq2025'])('%s', (algorithm) => {
  test('the old one stops working, the new one works, the key is the same', async () => {
    const place = await withOldPassword({ algorithm });
    const text = await place.agent.createDocument({ a: 1 });
    expect(await place.agent.changePassword({ password: OLD, newPassword: NEW })).toBeUndefined();
    await refusal(load(place, OLD), 'JACS_PASSWORD');
    const again = await load(place, NEW);
    expect(again.publicKey).toEqual(place.agent.publicKey);
    expect(await again.verifyDocument(text, { minimumTrust: 'self' })).toBe(true);
    expect(await again.verifyDocument(await again.createDocument({ a: 2 }))).toBe(true);
  });
});

test('the loaded agent goes on working, and its password may change again', async () => {
  const place = await withOldPassword();
  await place.agent.changePassword({ password: OLD, newPassword: NEW });
  expect(await place.agent.verifyDocument(await place.agent.createDocument({ a: 1 }))).toBe(true);
  await place.agent.changePassword({ password: NEW, newPassword: OLD });
  expect([await opens(place, OLD), await opens(place, NEW)]).toEqual([true, false]);
});

test('the file is encrypted anew, 0600, and nothing else changes', async () => {
  const place = await withOldPassword();
  const before = treeOf(place.folder, { times: true });
  const parts = () => JSON.parse(fs.readFileSync(place.file, 'utf8'));
  const { salt, nonce, ciphertext, ...same } = parts();
  await place.agent.changePassword({ password: OLD, newPassword: NEW });
  const changed = parts();
  expect(changed).toMatchObject(same);
  expect(changed.salt).not.toBe(salt);
  expect(changed.nonce).not.toBe(nonce);
  expect(changed.ciphertext).not.toBe(ciphertext);
  expect(fs.statSync(place.file).mode & 0o7777).toBe(0o600);
  const after = treeOf(place.folder, { times: true });
  const differ = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
  expect(differ).toEqual(['jacs_keys', path.join('jacs_keys', 'jacs.private.pem.enc')]);
});

describe('refused, and no file is touched', () => {
  let place;
  beforeAll(async () => {
    place = await withOldPassword();
  });

  test.each([
    ['a wrong old one', { password: 'Wrong-Password-1', newPassword: NEW }, 'JACS_PASSWORD'],
    ['an empty old one', { password: '', newPassword: NEW }, 'JACS_PASSWORD'],
    ['no old one', { newPassword: NEW }, 'JACS_PASSWORD'],
    ['no new one', { password: OLD }, 'JACS_PASSWORD'],
    ['a short new one', { password: OLD, newPassword: 'Aa1!Aa1' }, 'JACS_PASSWORD'],
    ['an empty new one', { password: OLD, newPassword: '' }, 'JACS_PASSWORD'],
    ['a new one of one class', { password: OLD, newPassword: 'lettersletters' }, 'JACS_PASSWORD'],
    ['a new one of digits', { password: OLD, newPassword: '3141592653589793' }, 'JACS_PASSWORD'],
    ['a wrong old one and a weak new one', { password: 'Wrong-Password-1', newPassword: 'weak' }, 'JACS_PASSWORD'],
    ['an unknown option', { password: OLD, newPasword: NEW }, 'JACS_INPUT'],
    ['an option of another type', { password: OLD, newPassword: 12345678 }, 'JACS_INPUT'],
    ['a text', 'Old-Password-1', 'JACS_INPUT'],
  ])('%s', async (_, options, code) => {
    const before = treeOf(place.folder, { times: true });
    await refusal(place.agent.changePassword(options), code);
    expect(treeOf(place.folder, { times: true })).toEqual(before);
    expect(await opens(place, OLD)).toBe(true);
  });

  test('the environment’s password does not stand in for the old one', async () => {
    process.env.JACS_PRIVATE_KEY_PASSWORD = OLD;
    try {
      await refusal(place.agent.changePassword({ newPassword: NEW }), 'JACS_PASSWORD');
    } finally {
      delete process.env.JACS_PRIVATE_KEY_PASSWORD;
    }
  });
});

test('a key file that went away or was replaced meanwhile is JACS_KEY', async () => {
  const place = await withOldPassword();
  fs.writeFileSync(place.file, 'garbage');
  await refusal(place.agent.changePassword({ password: OLD, newPassword: NEW }), 'JACS_KEY');
  expect(fs.readFileSync(place.file, 'utf8')).toBe('garbage');
  fs.rmSync(place.file);
  await refusal(place.agent.changePassword({ password: OLD, newPassword: NEW }), 'JACS_KEY');
  expect(fs.existsSync(place.file)).toBe(false);
});

test('of two at the same time one wins, and the other is JACS_PASSWORD', async () => {
  const place = await withOldPassword();
  const agents = await Promise.all([1, 2, 3, 4].map(() => load(place, OLD)));
  const passwords = agents.map((_, n) => `New-Password-${n}`);
  const changes = agents.map((agent, n) => agent.changePassword({ password: OLD, newPassword: passwords[n] }));
  const results = await Promise.allSettled(changes);
  const codes = results.map(({ reason }) => reason?.code);
  expect(codes.filter((code) => code === undefined)).toHaveLength(1);
  expect(codes.filter((code) => code === 'JACS_PASSWORD')).toHaveLength(3);
  const open = await Promise.all(passwords.map((password) => opens(place, password)));
  expect(open).toEqual(codes.map((code) => code === undefined));
  expect(await opens(place, OLD)).toBe(false);
});

describeWith(['setpriv'], 'without the right to write', () => {
  test('JACS_PERMISSION, and the file is as it was', async () => {
    const place = await withOldPassword();
    const folder = temporaryFolder({ readable: true });
    const keys = path.join(folder, 'keys');
    fs.cpSync(place.keys, keys, { recursive: true });
    for (const name of fs.readdirSync(keys, { recursive: true })) fs.chmodSync(path.join(keys, name), 0o755);
    fs.chmodSync(keys, 0o555);
    const before = treeOf(folder, { times: true });
    const config = { jacs_key_directory: keys, jacs_data_directory: path.join(folder, 'data') };
    const script = `const agent = new (require('jacs-agent').Agent)();
      agent.load(...${JSON.stringify([config, { password: OLD }])})
        .then(() => agent.changePassword(${JSON.stringify({ password: OLD, newPassword: NEW })}))
        .then(() => console.log('changed'), (error) => console.log(error.code));`;
    const { stdout, stderr } = await unprivilegedNode(script);
    expect({ stdout, stderr }).toEqual({ stdout: 'JACS_PERMISSION\n', stderr: '' });
    expect(treeOf(folder, { times: true })).toEqual(before);
  });
});

describe('SIGKILL during a change', () => {
  // From one password to the other and back, for ever; the addon is loaded and the agent too before it says so.
  const scriptFor = ({ config }, password) => `const agent = new (require(${JSON.stringify(root)}).Agent)();
    agent.load(...${JSON.stringify([config, { password, env: {} }])}).then(async () => {
      process.stdout.write('ready');
      let [password, newPassword] = ${JSON.stringify(password === OLD ? [OLD, NEW] : [NEW, OLD])};
      for (;;) {
        await agent.changePassword({ password, newPassword });
        [password, newPassword] = [newPassword, password];
      }
    });`;

  /** Milliseconds; there and back. */
  async function durationOfChange({ agent }) {
    const began = performance.now();
    await agent.changePassword({ password: OLD, newPassword: NEW });
    await agent.changePassword({ password: NEW, newPassword: OLD });
    return (performance.now() - began) / 2;
  }

  test(
    `${ROUNDS} rounds: the key opens with one of the two`,
    async () => {
      const place = await withOldPassword();
      const duration = await durationOfChange(place);
      const seen = { [OLD]: 0, [NEW]: 0 };
      for (let round = 0; round < ROUNDS; round += 1) {
        const password = (await opens(place, OLD)) ? OLD : NEW;
        const options = { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] };
        const child = spawn(process.execPath, ['-e', scriptFor(place, password)], options);
        await once(child.stdout, 'data');
        await sleep(5 * duration * Math.random());
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        expect(await ended).toEqual([null, 'SIGKILL']);
        const open = [await opens(place, OLD), await opens(place, NEW)];
        expect(open.filter(Boolean)).toHaveLength(1);
        seen[open[0] ? OLD : NEW] += 1;
      }
      // Each password was the last one at some time: the change was under way when the process was killed.
      expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
      const agent = await load(place, (await opens(place, OLD)) ? OLD : NEW);
      expect(agent.publicKey).toEqual(place.agent.publicKey);
      expect(await agent.verifyDocument(await agent.createDocument({ a: 1 }))).toBe(true);
    },
    ROUNDS * 10_000,
  );
});
