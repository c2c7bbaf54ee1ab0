'use strict';
// Agent.create: the files it writes, their rights and contents, and what it refuses without writing anything.

const fs = require('node:fs');
const path = require('node:path');
const canonicalize = require('canonicalize');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { refusal, treeOf } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { run, succeed } = require('../support/run.js');
const { unprivilegedNode } = require('../support/unprivileged.js');
const { faultsOf } = require('../support/witness.js');

jest.setTimeout(60_000); // some start other processes

const password = 'Correct-Horse-7';
const PRIVATE = 'jacs_keys/jacs.private.pem.enc';
const PUBLIC = 'jacs_keys/jacs.public.pem';
const ALGORITHMS = ['ring-Ed25519', 'pq2025'];
const library = JSON.stringify(root);

/** `Agent.create` in a folder, deaf to this process's environment. */
function createIn(folder, options) {
  return Agent.create({ configPath: path.join(folder, 'jacs.config.json'), password, env: {}, ...options });
}

/** The agent of a folder once more; its password may be another. */
async function loadFrom(folder, withPassword = password) {
  const agent = new Agent();
  await agent.load(path.join(folder, 'jacs.config.json'), { password: withPassword, env: {} });
  return agent;
}

function readJson(...parts) {
  return JSON.parse(fs.readFileSync(path.join(...parts), 'utf8'));
}

function documentPath(agent) {
  return `jacs_keys/agents/${agent.id}/${agent.version}.json`;
}

/** The files that a creation writes. */
function filesOf(agent) {
  return ['jacs.config.json', documentPath(agent), PRIVATE, PUBLIC].sort();
}

/** The modes of what lies under a folder, by kind. */
function modesUnder(folder) {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const modeOf = (entry) => fs.lstatSync(path.join(entry.parentPath ?? entry.path, entry.name)).mode & 0o7777;
  const modes = (wanted) => [...new Set(entries.filter((entry) => entry.isDirectory() === wanted).map(modeOf))];
  return { directories: modes(true), files: modes(false) };
}

