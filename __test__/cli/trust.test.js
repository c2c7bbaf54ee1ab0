'use strict';
// Whom a machine vouches for, the own key, and the own agent document.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { newAuthor, nextVersion, signWithNode } = require('../support/witness.js');
const { NOWHERE, PASSWORD, Workspace, lines, withAgent } = require('./support.js');

const NO_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };
const configOf = (workspace) => JSON.parse(workspace.read('jacs.config.json'));
const keySha256Of = (workspace) =>
  createHash('sha256')
    .update(Buffer.from(ownDocument(workspace).jacsPublicKey, 'base64'))
    .digest('hex');

function ownDocument(workspace) {
  const [id, version] = configOf(workspace).jacs_agent_id_and_version.split(':');
  return JSON.parse(workspace.read(`jacs_keys/agents/${id}/${version}.json`));
}

/** Another agent of its own, whose documents lie in the storage of the first. */
async function withPartner() {
  const [reader, partner] = [await withAgent(), new Workspace()];
  await partner.done(['init', '--data-directory', reader.path('jacs_data')]);
  const document = await partner.create({ n: 1 });
  return { reader, partner, document, id: document.jacsSignature.agentID };
}

/** `trust add` without a password; the note's SHA-256. */
async function added(workspace, subject, options) {
  const { code, stdout, stderr } = await workspace.run(['trust', 'add', subject], { ...NO_PASSWORD, ...options });
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/trusted/) });
  return /: ([0-9a-f]{64})\n$/.exec(stderr)[1];
}

const listed = async (workspace) => lines(await workspace.done(['trust', 'list', '--json'], NO_PASSWORD));

test('what one shows, another adds: from a file, from standard input, by id; without a password', async () => {
  const { reader, partner, document, id } = await withPartner();
  const shown = await partner.run(['trust', 'show'], NO_PASSWORD);
  expect(shown).toMatchObject({ code: 0, stderr: expect.stringContaining(keySha256Of(partner)) });
  expect(JSON.parse(shown.stdout)).toEqual(ownDocument(partner));
  reader.write('partner.json', shown.stdout);
  const { code } = await reader.run(['verify', document.key, '--minimum-trust', 'pinned'], NO_PASSWORD);
  expect(code).toBe(1);
  for (const [subject, input] of [
    ['partner.json', ''],
    ['-', shown.stdout],
    [id, ''],
    [configOf(partner).jacs_agent_id_and_version, ''],
  ]) {
    expect(await added(reader, subject, { input })).toBe(keySha256Of(partner));
    expect(await listed(reader)).toMatchObject([{ agentId: id, blocked: false, keySha256: keySha256Of(partner) }]);
    await reader.done(['verify', document.key, '--minimum-trust', 'pinned'], NO_PASSWORD);
    const { stderr } = await reader.run(['trust', 'remove', id, '--forget'], NO_PASSWORD);
    expect(stderr).toContain(`forgot ${id}`);
  }
});

test('remove blocks, until it is added again', async () => {
  const { reader, partner, document, id } = await withPartner();
  const removed = await reader.run(['trust', 'remove', id], NO_PASSWORD);
  expect(removed).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining(`blocked ${id}`) });
  await reader.refused(['get', document.key], 'JACS_UNTRUSTED');
  const row = (await reader.done(['trust', 'list'], NO_PASSWORD)).split('\t');
  expect([row.length, row[0], row[1]]).toEqual([5, id, 'blocked']);
  // The storage's word is not enough to end it.
  const error = await reader.refused(['trust', 'add', id], 'JACS_UNTRUSTED', NO_PASSWORD);
  expect(error.message).toMatch(/as a file/);
  expect(await listed(reader)).toMatchObject([{ agentId: id, blocked: true }]);
  reader.write('partner.json', ownDocument(partner));
  await added(reader, 'partner.json');
  await reader.done(['get', document.key]);
  expect(await reader.done(['trust', 'remove', '--help'])).toMatch(/BLOCK/);
});

test('--json', async () => {
  const { reader, partner, id } = await withPartner();
  const run = async (...args) => JSON.parse(await reader.done(['trust', ...args, '--json'], NO_PASSWORD));
  const keySha256 = keySha256Of(partner);
  expect(await run('add', id)).toMatchObject({ trusted: id, algorithm: 'ring-Ed25519', keySha256 });
  expect(await run('list')).toMatchObject({ agentId: id, blocked: false, keySha256 });
  expect(await run('remove', id)).toEqual({ blocked: id });
  expect(await run('remove', id, '--forget')).toEqual({ forgotten: id });
});

