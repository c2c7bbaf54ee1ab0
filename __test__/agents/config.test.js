'use strict';
// The configuration through the public interface: which value counts, where it came from, what is refused, and that no
// secret ever shows.

const fs = require('node:fs');
const path = require('node:path');
const { inspect } = require('node:util');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { succeed } = require('../support/run.js');

const vector = path.join(root, '__test__', 'vectors', 'jacs-0.15-ed25519');
const VECTOR_PASSWORD = 'TestP@ss123!#';

let place;
beforeAll(async () => {
  place = await newAgent();
});

/** The agent of `place` under another configuration: a file's contents in a folder of its own, or an object. */
async function load(config, { env = {}, ...options } = {}) {
  const agent = new Agent();
  await agent.load(config, { password: place.password, env, ...options });
  return agent;
}

/** A configuration file in a folder of its own; its path. */
function fileWith(settings) {
  const file = path.join(temporaryFolder(), 'own.json');
  fs.writeFileSync(file, typeof settings === 'string' ? settings : JSON.stringify(settings));
  return file;
}

/** One setting as doctor shows it. */
async function setting(agent, key) {
  const found = (await agent.doctor()).settings.filter((shown) => shown.key === key);
  expect(found).toHaveLength(1);
  return [found[0].value, found[0].source];
}

const keysOf = ({ keys }) => ({ jacs_key_directory: keys });

describe('precedence', () => {
  test('file over default', async () => {
    const agent = await load(fileWith({ ...keysOf(place), jacs_cache_bytes: 1000 }));
    expect(await setting(agent, 'jacs_cache_bytes')).toEqual(['1000', 'file']);
    expect(await setting(agent, 'jacs_cache_ttl_ms')).toEqual(['60000', 'default']);
  });

  test('environment over file', async () => {
    const file = fileWith({ ...keysOf(place), jacs_cache_bytes: 1000, jacs_minimum_trust: 'storage' });
    const agent = await load(file, { env: { JACS_CACHE_BYTES: '2000', JACS_LATEST_TTL_MS: '7' } });
    expect(await setting(agent, 'jacs_cache_bytes')).toEqual(['2000', 'environment']);
    expect(await setting(agent, 'jacs_latest_ttl_ms')).toEqual(['7', 'environment']);
    expect(await setting(agent, 'jacs_minimum_trust')).toEqual(['storage', 'file']);
  });

  test('object over environment over default', async () => {
    const env = { JACS_CACHE_BYTES: '2000', JACS_LATEST_TTL_MS: '7' };
    const agent = await load({ ...keysOf(place), jacs_cache_bytes: 3000 }, { env });
    expect(await setting(agent, 'jacs_cache_bytes')).toEqual(['3000', 'object']);
    expect(await setting(agent, 'jacs_latest_ttl_ms')).toEqual(['7', 'environment']);
    expect(await setting(agent, 'jacs_max_document_bytes')).toEqual([String(64 * 1024 * 1024), 'default']);
  });

  test('null is not given, and an empty variable is none', async () => {
    const settings = { ...keysOf(place), jacs_cache_bytes: null };
    const agent = await load(settings, { env: { JACS_CACHE_BYTES: '2000', JACS_LATEST_TTL_MS: '' } });
    expect(await setting(agent, 'jacs_cache_bytes')).toEqual(['2000', 'environment']);
    expect(await setting(agent, 'jacs_latest_ttl_ms')).toEqual(['0', 'default']);
  });

  test('without env the process’s own environment counts, as it is now', async () => {
    process.env.JACS_CACHE_BYTES = '4000';
    try {
      const agent = new Agent();
      agent.loadSync(keysOf(place), { password: place.password });
      expect(await setting(agent, 'jacs_cache_bytes')).toEqual(['4000', 'environment']);
    } finally {
      delete process.env.JACS_CACHE_BYTES;
    }
    const agent = new Agent();
    agent.loadSync(keysOf(place), { password: place.password });
    expect(await setting(agent, 'jacs_cache_bytes')).toEqual([String(64 * 1024 * 1024), 'default']);
  });

  test('it decides what is done, not only what is shown', async () => {
    const [of, ofEnvironment] = [temporaryFolder(), temporaryFolder()].map((folder) => path.join(folder, 'data'));
    const file = fileWith({ ...keysOf(place), jacs_data_directory: of });
    const agent = await load(file, { env: { JACS_DATA_DIRECTORY: ofEnvironment } });
    await agent.createDocument({ a: 1 });
    expect(fs.existsSync(of)).toBe(false);
    expect(filesUnder(ofEnvironment)).toHaveLength(2);
  });

  test('doctor shows every key of the table', async () => {
    const keys = [
      ...['jacs_default_storage', 'jacs_data_directory', 'jacs_key_directory'],
      ...['jacs_agent_private_key_filename', 'jacs_agent_public_key_filename', 'jacs_agent_key_algorithm'],
      ...['jacs_agent_id_and_version', 'jacs_agent_domain', 'jacs_dns_validate', 'jacs_dns_strict'],
      ...['jacs_dns_required', 'jacs_dns_servers', 'jacs_dns_trust_anchor', 'jacs_key_resolution'],
      ...['jacs_minimum_trust', 'jacs_update_policy', 'aws_s3_encryption', 'aws_s3_kms_key_id'],
      ...['aws_s3_storage_class', 'jacs_storage_options', 'jacs_cache_bytes', 'jacs_cache_ttl_ms'],
      ...['jacs_latest_ttl_ms', 'jacs_max_document_bytes'],
    ];
    const { settings } = await place.agent.doctor();
    expect(settings.map(({ key }) => key).sort()).toEqual(keys.sort());
  });
});