describe('what is written', () => {
  test('keys, agent document and configuration, and nothing else', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder);
    expect(filesUnder(folder)).toEqual(filesOf(agent));
    expect(fs.existsSync(path.join(folder, 'jacs_data'))).toBe(false);
  });

  test.each(['000', '022', '077', '277', '777'])('directories 0700 and files 0600 under umask %s', async (umask) => {
    const folder = temporaryFolder();
    const script = `process.umask(0o${umask});
      require(${library}).Agent.create({ password: ${JSON.stringify(password)} })
        .then((agent) => agent.createDocument({ a: 1 }));`;
    await succeed(process.execPath, ['-e', script], { cwd: folder });
    expect(modesUnder(folder)).toEqual({ directories: [0o700], files: [0o600] });
  });

  test('the key files: raw public key, and the encrypted private key in its one form', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder);
    expect(fs.readFileSync(path.join(folder, PUBLIC))).toEqual(agent.publicKey);
    expect(agent.publicKey).toHaveLength(32);
    const { salt, nonce, ciphertext, ...rest } = readJson(folder, PRIVATE);
    expect(rest).toEqual({
      jacsEncryptedPrivateKeyVersion: 2,
      cipher: 'AES-256-GCM',
      kdf: { name: 'Argon2id', version: 19, m_cost_kib: 19456, t_cost: 2, p_cost: 1 },
    });
    const lengths = [salt, nonce, ciphertext].map((text) => Buffer.from(text, 'base64url').length);
    expect(lengths).toEqual([16, 12, 83 + 16]);
    for (const text of [salt, nonce, ciphertext]) expect(text).toMatch(/^[\w-]+$/);
  });

  test('agent document and configuration are signed by the new key', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder);
    for (const name of [documentPath(agent), 'jacs.config.json']) {
      const document = readJson(folder, name);
      expect({ name, faults: faultsOf(canonicalize(document), agent.publicKey) }).toEqual({ name, faults: [] });
      expect(document.jacsSignature).toMatchObject({ agentID: agent.id, agentVersion: agent.version });
    }
    const document = fs.readFileSync(path.join(folder, documentPath(agent)), 'utf8');
    expect(document).toBe(canonicalize(JSON.parse(document)));
  });

  test('the configuration names what it was made with, and loads', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder);
    const config = readJson(folder, 'jacs.config.json');
    expect(config).toMatchObject({
      $schema: 'https://hai.ai/schemas/jacs.config.schema.json',
      jacsType: 'config',
      jacsLevel: 'config',
      jacs_agent_id_and_version: `${agent.id}:${agent.version}`,
      jacs_agent_key_algorithm: 'ring-Ed25519',
      jacs_agent_private_key_filename: 'jacs.private.pem.enc',
      jacs_agent_public_key_filename: 'jacs.public.pem',
      jacs_data_directory: './jacs_data',
      jacs_default_storage: 'fs',
      jacs_key_directory: './jacs_keys',
    });
    expect(config).not.toHaveProperty('jacs_dns_validate');
    expect(JSON.stringify(config)).not.toContain(password);
    const again = await loadFrom(folder);
    expect([again.id, again.version]).toEqual([agent.id, agent.version]);
    expect((await again.doctor()).warnings).toEqual([]);
  });

  test('the agent document carries the public key, and what was not said has its default', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder);
    expect(readJson(folder, documentPath(agent))).toMatchObject({
      $schema: 'https://hai.ai/schemas/agent/v1/agent.schema.json',
      jacsId: agent.id,
      jacsVersion: agent.version,
      jacsOriginalVersion: agent.version,
      jacsType: 'agent',
      jacsAgentType: 'ai',
      jacsPublicKey: agent.publicKey.toString('base64'),
    });
  });

  test('name, description, type and domain', async () => {
    const folder = temporaryFolder();
    const given = { name: 'Ärger & Söhne', description: 'writes invoices', agentType: 'human-org' };
    const agent = await createIn(folder, { ...given, domain: 'example.com' });
    const { name, description, jacsAgentType, jacsAgentDomain } = readJson(folder, documentPath(agent));
    expect({ name, description, agentType: jacsAgentType }).toEqual(given);
    expect(jacsAgentDomain).toBe('example.com');
    const config = readJson(folder, 'jacs.config.json');
    expect(config).toMatchObject({ jacs_agent_domain: 'example.com', jacs_dns_validate: true });
  });

  test.each(['human', 'human-org', 'hybrid', 'ai'])('an agent of type %s', async (agentType) => {
    const folder = temporaryFolder();
    const agent = await createIn(folder, { agentType });
    expect(readJson(folder, documentPath(agent)).jacsAgentType).toBe(agentType);
  });

  test.each(ALGORITHMS)('%s: signs, and loads again', async (algorithm) => {
    const folder = temporaryFolder();
    const agent = await createIn(folder, { algorithm });
    expect(agent.algorithm).toBe(algorithm);
    expect(agent.publicKey).toHaveLength({ 'ring-Ed25519': 32, pq2025: 2592 }[algorithm]);
    expect(readJson(folder, 'jacs.config.json').jacs_agent_key_algorithm).toBe(algorithm);
    const text = await agent.createDocument({ made: 'here' });
    expect(JSON.parse(text).jacsSignature.signingAlgorithm).toBe(algorithm);
    const again = await loadFrom(folder);
    expect(again.publicKey).toEqual(agent.publicKey);
    expect(await again.verifyDocument(text)).toBe(true);
    expect(await again.verifyDocument(await again.createDocument({ made: 'again' }))).toBe(true);
  });

  test('in memory: nothing but keys and configuration is on the disk', async () => {
    const folder = temporaryFolder();
    const agent = await createIn(folder, { storage: 'memory' });
    await agent.createDocument({ a: 1 });
    expect(filesUnder(folder)).toEqual(filesOf(agent));
    expect(readJson(folder, 'jacs.config.json').jacs_default_storage).toBe('memory');
  });
});