test('what is no agent is refused by name, and nothing is changed', async () => {
  const { reader, document, id } = await withPartner();
  reader.write('document.json', document.text);
  reader.write('plain.json', '{"n":1}');
  reader.write('key', `${id}\n`);
  const refused = (subject, code) => reader.refused(['trust', 'add', subject], code, NO_PASSWORD);
  const error = await refused('document.json', 'JACS_INPUT');
  expect(error).toMatchObject({ path: 'document.json', key: document.key });
  expect(error.message).toMatch(/not that of an agent/);
  await refused('plain.json', 'JACS_INPUT');
  await refused('key', 'JACS_INPUT');
  await refused('missing.json', 'JACS_INPUT');
  await refused(document.key, 'JACS_INPUT');
  await refused(NOWHERE, 'JACS_NOT_FOUND');
  await reader.create();
  await refused(ownDocument(reader).jacsId, 'JACS_INPUT');
  await reader.refused(['trust', 'remove', 'x'], 'JACS_INPUT', NO_PASSWORD);
  await reader.refused(['trust', 'remove', id, '--forget'], 'JACS_NOT_FOUND', NO_PASSWORD);
  expect(await listed(reader)).toEqual([]);
});

test('what somebody else put into the storage under an agent id is not what is pinned', async () => {
  const { reader, partner, id } = await withPartner();
  const own = ownDocument(partner);
  const thief = newAuthor();
  const jacsPublicKey = thief.raw.toString('base64');
  const put = (text) => {
    const { jacsVersion } = JSON.parse(text);
    reader.write(`jacs_data/agents/${id}/${jacsVersion}.json`, text);
    return jacsVersion;
  };
  const at = Date.now() + 1000;
  const { $schema, jacsType, jacsLevel, jacsAgentType, name } = own;
  const fields = { $schema, jacsType, jacsLevel, jacsAgentType, name, jacsPublicKey };
  const newer = nextVersion(JSON.stringify(own), fields, { at });
  const version = put(signWithNode(newer, { ...thief, id, version: newer.jacsVersion }));
  for (const subject of [id, `${id}:${version}`])
    await reader.refused(['trust', 'add', subject], 'JACS_KEY', NO_PASSWORD);
  expect(await listed(reader)).toEqual([]);
  // The version that was there before it, named, is still its own.
  expect(await added(reader, `${id}:${own.jacsVersion}`)).toBe(keySha256Of(partner));
});

test('rotate-keys replaces the key, and what was signed before stays valid', async () => {
  const workspace = await withAgent();
  const before = await workspace.create();
  const [old, oldSha256] = [ownDocument(workspace), keySha256Of(workspace)];
  workspace.write('new', 'better horse 2');
  const args = ['rotate-keys', '--algorithm', 'pq2025', '--new-password-file', 'new'];
  const { code, stdout, stderr } = await workspace.run(args);
  expect(code).toBe(0);
  expect(stdout).toContain(`key\t${keySha256Of(workspace)}\n`);
  expect(stdout).toContain(`old key\t${oldSha256}\n`);
  expect(stderr).toMatch(/the old key is kept/);
  expect(stderr).not.toMatch(/DNS/);
  expect(ownDocument(workspace)).toMatchObject({ jacsId: old.jacsId, jacsPreviousVersion: old.jacsVersion });
  await workspace.refused(['create', '-'], 'JACS_PASSWORD', { input: '{}' });
  await workspace.done(['create', '-', '--password-file', 'new'], { input: '{}' });
  await workspace.done(['verify', before.key], NO_PASSWORD);
});

test('rotate-keys --compromised says what the old signatures are worth', async () => {
  const workspace = new Workspace();
  await workspace.done(['init', '--domain', 'example.com']);
  const before = await workspace.create();
  workspace.write('password', PASSWORD);
  const args = ['rotate-keys', '--compromised', '--password-file', 'password'];
  const { code, stderr } = await workspace.run(args, NO_PASSWORD);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/should pin the new one/) });
  expect(stderr).toMatch(/DNS record of example\.com/);
  expect(ownDocument(workspace).jacsKeyRotationProof).toBeDefined();
  await workspace.refused(['get', before.key], 'JACS_UNTRUSTED');
  const again = JSON.parse(await workspace.done(['rotate-keys', '--json']));
  expect(again).toMatchObject({ algorithm: 'ring-Ed25519', keySha256: keySha256Of(workspace) });
  expect(again.oldKeySha256).not.toBe(again.keySha256);
});

