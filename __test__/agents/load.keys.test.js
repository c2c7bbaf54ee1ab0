'use strict';
// What loading wants of password and keys, and what it does with files that are none.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { newAgent, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { run } = require('../support/run.js');

jest.setTimeout(60_000); // some start other processes

/** A configuration in code for an agent of `newAgent`; `settings` are added. */
function objectFor({ data, keys }, settings) {
  return { jacs_data_directory: data, jacs_key_directory: keys, ...settings };
}

function ownDocument({ agent, keys }) {
  return path.join(keys, 'agents', agent.id, `${agent.version}.json`);
}

describe('password and keys', () => {
  let place;
  let other;
  beforeAll(async () => {
    place = await newAgent();
    other = await newAgent();
  });

  /** Both forms are refused alike on a copy of the keys in which `change` was at work. */
  async function refused(code, change = () => {}, options = { password: place.password }) {
    const keys = path.join(temporaryFolder(), 'keys');
    fs.cpSync(place.keys, keys, { recursive: true });
    change(keys);
    const config = objectFor({ ...place, keys });
    await refusal(new Agent().load(config, { env: {}, ...options }), code);
    await refusal(
      Promise.resolve().then(() => new Agent().loadSync(config, { env: {}, ...options })),
      code,
    );
  }

  test.each([
    ['wrong', { password: 'Wrong-Password-1' }],
    ['missing', {}],
    ['empty', { password: '' }],
    ['wrong in the environment', { env: { JACS_PRIVATE_KEY_PASSWORD: 'Wrong-Password-1' } }],
    ['in a file that is missing', { env: { JACS_PASSWORD_FILE: '/no/such/file' } }],
  ])('a password that is %s is JACS_PASSWORD', (_, options) => refused('JACS_PASSWORD', undefined, options));

  const privateKey = (keys) => path.join(keys, 'jacs.private.pem.enc');
  const publicKey = (keys) => path.join(keys, 'jacs.public.pem');
  const changed = (change) => (keys) => {
    const file = JSON.parse(fs.readFileSync(privateKey(keys), 'utf8'));
    fs.writeFileSync(privateKey(keys), JSON.stringify(change(file)));
  };

  test.each([
    ['missing', (file) => fs.rmSync(file)],
    ['empty', (file) => fs.writeFileSync(file, '')],
    ['random bytes', (file) => fs.writeFileSync(file, Buffer.from('fffe00c3283d1d', 'hex'))],
    ['a text', (file) => fs.writeFileSync(file, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')],
    ['cut off', (file) => fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2))],
    ['far too long', (file) => fs.writeFileSync(file, 'x'.repeat(1_000_000))],
    ['a directory', (file) => fs.rmSync(file) ?? fs.mkdirSync(file)],
  ])('a key file that is %s is JACS_KEY', async (_, damage) => {
    await refused('JACS_KEY', (keys) => damage(privateKey(keys)));
    await refused('JACS_KEY', (keys) => damage(publicKey(keys)));
  });

  test.each([
    ['that is an empty object', () => ({})],
    ['that is a list', () => []],
    ['of another version', (file) => ({ ...file, jacsEncryptedPrivateKeyVersion: 3 })],
    ['of another cipher', (file) => ({ ...file, cipher: 'ROT13' })],
    ['of another key derivation', (file) => ({ ...file, kdf: { ...file.kdf, name: 'MD5' } })],
    ['that asks for a terabyte', (file) => ({ ...file, kdf: { ...file.kdf, m_cost_kib: 2 ** 30 } })],
    ['that asks for a year', (file) => ({ ...file, kdf: { ...file.kdf, t_cost: 2 ** 31 } })],
    ['that asks for nothing', (file) => ({ ...file, kdf: { ...file.kdf, t_cost: 0 } })],
    ['with a short nonce', (file) => ({ ...file, nonce: 'AAAA' })],
    ['with a salt in another alphabet', (file) => ({ ...file, salt: '++++//////////////////==' })],
    ['without ciphertext', (file) => ({ ...file, ciphertext: '' })],
  ])('a private key file %s is JACS_KEY', (_, change) => refused('JACS_KEY', changed(change)));

  test('a private key whose ciphertext was changed does not open', () => {
    const flip = (text) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    return refused(
      'JACS_PASSWORD',
      changed((file) => ({ ...file, ciphertext: flip(file.ciphertext) })),
    );
  });

  test('keys that do not belong together are JACS_KEY', async () => {
    await refused('JACS_KEY', (keys) => fs.copyFileSync(publicKey(other.keys), publicKey(keys)));
    await refused('JACS_KEY', (keys) => fs.copyFileSync(privateKey(other.keys), privateKey(keys)));
  });

  test('a public key of small order is JACS_KEY', async () => {
    const zero = Buffer.alloc(32);
    await refused('JACS_KEY', (keys) => fs.writeFileSync(publicKey(keys), zero));
    await refused('JACS_KEY', (keys) => fs.writeFileSync(publicKey(keys), zero), { readOnly: true });
  });

  test('a key of another algorithm than the configured one is refused', async () => {
    const config = objectFor(place, { jacs_agent_key_algorithm: 'pq2025' });
    await refusal(new Agent().load(config, { password: place.password, env: {} }), 'JACS_CONFIG');
  });

  test('an agent document that another key signed is none: JACS_NOT_FOUND', async () => {
    const stranger = path.join(temporaryFolder(), 'keys');
    fs.cpSync(place.keys, stranger, { recursive: true });
    for (const name of ['jacs.public.pem', 'jacs.private.pem.enc']) {
      fs.copyFileSync(path.join(other.keys, name), path.join(stranger, name));
    }
    const options = { password: other.password, env: {} };
    for (const named of [{}, { jacs_agent_id_and_version: `${place.agent.id}:${place.agent.version}` }]) {
      await refusal(new Agent().load(objectFor({ ...place, keys: stranger }, named), options), 'JACS_NOT_FOUND');
    }
  });
});