describe('paths', () => {
  test('in the file they are relative to it: the whole folder may move', async () => {
    const folder = path.join(temporaryFolder(), 'before');
    fs.mkdirSync(folder);
    const options = { dataDirectory: path.join(folder, 'my', 'data'), keyDirectory: path.join(folder, 'my keys') };
    const agent = await createIn(folder, options);
    const text = await agent.createDocument({ a: 1 });
    const config = readJson(folder, 'jacs.config.json');
    expect(config).toMatchObject({ jacs_data_directory: './my/data', jacs_key_directory: './my keys' });
    const moved = path.join(path.dirname(folder), 'after');
    fs.renameSync(folder, moved);
    const again = await loadFrom(moved);
    expect(await again.getDocument(JSON.parse(text).jacsId)).toBe(text);
  });

  test('options are relative to the working directory; outside the file’s folder they become absolute', async () => {
    const folder = temporaryFolder();
    fs.mkdirSync(path.join(folder, 'etc'));
    const options = { configPath: 'etc/own.json', dataDirectory: 'var/data', keyDirectory: 'etc/keys', password };
    const script = `require(${library}).Agent.create(${JSON.stringify(options)})
      .then((agent) => agent.createDocument({ a: 1 }));`;
    await succeed(process.execPath, ['-e', script], { cwd: folder });
    expect(readJson(folder, 'etc/own.json')).toMatchObject({
      jacs_data_directory: path.join(folder, 'var', 'data'),
      jacs_key_directory: './keys',
    });
    expect(fs.readdirSync(path.join(folder, 'var', 'data')).sort()).toEqual(['agents', 'documents']);
    expect(fs.readdirSync(path.join(folder, 'etc', 'keys'))).toContain('jacs.private.pem.enc');
  });

  test('without any, everything lies in the working directory', async () => {
    const folder = temporaryFolder();
    const script = `require(${library}).Agent.create().then((agent) => console.log(agent.id));`;
    const env = { JACS_PRIVATE_KEY_PASSWORD: password };
    const id = (await succeed(process.execPath, ['-e', script], { cwd: folder, env })).trim();
    const files = filesUnder(folder);
    expect(files).toHaveLength(4);
    expect(files).toEqual(expect.arrayContaining(['jacs.config.json', PRIVATE, PUBLIC]));
    expect(files.find((name) => name.startsWith(`jacs_keys/agents/${id}/`))).toBeDefined();
  });
});