test('rotate-keys without its password, or with a weak new one, changes nothing', async () => {
  const workspace = await withAgent();
  const before = configOf(workspace);
  workspace.write('weak', 'weak');
  await workspace.refused(['rotate-keys'], 'JACS_PASSWORD', NO_PASSWORD);
  await workspace.refused(['rotate-keys', '--new-password-file', 'weak'], 'JACS_PASSWORD');
  await workspace.refused(['rotate-keys', '--new-password-file', 'none'], 'JACS_PASSWORD');
  expect(configOf(workspace)).toEqual(before);
});

test('rotate-keys says so when the keys are replaced and the storage could not be told', async () => {
  const workspace = await withAgent();
  const old = ownDocument(workspace);
  fs.rmSync(workspace.path('jacs_data'), { recursive: true, force: true });
  workspace.write('jacs_data', 'no folder');
  const { code, stdout, stderr } = await workspace.run(['rotate-keys']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^jacs-agent: the keys are replaced; /);
  expect(stderr).toMatch(/^jacs-agent: JACS_/m);
  expect(ownDocument(workspace)).toMatchObject({ jacsPreviousVersion: old.jacsVersion });
  fs.rmSync(workspace.path('jacs_data'));
  await workspace.create();
});

test('update-agent writes what it was told, and says what the domain means', async () => {
  const workspace = await withAgent();
  const old = ownDocument(workspace);
  const renamed = await workspace.done(['update-agent', '--name', 'Other', '--description', 'Does other things']);
  expect(JSON.parse(renamed)).toMatchObject({ jacsId: old.jacsId, name: 'Other', description: 'Does other things' });
  expect(ownDocument(workspace)).toEqual(JSON.parse(renamed));
  const settled = await workspace.run(['update-agent', '--domain', 'example.com']);
  expect(settled.stderr).toMatch(/publish .* example\.com/);
  const removed = await workspace.run(['update-agent', '--domain', '']);
  expect(removed.stderr).toMatch(/leave .* example\.com there/);
  expect(ownDocument(workspace)).toMatchObject({ name: 'Other' });
  expect(ownDocument(workspace)).not.toHaveProperty('jacsAgentDomain');
  await workspace.refused(['update-agent', '--name', 'x'], 'JACS_PASSWORD', NO_PASSWORD);
});

test('--offline: the registry is not asked, and the report and doctor say so', async () => {
  const { reader, document } = await withPartner();
  const settings = { jacs_key_resolution: 'local,registry', jacs_data_directory: './jacs_data' };
  reader.write('registry.json', { ...settings, jacs_key_directory: './jacs_keys' });
  // Nobody answers there.
  const options = { env: { ...NO_PASSWORD.env, JACS_KEYS_BASE_URL: 'https://127.0.0.1:1' } };
  const args = ['--config', 'registry.json', '--offline', '--json'];
  const { code, stdout } = await reader.run(['verify', document.key, ...args], options);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'JACS_KEY',
    tried: [{ source: 'registry', result: expect.stringContaining('offline') }],
  });
  const diagnosis = JSON.parse(await reader.done(['doctor', ...args], options));
  const keys = { resolution: ['local', 'registry'], registry: 'https://127.0.0.1:1/', dns: false, offline: true };
  expect(diagnosis.keys).toMatchObject({ ...keys, registry: expect.stringContaining('127.0.0.1') });
  expect(await reader.done(['doctor', ...args.slice(0, -1)], options)).toMatch(/^keys\toffline: true$/m);
});

test('wrong use', async () => {
  const workspace = await withAgent();
  expect((await workspace.run(['trust'])).code).toBe(2);
  await workspace.misused(['trust', 'add']);
  await workspace.misused(['trust', 'remove']);
  await workspace.misused(['trust', 'list', 'x']);
  await workspace.misused(['update-agent']);
  await workspace.misused(['rotate-keys', '--algorithm', 'rsa']);
  const migrate = ['migrate', '--from', 'jacs.config.json', '--to', 'jacs.config.json'];
  expect(await workspace.misused([...migrate, '--offline'])).toMatch(/--offline/);
  expect(await workspace.misused(['import', 'x.tar.gz', '--restore', '--offline'])).toMatch(/--offline/);
});
