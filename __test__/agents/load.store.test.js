'use strict';
// What loading takes from configurations, data directories and agent documents in the store.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
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
const { unprivilegedNode } = require('../support/unprivileged.js');
const { firstVersion, newAuthor, signWithNode } = require('../support/witness.js');

jest.setTimeout(60_000); // some start other processes

/** A configuration in code for an agent of `newAgent`; `settings` are added. */
function objectFor({ data, keys }, settings) {
  return { jacs_data_directory: data, jacs_key_directory: keys, ...settings };
}

function ownDocument({ agent, keys }) {
  return path.join(keys, 'agents', agent.id, `${agent.version}.json`);
}

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
