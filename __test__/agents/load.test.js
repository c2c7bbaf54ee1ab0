'use strict';
// load, loadSync and close: an agent's life, and what it takes to load one.

const { spawnSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const {
  all,
  anotherOn,
  fileOf,
  keyOf,
  loadAgain,
  newAgent,
  refusal,
  storedText,
  treeOf,
} = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { run } = require('../support/run.js');
const { unprivilegedNode } = require('../support/unprivileged.js');
const { firstVersion, newAuthor, signWithNode } = require('../support/witness.js');

jest.setTimeout(60_000); // some start other processes

const KEY = `${randomUUID()}:${randomUUID()}`;

const WRITES = {
  createDocument: (agent) => agent.createDocument({ a: 1 }),
  'createDocument, noSave': (agent) => agent.createDocument({ a: 1 }, { noSave: true }),
  createDocuments: (agent) => agent.createDocuments([{ a: 1 }, { a: 2 }]),
  updateDocument: (agent, key = KEY) => agent.updateDocument(key, { a: 2 }),
  saveDocument: (agent, _, text = '{}') => agent.saveDocument(text),
  removeDocument: (agent, key = KEY) => agent.removeDocument(key),
  changePassword: (agent) => agent.changePassword({ password: 'Old-Password-1', newPassword: 'New-Password-1' }),
};
const READS = {
  getDocument: (agent, key = KEY) => agent.getDocument(key),
  listDocuments: (agent) => all(agent.listDocuments()),
  listAgents: (agent) => all(agent.listAgents()),
  versions: (agent, key = KEY) => agent.versions(key.split(':')[0]),
  verifyDocument: (agent, _, text = '{}') => agent.verifyDocument(text),
  assertDocument: (agent, _, text = '{}') => agent.assertDocument(text),
  inspectDocument: (agent, key = KEY) => agent.inspectDocument(key),
  verifyHistory: (agent, key = KEY) => agent.verifyHistory(key.split(':')[0]),
  doctor: (agent) => agent.doctor(),
};
// In a promise, so that both forms are refused alike.
const SYNC = {
  createDocumentSync: async (agent) => agent.createDocumentSync({ a: 1 }),
  getDocumentSync: async (agent, key = KEY) => agent.getDocumentSync(key),
  updateDocumentSync: async (agent, key = KEY) => agent.updateDocumentSync(key, { a: 2 }),
  verifyDocumentSync: async (agent, _, text = '{}') => agent.verifyDocumentSync(text),
};
const PROPERTIES = Object.fromEntries(
  ['id', 'version', 'algorithm', 'publicKey'].map((name) => [name, async (agent) => agent[name]]),
);
const CALLS = Object.entries({ ...WRITES, ...READS, ...SYNC });

/** A configuration in code for an agent of `newAgent`; `settings` are added. */
function objectFor({ data, keys }, settings) {
  return { jacs_data_directory: data, jacs_key_directory: keys, ...settings };
}

function ownDocument({ agent, keys }) {
  return path.join(keys, 'agents', agent.id, `${agent.version}.json`);
}

describe('an agent’s life', () => {
  let place;
  let text;
  let options;
  beforeAll(async () => {
    place = await newAgent();
    text = await place.agent.createDocument({ a: 1 });
    options = { password: place.password, env: {} };
  });

  const FORMS = [
    ['load', (agent, ...args) => agent.load(...args)],
    ['loadSync', async (agent, ...args) => agent.loadSync(...args)],
  ];

  test.each(FORMS)('%s gives the agent document', async (_, load) => {
    const agent = new Agent();
    const document = await load(agent, place.config, options);
    expect(document).toBe(fs.readFileSync(ownDocument(place), 'utf8'));
    const { id, version, algorithm, publicKey } = agent;
    expect({ id, version, algorithm }).toEqual({
      id: place.agent.id,
      version: place.agent.version,
      algorithm: 'ring-Ed25519',
    });
    expect(publicKey).toEqual(fs.readFileSync(path.join(place.keys, 'jacs.public.pem')));
    expect(JSON.parse(document)).toMatchObject({ jacsId: id, jacsVersion: version });
    expect(await agent.getDocument(keyOf(text))).toBe(text);
  });

  test.each(FORMS)('a second %s is JACS_CONFIG, and the agent goes on working', async (_, load) => {
    for (const agent of [place.agent, await loadAgain(place)]) {
      await refusal(load(agent, place.config, options), 'JACS_CONFIG');
      expect(await agent.getDocument(keyOf(text))).toBe(text);
    }
  });

  test.each([...CALLS, ...Object.entries(PROPERTIES)])('%s before load is JACS_CONFIG', async (_, call) => {
    await refusal(call(new Agent()), 'JACS_CONFIG');
  });

  test('calls made while it loads wait for it', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options);
    const calls = Object.entries({ ...READS, createDocument: WRITES.createDocument });
    const results = await Promise.all(calls.map(([, call]) => call(agent, keyOf(text), text)));
    const named = Object.fromEntries(calls.map(([name], index) => [name, results[index]]));
    expect(named.getDocument).toBe(text);
    expect(named.verifyDocument).toBe(true);
    expect(JSON.parse(named.createDocument)).toMatchObject({ a: 1 });
    expect(await loading).toBe(fs.readFileSync(ownDocument(place), 'utf8'));
  });

  test('what cannot wait is JACS_CONFIG while it loads, and so is a second load', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options);
    const calls = [...Object.values(SYNC), ...Object.values(PROPERTIES)].map((call) => call(agent));
    const loads = FORMS.map(([, load]) => load(agent, place.config, options));
    await Promise.all([...calls, ...loads].map((call) => refusal(call, 'JACS_CONFIG')));
    await loading;
    expect(agent.id).toBe(place.agent.id);
  });

  test('calls that wait for a load that fails fail with it; a load after that works', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, { password: 'Wrong-Password-1', env: {} });
    const calls = [READS.getDocument, READS.listDocuments, WRITES.createDocument].map((call) => call(agent));
    await Promise.all([loading, ...calls].map((call) => refusal(call, 'JACS_PASSWORD')));
    await refusal(READS.getDocument(agent), 'JACS_CONFIG');
    await refusal(
      Promise.resolve().then(() => agent.loadSync(`${place.config}.missing`, options)),
      'JACS_CONFIG',
    );
    await agent.load(place.config, options);
    expect(await agent.getDocument(keyOf(text))).toBe(text);
  });

  test('close waits for what is under way', async () => {
    const data = path.join(temporaryFolder(), 'data');
    const agent = await loadAgain({ ...place, data });
    const calls = Array.from({ length: 30 }, (_, n) => agent.createDocument({ n }));
    await agent.close();
    expect(fs.readdirSync(path.join(data, 'documents'))).toHaveLength(30);
    const texts = await Promise.all(calls);
    expect(texts.map((stored) => storedText(data, keyOf(stored)))).toEqual(texts);
  });

  test('closed: every call is JACS_CONFIG, and so is another load; closing again is none', async () => {
    const agent = await loadAgain(place);
    await agent.close();
    for (const [, call] of CALLS) await refusal(call(agent, keyOf(text), text), 'JACS_CONFIG');
    for (const [, load] of FORMS) await refusal(load(agent, place.config, options), 'JACS_CONFIG');
    await agent.close();
  });

  test('one that was never loaded can be closed; then it cannot be loaded', async () => {
    const agent = new Agent();
    await agent.close();
    await refusal(agent.load(place.config, options), 'JACS_CONFIG');
  });

  test('closed while it loads: later calls are JACS_CONFIG', async () => {
    const agent = new Agent();
    const loading = agent.load(place.config, options).catch((error) => error.code);
    await agent.close();
    expect(['JACS_CONFIG', fs.readFileSync(ownDocument(place), 'utf8')]).toContain(await loading);
    for (const [, call] of CALLS) await refusal(call(agent, keyOf(text), text), 'JACS_CONFIG');
  });

  test.each([
    ['a loaded agent', ''],
    ['one that has just worked', `await agent.createDocument({ a: 1 });`],
    ['a listing that was not read to its end', `for await (const entry of agent.listDocuments()) break;`],
    ['a refused call', `await agent.getDocument('${KEY}').catch(() => {});`],
    ['a signal that nobody raises', `await agent.createDocument({ a: 1 }, { signal: new AbortController().signal });`],
  ])('nothing keeps the process alive: %s', async (_, work) => {
    const script = `(async () => {
      const agent = new (require(${JSON.stringify(root)}).Agent)();
      await agent.load(${JSON.stringify(place.config)}, ${JSON.stringify(options)});
      ${work}
      console.log('end');
    })();`;
    const { code, signal, stdout } = await run(process.execPath, ['-e', script], { timeout: 25_000 });
    expect({ code, signal, stdout }).toEqual({ code: 0, signal: null, stdout: 'end\n' });
  });

  test('a call under way does, until it is done', async () => {
    const script = `const agent = new (require(${JSON.stringify(root)}).Agent)();
      agent.load(${JSON.stringify(place.config)}, ${JSON.stringify(options)});
      agent.createDocument({ a: 1 }).then((text) => process.stdout.write(text));`;
    const { stdout } = await run(process.execPath, ['-e', script]);
    expect(storedText(place.data, keyOf(stdout))).toBe(stdout);
  });
});

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