describe('a named pipe that nobody writes to holds up nothing', () => {
  let place;
  beforeEach(async () => {
    place = await newAgent();
  });

  /** The code of a load in another process, which is ended when it waits. */
  async function codeOfLoad(config, options) {
    const script = `new (require(${JSON.stringify(root)}).Agent)().load(...${JSON.stringify([config, options])})
      .then(() => console.log('loaded'), (error) => console.log(error.code));`;
    const { stdout, signal } = await run(process.execPath, ['-e', script], { timeout: 20_000 });
    return signal ?? stdout.trim();
  }

  function becomesPipe(file) {
    fs.rmSync(file, { force: true });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    spawnSync('mkfifo', [file], { stdio: 'inherit' });
  }

  test.each([
    ['the configuration', ({ config }) => config, 'JACS_CONFIG'],
    ['the private key', ({ keys }) => path.join(keys, 'jacs.private.pem.enc'), 'JACS_KEY'],
    ['the public key', ({ keys }) => path.join(keys, 'jacs.public.pem'), 'JACS_KEY'],
    ['the agent document', (own) => ownDocument(own), 'JACS_NOT_FOUND'],
  ])('%s', async (_, fileIn, code) => {
    becomesPipe(fileIn(place));
    expect(await codeOfLoad(place.config, { password: place.password, env: {} })).toBe(code);
  });

  test('the password file', async () => {
    const pipe = path.join(temporaryFolder(), 'password');
    becomesPipe(pipe);
    expect(await codeOfLoad(place.config, { env: { JACS_PASSWORD_FILE: pipe } })).toBe('JACS_PASSWORD');
  });

  test('an agent document in the store, where jacs keeps it', async () => {
    fs.rmSync(path.join(place.keys, 'agents'), { recursive: true });
    becomesPipe(path.join(place.data, 'agent', `${place.agent.id}:${place.agent.version}.json`));
    expect(await codeOfLoad(place.config, { password: place.password, env: {} })).toBe('JACS_NOT_FOUND');
  });
});