describe('an existing configuration without an agent', () => {
  test('gives the settings and gets the agent', async () => {
    const folder = temporaryFolder();
    const settings = {
      jacs_default_storage: 'fs',
      jacs_data_directory: './documents of ours',
      jacs_key_directory: './secrets',
      jacs_agent_private_key_filename: 'own.key',
      jacs_agent_public_key_filename: 'own.pub',
      jacs_agent_key_algorithm: 'pq2025',
      jacs_max_document_bytes: 100_000,
      comment: 'kept',
    };
    const before = { ...settings, jacs_agent_id_and_version: '' };
    fs.writeFileSync(path.join(folder, 'jacs.config.json'), JSON.stringify(before));
    const agent = await createIn(folder);
    expect(agent.algorithm).toBe('pq2025');
    expect(readJson(folder, 'jacs.config.json')).toMatchObject({
      ...settings,
      jacs_agent_id_and_version: `${agent.id}:${agent.version}`,
    });
    const document = `secrets/agents/${agent.id}/${agent.version}.json`;
    expect(filesUnder(folder)).toEqual(['jacs.config.json', document, 'secrets/own.key', 'secrets/own.pub'].sort());
    await agent.createDocument({ a: 1 });
    expect(fs.readdirSync(path.join(folder, 'documents of ours')).sort()).toEqual(['agents', 'documents']);
    const again = await loadFrom(folder);
    expect(again.id).toBe(agent.id);
    expect((await again.doctor()).warnings).toEqual([]);
  });

  test('the environment’s settings are used and not written down', async () => {
    const folder = temporaryFolder();
    const elsewhere = path.join(temporaryFolder(), 'data');
    const agent = await createIn(folder, { env: { JACS_DATA_DIRECTORY: elsewhere } });
    await agent.createDocument({ a: 1 });
    expect(fs.existsSync(path.join(elsewhere, 'documents'))).toBe(true);
    expect(readJson(folder, 'jacs.config.json').jacs_data_directory).toBe('./jacs_data');
  });

  test.each([
    ['not JSON', '{'],
    ['an unknown setting', '{"jacs_default_stroage":"fs"}'],
    ['a password', `{"jacs_private_key_password":"${password}"}`],
    ['an unknown algorithm', '{"jacs_agent_key_algorithm":"rot13"}'],
  ])('one that cannot be used (%s) is JACS_CONFIG, and nothing is written', async (_, text) => {
    const folder = temporaryFolder();
    fs.writeFileSync(path.join(folder, 'jacs.config.json'), text);
    const before = treeOf(folder, { times: true });
    await refusal(createIn(folder), 'JACS_CONFIG');
    expect(treeOf(folder, { times: true })).toEqual(before);
  });
});

describe('JACS_CONFLICT, and the tree is as it was', () => {
  let folder;
  beforeEach(async () => {
    folder = temporaryFolder();
    await createIn(folder);
  });

  async function refused(options) {
    const before = treeOf(folder, { times: true });
    await refusal(createIn(folder, options), 'JACS_CONFLICT');
    expect(treeOf(folder, { times: true })).toEqual(before);
  }

  test('over a whole agent', () => refused());
  test('over a whole agent, with another password', () => refused({ password: 'Another-Horse-8' }));
  test('over a whole agent, with another algorithm', () => refused({ algorithm: 'pq2025' }));

  test('over keys, with another configuration', () =>
    refused({ configPath: path.join(folder, 'other.json'), keyDirectory: path.join(folder, 'jacs_keys') }));

  test('over keys without a configuration', () => {
    fs.rmSync(path.join(folder, 'jacs.config.json'));
    return refused();
  });

  test.each([PRIVATE, PUBLIC])('over one key file: %s', (kept) => {
    fs.rmSync(path.join(folder, 'jacs.config.json'));
    fs.rmSync(path.join(folder, 'jacs_keys', 'agents'), { recursive: true });
    fs.rmSync(path.join(folder, kept === PRIVATE ? PUBLIC : PRIVATE));
    return refused();
  });

  test('with a configuration that names an agent, although there are no keys', () => {
    fs.rmSync(path.join(folder, 'jacs_keys'), { recursive: true });
    return refused();
  });

  test('with a configuration that names an agent, over a creation that was cut off before its keys', () => {
    fs.rmSync(path.join(folder, 'jacs_keys'), { recursive: true });
    fs.mkdirSync(path.join(folder, 'jacs_keys'));
    fs.writeFileSync(path.join(folder, 'jacs_keys', '.creating'), '');
    return refused();
  });

  test('where a symbolic link that leads nowhere stands for a key', () => {
    fs.rmSync(path.join(folder, 'jacs.config.json'));
    fs.rmSync(path.join(folder, 'jacs_keys'), { recursive: true });
    fs.mkdirSync(path.join(folder, 'jacs_keys'));
    fs.symlinkSync('/nowhere/key', path.join(folder, PRIVATE));
    return refusal(createIn(folder), 'JACS_CONFLICT');
  });
});