describe('readOnly', () => {
  let place;
  let text;
  let agent;
  beforeAll(async () => {
    place = await newAgent();
    text = await place.agent.createDocument({ a: 1 });
    fs.rmSync(path.join(place.keys, 'jacs.private.pem.enc'));
    agent = new Agent();
    await agent.load(place.config, { readOnly: true, env: {} });
  });

  test('needs neither private key nor password, and reads, verifies and lists', async () => {
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    expect(agent.getDocumentSync(JSON.parse(text).jacsId)).toBe(text);
    expect(await agent.verifyDocument(text, { minimumTrust: 'self' })).toBe(true);
    expect((await all(agent.listDocuments())).map(({ key }) => key)).toEqual([keyOf(text)]);
    expect((await all(agent.listAgents())).map(({ id }) => id)).toEqual([agent.id]);
    for (const call of Object.values(READS)) await call(agent, keyOf(text), text);
    expect((await agent.doctor()).agent).toMatchObject({ id: place.agent.id, readOnly: true });
  });

  test('a wrong password does not matter, and loadSync is the same', () => {
    const sync = new Agent();
    sync.loadSync(place.config, { readOnly: true, password: 'Wrong-Password-1', env: {} });
    expect(sync.getDocumentSync(keyOf(text))).toBe(text);
  });

  test.each(
    Object.entries({
      ...WRITES,
      createDocumentSync: SYNC.createDocumentSync,
      updateDocumentSync: SYNC.updateDocumentSync,
    }),
  )('%s is JACS_PERMISSION, and nothing is written', async (_, call) => {
    const before = treeOf(place.folder, { times: true });
    await refusal(call(agent, keyOf(text), text), 'JACS_PERMISSION');
    expect(treeOf(place.folder, { times: true })).toEqual(before);
  });

  test('loading makes no directory', async () => {
    const data = path.join(temporaryFolder(), 'data');
    const reader = await loadAgain({ ...place, data }, {}, { readOnly: true, password: undefined });
    expect(await all(reader.listDocuments())).toEqual([]);
    await refusal(reader.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    expect(fs.existsSync(data)).toBe(false);
  });
});

describe('the configuration', () => {
  let place;
  let folder;
  beforeAll(async () => {
    place = await newAgent();
    folder = temporaryFolder();
  });

  async function refused(config, code) {
    const options = { password: place.password, env: {} };
    await refusal(new Agent().load(config, options), code);
    await refusal(
      Promise.resolve().then(() => new Agent().loadSync(config, options)),
      code,
    );
  }

  test('missing, or a directory, is JACS_CONFIG', async () => {
    await refused(path.join(folder, 'missing.json'), 'JACS_CONFIG');
    await refused(path.join(place.config, 'below a file'), 'JACS_CONFIG');
    await refused(folder, 'JACS_CONFIG');
  });

  test.each([
    ['empty', ''],
    ['no JSON', 'jacs_default_storage: fs'],
    ['cut off', '{"jacs_default_storage": "fs"'],
    ['a list', '[]'],
    ['null', 'null'],
    ['with a key twice', '{"jacs_default_storage":"fs","jacs_default_storage":"memory"}'],
    ['not UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')],
    ['over 1 MiB', `{"comment":"${'x'.repeat(1 << 20)}"}`],
    ['with a wrong type', '{"jacs_data_directory":7}'],
    ['with an unknown setting', '{"jacs_data_dir":"x"}'],
    ['with an agent that is none', '{"jacs_agent_id_and_version":"../x"}'],
  ])('%s is JACS_CONFIG', async (_, contents) => {
    const file = path.join(folder, 'jacs.config.json');
    fs.writeFileSync(file, contents);
    await refused(file, 'JACS_CONFIG');
  });

  test('of another agent than the keys’ is JACS_NOT_FOUND', async () => {
    const other = await newAgent();
    const named = `${other.agent.id}:${other.agent.version}`;
    await refused(objectFor(place, { jacs_agent_id_and_version: named }), 'JACS_NOT_FOUND');
    const unknown = `${place.agent.id}:${randomUUID()}`;
    await refused(objectFor(place, { jacs_agent_id_and_version: unknown }), 'JACS_NOT_FOUND');
  });

  test.each([[undefined], [null], [7], [true], [''], [Symbol.iterator], [() => {}]])(
    'load(%p) is refused as an argument',
    async (config) => {
      const load = new Agent().load(config, { password: place.password, env: {} });
      await refusal(load, config === '' ? 'JACS_CONFIG' : 'JACS_INPUT');
    },
  );

  test.each([
    ['an unknown option', { pasword: 'x' }],
    ['a password that is none', { password: 7 }],
    ['a flag that is none', { readOnly: 'yes' }],
    ['an environment that is none', { env: 'A=1' }],
    ['a variable that is none', { env: { JACS_DATA_DIRECTORY: 7 } }],
    ['options that are none', 'password'],
  ])('%s is JACS_INPUT', (_, options) => refusal(new Agent().load(place.config, options), 'JACS_INPUT'));

  describeWith(['setpriv'], 'as another user', () => {
    async function codeOfLoad(config, options) {
      const script = `const { Agent } = require('jacs-agent');
        const args = ${JSON.stringify([config, options])};
        new Agent().load(...args).then(() => console.log('loaded'), (error) => console.log(error.code));
        try { new Agent().loadSync(...args); } catch (error) { console.log(error.code); }`;
      const { stdout, stderr } = await unprivilegedNode(script);
      return stdout + stderr;
    }

    test('a configuration that may not be read is JACS_PERMISSION', async () => {
      const readable = temporaryFolder({ readable: true });
      const config = path.join(readable, 'jacs.config.json');
      fs.writeFileSync(config, '{}', { mode: 0o600 });
      expect(await codeOfLoad(config, { readOnly: true })).toBe('JACS_PERMISSION\nJACS_PERMISSION\n');
    });

    test('keys that may not be read are JACS_PERMISSION', async () => {
      const keys = path.join(temporaryFolder({ readable: true }), 'keys');
      fs.cpSync(place.keys, keys, { recursive: true });
      fs.chmodSync(keys, 0o755);
      const config = objectFor({ ...place, keys });
      const options = { password: place.password };
      expect(await codeOfLoad(config, options)).toBe('JACS_PERMISSION\nJACS_PERMISSION\n');
      fs.chmodSync(path.join(keys, 'jacs.public.pem'), 0o644);
      expect(await codeOfLoad(config, options)).toBe('JACS_PERMISSION\nJACS_PERMISSION\n');
    });

    test('a password file that may not be read is JACS_PERMISSION', async () => {
      const readable = temporaryFolder({ readable: true });
      const keys = path.join(readable, 'keys');
      fs.cpSync(place.keys, keys, { recursive: true });
      for (const name of ['.', 'jacs.public.pem', 'jacs.private.pem.enc']) fs.chmodSync(path.join(keys, name), 0o755);
      const secret = path.join(readable, 'password');
      fs.writeFileSync(secret, place.password, { mode: 0o600 });
      const options = { env: { JACS_PASSWORD_FILE: secret } };
      expect(await codeOfLoad(objectFor({ ...place, keys }), options)).toBe('JACS_PERMISSION\nJACS_PERMISSION\n');
    });
  });
});