describe('paths', () => {
  test('those of the file are relative to its folder', async () => {
    const folder = temporaryFolder();
    fs.cpSync(place.keys, path.join(folder, 'conf', 'my keys'), { recursive: true });
    const config = path.join(folder, 'conf', 'own.json');
    fs.writeFileSync(config, '{"jacs_key_directory":"./my keys","jacs_data_directory":"../data"}');
    const agent = await load(config);
    await agent.createDocument({ a: 1 });
    expect(fs.readdirSync(folder).sort()).toEqual(['conf', 'data']);
    expect(await setting(agent, 'jacs_key_directory')).toEqual([path.join(folder, 'conf', 'my keys'), 'file']);
  });

  test('those of the environment and of objects are relative to the working directory', async () => {
    const folder = temporaryFolder();
    fs.mkdirSync(path.join(folder, 'conf'));
    fs.cpSync(place.keys, path.join(folder, 'keys'), { recursive: true });
    const config = path.join(folder, 'conf', 'own.json');
    fs.writeFileSync(config, '{"jacs_data_directory":"of the file"}');
    const options = { password: place.password };
    const script = `const { Agent } = require(${JSON.stringify(root)});
      const load = async (...args) => { const agent = new Agent(); await agent.load(...args);
        const { settings } = await agent.doctor();
        return ['jacs_key_directory', 'jacs_data_directory'].map((key) => settings.find((one) => one.key === key).value); };
      (async () => console.log(JSON.stringify([
        await load('conf/own.json', { ...${JSON.stringify(options)}, env: { JACS_KEY_DIRECTORY: 'keys' } }),
        await load({ jacs_key_directory: './keys', jacs_data_directory: 'x/../data' }, ${JSON.stringify(options)}),
        await load({}, { ...${JSON.stringify(options)}, env: { JACS_KEY_DIRECTORY: '../${path.basename(folder)}/keys' } }),
      ])))();`;
    const shown = JSON.parse(await succeed(process.execPath, ['-e', script], { cwd: folder }));
    const real = shown.map((paths) => paths.map((shownPath) => path.relative(folder, path.normalize(shownPath))));
    expect(real).toEqual([
      ['keys', path.join('conf', 'of the file')],
      ['keys', 'data'],
      ['keys', 'jacs_data'],
    ]);
    expect(shown.flat().every((shownPath) => path.isAbsolute(shownPath))).toBe(true);
  });

  test('the working directory is the one of the call', async () => {
    const folders = [temporaryFolder(), temporaryFolder()];
    const script = `const { Agent } = require(${JSON.stringify(root)});
      (async () => {
        const agent = new Agent();
        const options = ${JSON.stringify({ password: place.password })};
        await agent.load({ jacs_key_directory: ${JSON.stringify(place.keys)} }, options);
        process.chdir(${JSON.stringify(folders[1])});
        await agent.createDocument({ a: 1 });
      })();`;
    await succeed(process.execPath, ['-e', script], { cwd: folders[0] });
    expect(folders.map((folder) => fs.readdirSync(folder))).toEqual([['jacs_data'], []]);
  });

  test.each(['../jacs.private.pem.enc', 'sub/key', '/etc/passwd', '..', ''])(
    'a key file’s name must not lead out of its directory: %j',
    async (name) => {
      for (const key of ['jacs_agent_private_key_filename', 'jacs_agent_public_key_filename']) {
        await refusal(load({ ...keysOf(place), [key]: name }), 'JACS_CONFIG');
      }
    },
  );

  test('s3:// is no local path', async () => {
    await refusal(load({ ...keysOf(place), jacs_data_directory: 's3://bucket/prefix' }), 'JACS_CONFIG');
  });
});