describe('the password', () => {
  test.each([
    ['short', 'Aa1!Aa1'],
    ['short in characters, not in bytes', 'ééééA1'],
    ['lower-case letters', 'correcthorsebattery'],
    ['capitals', 'CORRECTHORSEBATTERY'],
    ['digits', '31415926535897932384'],
    ['punctuation', '!?!?!?!?!?!?'],
    ['empty', ''],
    ['missing', undefined],
    ['null', null],
  ])('%s is JACS_PASSWORD, and nothing is written', async (_, weak) => {
    const folder = temporaryFolder();
    await refusal(createIn(folder, { password: weak }), 'JACS_PASSWORD');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('a weak one of the environment or of a file is refused as well', async () => {
    const folder = temporaryFolder();
    const file = path.join(temporaryFolder(), 'password');
    fs.writeFileSync(file, 'weak\n', { mode: 0o600 });
    for (const env of [{ JACS_PRIVATE_KEY_PASSWORD: 'weak' }, { JACS_PASSWORD_FILE: file }]) {
      const created = createIn(folder, { password: undefined, env });
      await refusal(created, 'JACS_PASSWORD');
    }
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('eight characters of two kinds will do', async () => {
    const agent = await createIn(temporaryFolder(), { password: 'aaaaaaa1' });
    expect(await agent.verifyDocument(await agent.createDocument({ a: 1 }))).toBe(true);
  });

  test.each(['\n', '\r\n', ''])('JACS_PASSWORD_FILE, which ends in %j', async (end) => {
    const folder = temporaryFolder();
    const file = path.join(temporaryFolder(), 'password');
    fs.writeFileSync(file, password + end, { mode: 0o600 });
    const agent = await createIn(folder, { password: undefined, env: { JACS_PASSWORD_FILE: file } });
    const again = await loadFrom(folder);
    expect(again.id).toBe(agent.id);
  });

  test('a link to the file is followed; the option comes first, then the variable, then the file', async () => {
    const secrets = temporaryFolder();
    fs.writeFileSync(path.join(secrets, 'password'), 'From-A-File-1\n', { mode: 0o600 });
    fs.symlinkSync('password', path.join(secrets, 'link'));
    const file = { JACS_PASSWORD_FILE: path.join(secrets, 'link') };
    const both = { ...file, JACS_PRIVATE_KEY_PASSWORD: 'From-The-Env-1' };
    const cases = [
      [undefined, file, 'From-A-File-1'],
      [undefined, both, 'From-The-Env-1'],
      ['From-Options-1', both, 'From-Options-1'],
    ];
    for (const [option, env, expected] of cases) {
      const folder = temporaryFolder();
      await createIn(folder, { password: option, env });
      await loadFrom(folder, expected);
    }
  });

  test('a file that is missing is JACS_PASSWORD, one that others may write JACS_PERMISSION', async () => {
    const folder = temporaryFolder();
    const file = path.join(temporaryFolder(), 'password');
    const create = () => createIn(folder, { password: undefined, env: { JACS_PASSWORD_FILE: file } });
    await refusal(create(), 'JACS_PASSWORD');
    fs.writeFileSync(file, password);
    for (const mode of [0o620, 0o602]) {
      fs.chmodSync(file, mode);
      await refusal(create(), 'JACS_PERMISSION');
    }
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

test.each([
  ['an unknown option', { pasword: 'x' }, 'JACS_INPUT'],
  ['an option of another type', { name: 7 }, 'JACS_INPUT'],
  ['an unknown type of agent', { agentType: 'robot' }, 'JACS_INPUT'],
  ['an env that is none', { env: 'HOME=/' }, 'JACS_INPUT'],
  ['an unknown algorithm', { algorithm: 'rot13' }, 'JACS_CONFIG'],
  ['an unknown storage', { storage: 'paper' }, 'JACS_CONFIG'],
  ['a domain that is none', { domain: 'exa mple..com' }, 'JACS_INPUT'],
])('%s is refused, and nothing is written', async (_, options, code) => {
  const folder = temporaryFolder();
  await refusal(createIn(folder, options), code);
  expect(fs.readdirSync(folder)).toEqual([]);
});

test.each([
  ['in a folder that does not exist', ['no', 'such', 'jacs.config.json']],
  ['that is a directory', ['directory']],
  ['below a file', ['file', 'jacs.config.json']],
])('a configuration %s is refused, and no keys are left behind', async (_, place) => {
  const folder = temporaryFolder();
  fs.mkdirSync(path.join(folder, 'directory'));
  fs.writeFileSync(path.join(folder, 'file'), '');
  const before = treeOf(folder, { times: true });
  const options = { configPath: path.join(folder, ...place), keyDirectory: path.join(folder, 'keys') };
  await expect(createIn(folder, options)).rejects.toHaveProperty(
    'code',
    expect.stringMatching(/^JACS_(INPUT|CONFIG)$/),
  );
  expect(treeOf(folder, { times: true })).toEqual(before);
});

test('an agent document over jacs_max_document_bytes is refused, and no keys are left behind', async () => {
  const folder = temporaryFolder();
  fs.writeFileSync(path.join(folder, 'jacs.config.json'), '{"jacs_max_document_bytes":5000}');
  const before = treeOf(folder, { times: true });
  await refusal(createIn(folder, { description: 'x'.repeat(5000) }), 'JACS_INPUT');
  expect(treeOf(folder, { times: true })).toEqual(before);
});

describe('at the same time', () => {
  test('in one process: one wins, the others are JACS_CONFLICT', async () => {
    const folder = temporaryFolder();
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => createIn(folder)));
    const won = results.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const { reason } of results.filter(({ status }) => status === 'rejected')) {
      expect(reason).toMatchObject({ code: 'JACS_CONFLICT' });
    }
    await expectWhole(folder, won[0].value.id);
  });

  test('in two processes: one wins, the other is JACS_CONFLICT', async () => {
    for (let round = 0; round < 5; round += 1) {
      const folder = temporaryFolder();
      // Both have loaded the addon when the moment comes.
      const script = `const { Agent } = require(${library});
        setTimeout(() => Agent.create({ password: ${JSON.stringify(password)} }).then(
          (agent) => console.log(agent.id), (error) => console.log(error.code)), ${Date.now() + 700} - Date.now());`;
      const both = [0, 1].map(() => run(process.execPath, ['-e', script], { cwd: folder }));
      const said = (await Promise.all(both)).map(({ stdout }) => stdout.trim());
      const ids = said.filter((line) => line !== 'JACS_CONFLICT');
      expect({ said, winners: ids.length }).toEqual({ said, winners: 1 });
      await expectWhole(folder, ids[0]);
    }
  });

  async function expectWhole(folder, id) {
    expect(filesUnder(folder)).toHaveLength(4);
    const agent = await loadFrom(folder);
    expect(agent.id).toBe(id);
    expect(await agent.verifyDocument(await agent.createDocument({ a: 1 }))).toBe(true);
  }
});

describeWith(['setpriv'], 'without the right to write', () => {
  test.each([
    ['the folder', { configPath: 'jacs.config.json' }],
    ['the key directory', { configPath: '/tmp/never-written.json', keyDirectory: 'jacs_keys' }],
  ])('%s: JACS_PERMISSION, and nothing is written', async (_, options) => {
    const folder = temporaryFolder({ readable: true });
    const script = `const { Agent } = require('jacs-agent');
      process.chdir(${JSON.stringify(folder)});
      Agent.create(${JSON.stringify({ ...options, password })})
        .then(() => console.log('created'), (error) => console.log(error.code));`;
    const { stdout, stderr } = await unprivilegedNode(script);
    expect({ stdout, stderr }).toEqual({ stdout: 'JACS_PERMISSION\n', stderr: '' });
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(fs.existsSync('/tmp/never-written.json')).toBe(false);
  });
});