describe('the data directory', () => {
  let place;
  let texts;
  beforeAll(async () => {
    place = await newAgent();
    texts = await place.agent.createDocuments([{ n: 0 }, { n: 1 }, { n: 2 }]);
    texts.push(await place.agent.updateDocument(keyOf(texts[0]), { n: 3 }));
  });

  /** Bytes alone, as an archive has them. */
  function copyOfData() {
    const data = path.join(temporaryFolder(), 'elsewhere');
    fs.cpSync(place.data, data, { recursive: true });
    return data;
  }

  test('moved elsewhere it opens with the same documents', async () => {
    const data = copyOfData();
    const agent = await loadAgain({ ...place, data });
    for (const text of texts) expect(await agent.getDocument(keyOf(text))).toBe(text);
    const listed = async (reader) => (await all(reader.listDocuments({ allVersions: true }))).map(({ key }) => key);
    expect(await listed(agent)).toEqual(await listed(place.agent));
    expect(await agent.getDocument(JSON.parse(texts[0]).jacsId)).toBe(texts[3]);
    expect((await agent.verifyHistory(JSON.parse(texts[0]).jacsId)).valid).toBe(true);
  });

  test('another agent opens it and verifies by what lies in it', async () => {
    const other = await anotherOn({ ...place, data: copyOfData() });
    for (const text of texts) expect(await other.agent.getDocument(keyOf(text))).toBe(text);
    const report = await other.agent.inspectDocument(keyOf(texts[0]));
    expect(report).toMatchObject({ valid: true, keySource: 'storage', agentId: place.agent.id });
  });

  test('empty, with the same keys: loads, and writes nothing until it is written to', async () => {
    const data = path.join(temporaryFolder(), 'new');
    const agent = await loadAgain({ ...place, data });
    expect(agent.id).toBe(place.agent.id);
    expect(await agent.verifyDocument(texts[0])).toBe(true);
    expect(await all(agent.listDocuments())).toEqual([]);
    expect(await all(agent.listAgents())).toEqual([]);
    await agent.createDocument({ a: 1 }, { noSave: true });
    expect(fs.existsSync(data)).toBe(false);
  });

  test.each([
    ['createDocument', (agent) => agent.createDocument({ a: 1 })],
    ['createDocumentSync', async (agent) => agent.createDocumentSync({ a: 1 })],
    ['createDocuments', (agent) => agent.createDocuments([{ a: 1 }])],
    ['saveDocument', (agent) => agent.saveDocument(texts[1])],
    ['updateDocument', (agent) => agent.updateDocument(keyOf(texts[1]), { a: 1 })],
  ])('the first %s publishes the agent', async (verb, call) => {
    const data = path.join(temporaryFolder(), 'new');
    const { id, version } = place.agent;
    const target = fileOf(data, keyOf(texts[1]));
    if (verb === 'updateDocument')
      fs.cpSync(path.dirname(fileOf(place.data, keyOf(texts[1]))), path.dirname(target), { recursive: true });
    await call(await loadAgain({ ...place, data }));
    expect(storedText(data, `${id}:${version}`, 'agents')).toBe(fs.readFileSync(ownDocument(place), 'utf8'));
    const other = await anotherOn({ ...place, data });
    expect((await all(other.agent.listDocuments())).length).toBe(1);
    for await (const { key } of other.agent.listDocuments()) await other.agent.getDocument(key);
  });

  test('publishing again is success; another document under the agent’s key is JACS_CONFLICT', async () => {
    const data = copyOfData();
    await (await loadAgain({ ...place, data })).createDocument({ a: 1 });
    const file = fileOf(data, `${place.agent.id}:${place.agent.version}`, 'agents');
    fs.writeFileSync(file, planted(place.agent));
    const before = treeOf(data);
    await refusal((await loadAgain({ ...place, data })).createDocument({ a: 1 }), 'JACS_CONFLICT');
    expect(treeOf(data)).toEqual(before);
  });
});