describe('the two-key form of the description', () => {
  const TWO_KEYS = { jacs_default_storage: 'fs', jacs_data_directory: './jacs_data' };

  test('as a file: keys and agent are found beside it', async () => {
    const { config, agent, password } = await newAgent();
    const text = await agent.createDocument({ a: 1 });
    fs.writeFileSync(config, JSON.stringify(TWO_KEYS));
    const again = new Agent();
    await again.load(config, { password, env: {} });
    expect([again.id, again.version]).toEqual([agent.id, agent.version]);
    expect(await again.getDocument(keyOf(text))).toBe(text);
    expect((await again.doctor()).warnings).toEqual([]);
    expect(await setting(again, 'jacs_key_directory')).toEqual([
      path.join(path.dirname(config), 'jacs_keys'),
      'default',
    ]);
  });

  test('as an object: relative to the working directory', async () => {
    const script = `const { Agent } = require(${JSON.stringify(root)});
      const agent = new Agent();
      agent.load(${JSON.stringify(TWO_KEYS)}, ${JSON.stringify({ password: place.password })})
        .then(() => console.log(agent.id));`;
    const id = await succeed(process.execPath, ['-e', script], { cwd: place.folder });
    expect(id.trim()).toBe(place.agent.id);
  });
});

describe('refused, and the message names the nearest', () => {
  test.each([
    ['jacs_default_stroage', 'jacs_default_storage'],
    ['jacs_data_dir', 'jacs_data_directory'],
    ['jacs_data_directroy', 'jacs_data_directory'],
    ['aws_s3_encription', 'aws_s3_encryption'],
    ['jacs_Default_storage', 'jacs_default_storage'],
  ])('%s: JACS_CONFIG, %s', async (name, nearest) => {
    for (const config of [{ ...keysOf(place), [name]: 'x' }, fileWith({ ...keysOf(place), [name]: 'x' })]) {
      const error = await refusal(load(config), 'JACS_CONFIG');
      expect(error.message).toContain(name);
      expect(error.message).toContain(nearest);
      if (typeof config === 'string') expect(error.path).toBe(config);
    }
  });

  test.each([
    ['jacs_default_storage', 's3', 'aws'],
    ['jacs_default_storage', 'memroy', 'memory'],
    ['jacs_agent_key_algorithm', 'ed25519', 'ring-Ed25519'],
    ['jacs_minimum_trust', 'pined', 'pinned'],
    ['jacs_update_policy', 'owners', 'owner'],
    ['jacs_key_resolution', 'locale,storage', 'local'],
  ])('%s %s: JACS_CONFIG, %s', async (key, value, nearest) => {
    const error = await refusal(load({ ...keysOf(place), [key]: value }), 'JACS_CONFIG');
    expect(error.message).toContain(key);
    expect(error.message).toContain(nearest);
  });

  test('options of load and create are told likewise, as JACS_INPUT', async () => {
    const loaded = await refusal(load(place.config, { pasword: 'x' }), 'JACS_INPUT');
    expect(loaded.message).toContain('password');
    const created = await refusal(Agent.create({ dataDirectroy: 'x', env: {} }), 'JACS_INPUT');
    expect(created.message).toContain('dataDirectory');
  });

  test('an unknown variable and an unknown key of somebody else’s are ignored', async () => {
    const file = fileWith({ ...keysOf(place), comment: 'ours', name: 'x', Jacs_x: 1 });
    const agent = await load(file, { env: { JACS_NO_SUCH_SETTING: 'x', JACS_DATA_DIR: 'x' } });
    expect(agent.id).toBe(place.agent.id);
    expect((await agent.doctor()).warnings).toEqual([]);
  });
});