/** An agent document under an agent's id and version, signed by somebody else. */
function planted({ id, version }) {
  const author = { ...newAuthor(), id, version };
  const header = { ...firstVersion({}, { id, version }), jacsType: 'agent', jacsLevel: 'config', jacsAgentType: 'ai' };
  const $schema = 'https://hai.ai/schemas/agent/v1/agent.schema.json';
  return signWithNode({ ...header, $schema, jacsPublicKey: author.raw.toString('base64') }, author);
}

describe('an agent document in the store alone', () => {
  let place;
  let text;
  beforeEach(async () => {
    place = await newAgent();
    text = await place.agent.createDocument({ a: 1 });
    fs.rmSync(path.join(place.keys, 'agents'), { recursive: true });
  });

  const named = () => ({ jacs_agent_id_and_version: `${place.agent.id}:${place.agent.version}` });
  const inOurPlace = () => fileOf(place.data, `${place.agent.id}:${place.agent.version}`, 'agents');
  const inTheOther = () => path.join(place.data, 'agent', `${place.agent.id}:${place.agent.version}.json`);

  async function loads(settings) {
    const agent = new Agent();
    await agent.load(objectFor(place, settings), { password: place.password, env: {} });
    expect(agent.id).toBe(place.agent.id);
    expect(await agent.getDocument(keyOf(text))).toBe(text);
    expect(await agent.verifyDocument(await agent.createDocument({ a: 2 }), { minimumTrust: 'self' })).toBe(true);
  }

  async function refused() {
    const load = (settings, options) => new Agent().load(objectFor(place, settings), { env: {}, ...options });
    for (const settings of [{}, named()]) {
      await refusal(load(settings, { password: place.password }), 'JACS_NOT_FOUND');
      await refusal(load(settings, { readOnly: true }), 'JACS_NOT_FOUND');
    }
  }

  function move() {
    fs.mkdirSync(path.dirname(inTheOther()));
    fs.renameSync(inOurPlace(), inTheOther());
    fs.rmSync(path.join(place.data, 'agents'), { recursive: true });
  }

  test('serves, named or not', async () => {
    await loads(named());
    await loads({});
  });

  test('serves from the place where jacs keeps it', async () => {
    move();
    await loads(named());
    await loads({});
  });

  test('is refused when another key signed it', async () => {
    fs.writeFileSync(inOurPlace(), planted(place.agent));
    await refused();
  });

  test('is refused when another key signed it, where jacs keeps it', async () => {
    move();
    fs.writeFileSync(inTheOther(), planted(place.agent));
    await refused();
  });

  test.each([
    ['empty', () => ''],
    ['no JSON', () => '{'],
    ['changed', (document) => document.replace('jacs-agent', 'jacs agent')],
    ['another document of ours', () => text],
  ])('is refused when it is %s', async (_, change) => {
    fs.writeFileSync(inOurPlace(), change(fs.readFileSync(inOurPlace(), 'utf8')));
    await refused();
  });

  /** What is no agent document, under names that could be. */
  function strew(folder) {
    const name = () => path.join(folder, `${randomUUID()}.json`);
    fs.mkdirSync(name());
    fs.symlinkSync('/no/such/file', name());
    fs.symlinkSync('/dev/zero', name());
    fs.writeFileSync(name(), 'x'.repeat(100_000));
    fs.writeFileSync(name(), Buffer.from('fffe00', 'hex'));
    fs.writeFileSync(path.join(folder, '.tmp-x'), '{');
  }

  test('serves among files that are none', async () => {
    strew(path.dirname(inOurPlace()));
    strew(path.join(place.data, 'agents'));
    await loads({ ...named(), jacs_max_document_bytes: 50_000 });
    await loads({ jacs_max_document_bytes: 50_000 });
  });

  test('serves among files that are none, where jacs keeps it', async () => {
    move();
    strew(path.dirname(inTheOther()));
    await loads({ ...named(), jacs_max_document_bytes: 50_000 });
    await loads({ jacs_max_document_bytes: 50_000 });
  });

  test('serves beside the keys among files that are none', async () => {
    const own = path.join(place.keys, 'agents', place.agent.id);
    fs.mkdirSync(path.dirname(own));
    fs.renameSync(path.dirname(inOurPlace()), own);
    strew(own);
    strew(path.dirname(own));
    await loads({ ...named(), jacs_max_document_bytes: 50_000 });
    await loads({ jacs_max_document_bytes: 50_000 });
  });

  test('is refused when it is missing', async () => {
    fs.rmSync(inOurPlace());
    await refused();
  });

  test('a planted one does not matter where the own lies beside the keys', async () => {
    const own = path.join(place.keys, 'agents', place.agent.id, `${place.agent.version}.json`);
    fs.mkdirSync(path.dirname(own), { recursive: true });
    fs.copyFileSync(inOurPlace(), own);
    fs.writeFileSync(inOurPlace(), planted(place.agent));
    const agent = new Agent();
    await agent.load(objectFor(place, named()), { password: place.password, env: {} });
    expect(await agent.getDocument(keyOf(text), { minimumTrust: 'self' })).toBe(text);
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

describe('several at once', () => {
  test('agents of both algorithms in one process, on one store', async () => {
    const first = await newAgent();
    const others = await Promise.all([1, 2].map(() => anotherOn(first)));
    const third = await newAgent({ algorithm: 'pq2025', dataDirectory: first.data });
    const agents = [first, ...others, third].map(({ agent }) => agent);
    const texts = await Promise.all(agents.map((agent, n) => agent.createDocument({ n })));
    for (const agent of agents) {
      const read = await Promise.all(texts.map((text) => agent.getDocument(keyOf(text))));
      expect(read).toEqual(texts);
      const reports = await Promise.all(texts.map((text) => agent.assertDocument(text)));
      expect(reports.map(({ agentId }) => agentId)).toEqual(agents.map(({ id }) => id));
      const source = (report) => (report.agentId === agent.id ? 'self' : 'storage');
      expect(reports.map(({ keySource }) => keySource)).toEqual(reports.map(source));
    }
    await Promise.all(agents.map((agent) => agent.close()));
  });
});

describe('worker threads', () => {
  let place;
  beforeAll(async () => {
    place = await newAgent();
  });

  /** What a worker posts; `body` is the inside of an async function. The loader of the addon needs its variable. */
  async function inWorker(body, { env = {}, workerData } = {}) {
    const script = `const { parentPort, workerData } = require('node:worker_threads');
      const { Agent } = require(${JSON.stringify(root)});
      (async () => { ${body} })().then((value) => parentPort.postMessage(value),
        ({ code, message }) => parentPort.postMessage({ code, message }));`;
    const { NAPI_RS_NATIVE_LIBRARY_PATH } = process.env;
    const worker = new Worker(script, { eval: true, env: { NAPI_RS_NATIVE_LIBRARY_PATH, ...env }, workerData });
    const ended = once(worker, 'exit');
    const [message] = await once(worker, 'message');
    await ended;
    return message;
  }

  const BODY = `const agent = new Agent();
    await agent.load(workerData);
    const text = await agent.createDocument({ by: 'a worker' });
    const { settings } = await agent.doctor();
    return { text, id: agent.id, data: settings.find(({ key }) => key === 'jacs_data_directory') };`;

  test('read the environment that they were handed', async () => {
    const data = path.join(temporaryFolder(), 'of the worker');
    const env = { JACS_PRIVATE_KEY_PASSWORD: place.password, JACS_DATA_DIRECTORY: data };
    const result = await inWorker(BODY, { env, workerData: place.config });
    expect(result).toMatchObject({ id: place.agent.id, data: { value: data, source: 'environment' } });
    expect(storedText(data, keyOf(result.text))).toBe(result.text);
    expect(process.env).not.toHaveProperty('JACS_DATA_DIRECTORY');
  });

  test('see what they set themselves', async () => {
    const data = path.join(temporaryFolder(), 'of the worker');
    const set = `process.env.JACS_PRIVATE_KEY_PASSWORD = ${JSON.stringify(place.password)};
      process.env.JACS_DATA_DIRECTORY = ${JSON.stringify(data)};`;
    const result = await inWorker(set + BODY, { workerData: place.config });
    expect(result).toMatchObject({ id: place.agent.id, data: { value: data, source: 'environment' } });
    expect(process.env).not.toHaveProperty('JACS_PRIVATE_KEY_PASSWORD');
  });

  test('do not see what only the main thread has', async () => {
    process.env.JACS_PRIVATE_KEY_PASSWORD = place.password;
    try {
      const result = await inWorker(BODY, { workerData: place.config });
      expect(result).toMatchObject({ code: 'JACS_PASSWORD' });
    } finally {
      delete process.env.JACS_PRIVATE_KEY_PASSWORD;
    }
  });

  test('several at once share a store with the main thread, whose agent outlives them', async () => {
    const env = { JACS_PRIVATE_KEY_PASSWORD: place.password };
    const workers = Array.from({ length: 4 }, () => inWorker(BODY, { env, workerData: place.config }));
    const own = place.agent.createDocuments([{ by: 'the main thread' }]);
    const texts = (await Promise.all(workers)).map(({ text }) => text).concat(await own);
    for (const text of texts) expect(await place.agent.getDocument(keyOf(text))).toBe(text);
    expect(await place.agent.verifyDocument(await place.agent.createDocument({ after: 'them' }))).toBe(true);
  });

  test('may be terminated in the middle of their work', async () => {
    const script = `const { Worker } = require('node:worker_threads');
      const { Agent } = require(${JSON.stringify(root)});
      const loop = \`const { parentPort, workerData: [library, config, options] } = require('node:worker_threads');
        const agent = new (require(library).Agent)();
        agent.load(config, options).then(async () => {
          for (let n = 0; ; n += 1) { await Promise.all([1, 2, 3].map((m) => agent.createDocument({ n, m })));
            if (n === 3) parentPort.postMessage('working'); } });\`;
      const workerData = ${JSON.stringify([root, place.config, { password: place.password, env: {} }])};
      (async () => {
        const agent = new Agent();
        await agent.load(workerData[1], workerData[2]);
        for (let round = 0; round < 5; round += 1) {
          const worker = new Worker(loop, { eval: true, workerData });
          await new Promise((resolve) => worker.once('message', resolve));
          await worker.terminate();
          await agent.createDocument({ round });
        }
        for await (const { key } of agent.listDocuments()) await agent.getDocument(key);
        console.log('whole');
      })();`;
    const { code, stdout, stderr } = await run(process.execPath, ['-e', script], { timeout: 50_000 });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'whole\n', stderr: '' });
  });
});