test.each([
  ['jacs_default_storage', 7],
  ['jacs_default_storage', ''],
  ['jacs_data_directory', ['x']],
  ['jacs_data_directory', ''],
  ['jacs_data_directory', 'a\0b'],
  ['jacs_key_directory', {}],
  ['jacs_agent_id_and_version', 'x'],
  ['jacs_agent_id_and_version', '5BA6DBFA-67C0-46AC-8ABF-C59607BC669E:5BA6DBFA-67C0-46AC-8ABF-C59607BC669E'],
  ['jacs_agent_domain', 'http://example.com'],
  ['jacs_dns_validate', 'yes'],
  ['jacs_dns_servers', ['localhost']],
  ['jacs_key_resolution', []],
  ['jacs_key_resolution', ['local', 'local']],
  ['jacs_storage_options', 'fast'],
  ['jacs_storage_options', { durability: 'some' }],
  ['jacs_storage_options', { durabilty: 'full' }],
  ['jacs_storage_options', { timeout_ms: 0 }],
  ['jacs_storage_options', { root: '/' }],
  ['jacs_storage_options', { atomic_write_dir: '/tmp' }],
  ['jacs_storage_options', { bucket: 'x' }],
  ['jacs_cache_bytes', -1],
  ['jacs_cache_bytes', 1.5],
  ['jacs_cache_ttl_ms', 1e18],
  ['jacs_max_document_bytes', 0],
])('%s: %j is JACS_CONFIG', async (key, value) => {
  await refusal(load({ ...keysOf(place), [key]: value }), 'JACS_CONFIG');
  await refusal(load(fileWith({ ...keysOf(place), [key]: value })), 'JACS_CONFIG');
});

test.each([
  ['JACS_CACHE_BYTES', 'many'],
  ['JACS_CACHE_BYTES', '-1'],
  ['JACS_DNS_VALIDATE', 'maybe'],
  ['JACS_STORAGE_OPTIONS', '{'],
  ['JACS_STORAGE_OPTIONS', '{"root":"/"}'],
  ['JACS_AGENT_ID_AND_VERSION', 'x'],
])('%s=%s is JACS_CONFIG', async (name, value) => {
  await refusal(load(keysOf(place), { env: { [name]: value } }), 'JACS_CONFIG');
});

describe('what cannot be set up', () => {
  test.each([
    ['JACS_UNSUPPORTED', 'gcs', { jacs_default_storage: 'gcs', jacs_data_directory: 'bucket' }],
    ['JACS_CONFIG', 'a registry without its address', { jacs_key_resolution: 'local,storage,registry' }],
  ])('is %s: %s', async (code, _, settings) => {
    await refusal(load({ ...keysOf(place), ...settings }), code);
    const environment = Object.entries(settings).map(([key, value]) => [key.toUpperCase(), String(value)]);
    await refusal(load(place.config, { env: Object.fromEntries(environment) }), code);
  });

  test('a storage that cannot be set up is refused before keys are made', async () => {
    const folder = temporaryFolder();
    const options = { configPath: path.join(folder, 'jacs.config.json'), password: place.password, env: {} };
    for (const other of [
      { storage: 'aws', dataDirectory: 's3://bucket/prefix' },
      { storage: 'hai', dataDirectory: 'agents' },
    ]) {
      await refusal(Agent.create({ ...options, ...other }), 'JACS_CONFIG');
    }
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

describe('files that jacs and people write', () => {
  const IGNORED = {
    jacs_use_security: 'true',
    jacs_agent_schema_version: 'v1',
    jacs_header_schema_version: 'v1',
    jacs_signature_schema_version: 'v1',
    jacs_keychain_backend: 'disabled',
    jacs_database_url: null,
    agent_email: 'agent@example.com',
    observability: { logs: { enabled: false } },
  };

  test('its other keys are accepted and ignored', async () => {
    const agent = await load(fileWith({ ...keysOf(place), ...IGNORED }));
    expect(agent.id).toBe(place.agent.id);
    expect((await agent.doctor()).warnings).toEqual([]);
  });

  /** The vector's agent, where `jacs` would have it, under a configuration. */
  async function loadVector(config) {
    const folder = temporaryFolder();
    const [keys, agents] = [path.join(folder, 'jacs_keys'), path.join(folder, 'jacs_data', 'agent')];
    fs.cpSync(path.join(vector, 'keys'), keys, { recursive: true });
    for (const name of ['.', ...fs.readdirSync(keys)]) fs.chmodSync(path.join(keys, name), 0o700);
    const document = fs.readFileSync(path.join(vector, 'agent.json'), 'utf8');
    fs.mkdirSync(agents, { recursive: true });
    fs.writeFileSync(path.join(agents, `${keyOf(document)}.json`), document);
    fs.writeFileSync(path.join(folder, 'jacs.config.json'), config);
    const agent = new Agent();
    await agent.load(path.join(folder, 'jacs.config.json'), { password: VECTOR_PASSWORD, env: {} });
    expect(agent.id).toBe(JSON.parse(document).jacsId);
    return agent;
  }

  const signedByJacs = () => fs.readFileSync(path.join(vector, 'jacs.config.json'), 'utf8');

  test('one signed by jacs loads, and its signature holds', async () => {
    const agent = await loadVector(signedByJacs());
    expect((await agent.doctor()).warnings).toEqual([]);
  });

  test('one signed by jacs that was edited loads with a warning', async () => {
    const agent = await loadVector(signedByJacs().replace('"./jacs_data"', '"././jacs_data"'));
    expect((await agent.doctor()).warnings).toHaveLength(1);
  });

  test.each([
    ['a setting changed', (config) => ({ ...config, jacs_data_directory: './other' })],
    ['a setting added', (config) => ({ ...config, jacs_cache_bytes: 7 })],
    ['a setting taken out', ({ jacs_default_storage: _, ...config }) => config],
    ['a comment added', (config) => ({ ...config, comment: 'ours' })],
    ['the signature taken out of its place', (config) => ({ ...config, jacsSignature: {} })],
    ['the hash taken out', ({ jacsSha256: _, ...config }) => config],
    ['an unknown setting added', (config) => ({ ...config, jacs_of_the_future: 1 })],
  ])('edited by hand (%s): it loads, and doctor warns', async (_, edit) => {
    const { config, password, agent } = await newAgent();
    fs.writeFileSync(config, JSON.stringify(edit(JSON.parse(fs.readFileSync(config, 'utf8')))));
    const again = new Agent();
    await again.load(config, { password, env: {} });
    expect(again.id).toBe(agent.id);
    expect((await again.doctor()).warnings).not.toEqual([]);
    expect(await again.verifyDocument(await again.createDocument({ a: 1 }))).toBe(true);
  });

  test('spelt otherwise the signature still holds', async () => {
    const { config, password } = await newAgent();
    const members = Object.entries(JSON.parse(fs.readFileSync(config, 'utf8'))).reverse();
    fs.writeFileSync(config, JSON.stringify(Object.fromEntries(members)));
    const again = new Agent();
    await again.load(config, { password, env: {} });
    expect((await again.doctor()).warnings).toEqual([]);
  });

  test('keys that others may read are a warning', async () => {
    const { config, password, keys } = await newAgent();
    fs.chmodSync(path.join(keys, 'jacs.private.pem.enc'), 0o644);
    const agent = new Agent();
    await agent.load(config, { password, env: {} });
    expect((await agent.doctor()).warnings).toHaveLength(1);
  });

  test('a password file that others may read is a warning', async () => {
    const file = path.join(temporaryFolder(), 'password');
    fs.writeFileSync(file, `${place.password}\n`);
    fs.chmodSync(file, 0o644);
    const agent = await load(place.config, { password: undefined, env: { JACS_PASSWORD_FILE: file } });
    expect((await agent.doctor()).warnings).toHaveLength(1);
  });
});

describe('secrets', () => {
  const SECRET = 'Sehr-Geheim-4711';

  /** An error with all that hangs on it, as a log would have it. */
  function shown(error) {
    return [
      error.message,
      error.stack,
      String(error),
      JSON.stringify(error),
      JSON.stringify(error, Object.getOwnPropertyNames(error)),
      inspect(error, { depth: 10, showHidden: true }),
    ].join('\n');
  }

  async function silent(call) {
    const error = await call.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toMatch(/^JACS_/);
    expect(shown(error)).not.toContain(SECRET);
    expect(shown(error)).not.toContain(SECRET.slice(1, -1));
    return error;
  }

  test('a password in the configuration is refused, and the message says where it belongs', async () => {
    const settings = { ...keysOf(place), jacs_private_key_password: SECRET };
    for (const config of [settings, fileWith(settings)]) {
      const error = await silent(load(config));
      expect(error.code).toBe('JACS_CONFIG');
      expect(error.message).toContain('JACS_PRIVATE_KEY_PASSWORD');
    }
    const created = Agent.create({ configPath: fileWith(settings), password: place.password, env: {} });
    expect(await silent(created)).toMatchObject({ code: 'JACS_CONFIG' });
  });

  test('in a configuration that is broken elsewhere it is not shown', async () => {
    await silent(load(fileWith(`{"jacs_private_key_password":"${SECRET}",`)));
    await silent(load(fileWith(`{"jacs_private_key_password":"${SECRET}","jacs_private_key_password":"${SECRET}"}`)));
    await silent(load(fileWith(`{"a":"${SECRET}`)));
  });

  test('a wrong or weak password is not in the error', async () => {
    await silent(load(place.config, { password: SECRET }));
    await silent(load(place.config, { password: undefined, env: { JACS_PRIVATE_KEY_PASSWORD: SECRET } }));
    const file = path.join(temporaryFolder(), 'password');
    fs.writeFileSync(file, SECRET, { mode: 0o600 });
    await silent(load(place.config, { password: undefined, env: { JACS_PASSWORD_FILE: file } }));
    const sync = async () => new Agent().loadSync(place.config, { password: SECRET, env: {} });
    await silent(sync());
    const { agent, password } = place;
    await silent(agent.changePassword({ password: SECRET, newPassword: 'Another-Horse-8' }));
    await silent(agent.changePassword({ password, newPassword: 'x', [SECRET.toLowerCase()]: 1 }));
    const weak = SECRET.replaceAll(/\W|\d/g, '').toLowerCase();
    const error = await agent.changePassword({ password, newPassword: weak }).catch((reason) => reason);
    expect(error.code).toBe('JACS_PASSWORD');
    expect(shown(error)).not.toContain(weak);
  });

  test('options of a wrong type are not in the error', async () => {
    await silent(load(place.config, { password: [SECRET] }));
    await silent(load(place.config, { password: { text: SECRET } }));
    await silent(load(place.config, { password: place.password, env: { A: [SECRET] } }));
    await silent(load(place.config, { password: place.password, env: SECRET }));
    await silent(load(place.config, SECRET));
    await silent(Agent.create({ password: [SECRET], env: {} }));
  });

  test('credentials among the settings are shown neither by errors nor by doctor', async () => {
    const settings = {
      ...keysOf(place),
      jacs_default_storage: 'memory',
      jacs_data_directory: `s3://key:${SECRET}@b/x`,
    };
    const agent = await load(settings);
    expect(JSON.stringify(await agent.doctor())).not.toContain(SECRET);
    await silent(load({ ...settings, jacs_default_storage: 'aws' }));
    await silent(load({ ...settings, jacs_default_storage: 'gcs', jacs_storage_options: { credential: SECRET } }));
    await silent(load({ ...settings, jacs_storage_options: { secret_access_key: SECRET } }));
    await silent(load(settings, { env: { JACS_STORAGE_OPTIONS: `{"secret":"${SECRET}"` } }));
  });

  test('doctor shows neither the password nor the environment', async () => {
    const { config } = await newAgent({ password: SECRET });
    const env = { JACS_PRIVATE_KEY_PASSWORD: SECRET, AWS_SECRET_ACCESS_KEY: 'Another-Secret-1' };
    const agent = new Agent();
    await agent.load(config, { env });
    const text = inspect(await agent.doctor(), { depth: 10 });
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('Another-Secret-1');
    expect(inspect(agent, { depth: 10, showHidden: true })).not.toContain(SECRET);
  });

  test('the private key is in no error, no diagnosis and no property', async () => {
    const { agent, keys } = place;
    const { ciphertext, salt } = JSON.parse(fs.readFileSync(path.join(keys, 'jacs.private.pem.enc'), 'utf8'));
    const text = inspect([agent, await agent.doctor()], { depth: 10, showHidden: true });
    for (const secret of [ciphertext, salt]) expect(text).not.toContain(secret);
  });
});
