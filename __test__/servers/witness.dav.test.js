'use strict';
// What lies on a WebDAV server, as curl, rclone and its disk show it.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { nameOf } = require('../support/raw.js');
const { agentOnDav } = require('../support/remote.js');
const { run } = require('../support/run.js');
const { rclone, servers } = require('../support/servers.js');

const { dav } = servers;
const BASIC = () => `user = "${dav.username}:${dav.password}"`;
const BEARER = () => `header = "Authorization: Bearer ${dav.token}"`;

/** Runs curl: `{ status, type, body }`. The credentials are read from its input, where nobody else sees them. */
async function curl(url, credentials, ...args) {
  const told = '\n%{http_code} %{content_type}';
  const options = ['--silent', '--show-error', '--noproxy', '*', '--config', '-', '--write-out', told, ...args, url];
  const { code, stdout, stderr } = await run('curl', options, { input: credentials, timeout: 20_000 });
  if (code !== 0) throw new Error(`curl: ${stderr}`);
  const [, body, status, type] = /^(.*)\n(\d+) (.*)$/s.exec(stdout);
  return { status: Number(status), type, body };
}

describeWith(['dav', 'curl', 'rclone'], 'a WebDAV collection', () => {
  let place;
  let url;
  /** The bytes that must be there, by name. */
  let expected;

  beforeAll(async () => {
    place = await agentOnDav();
    url = `${place.collection.url}/data`;
    const { agent } = place;
    const [first, other] = await agent.createDocuments([{ title: 'first' }, { title: 'Zürich \u{1f600}' }]);
    const second = await agent.updateDocument(keyOf(first), { title: 'second' });
    const own = `${agent.id}:${agent.version}`;
    const objects = [[nameOf(own, 'agents'), await agent.getDocument(own)]];
    objects.push(...[first, other, second].map((text) => [nameOf(keyOf(text)), text]));
    expected = Object.fromEntries(objects.sort());
  });

  test('has on the disk a file for each version and for the agent, and nothing else', () => {
    expect(filesUnder(place.stored)).toEqual(Object.keys(expected));
    for (const [name, text] of Object.entries(expected)) {
      expect(fs.readFileSync(path.join(place.stored, name), 'utf8')).toBe(text);
    }
    expect(fs.readdirSync(place.collection.folder)).toEqual(['data']);
    expect(fs.readdirSync(place.stored).sort()).toEqual(['agents', 'documents']);
  });

  test.each([
    ['a password', BASIC],
    ['a token', BEARER],
  ])('curl with %s gets the bytes that were given out, as JSON', async (_, credentials) => {
    for (const [name, text] of Object.entries(expected)) {
      const got = await curl(`${url}/${name}`, credentials());
      expect(got).toEqual({ status: 200, type: 'application/json', body: text });
    }
  });

  test('curl without either gets nothing', async () => {
    for (const name of Object.keys(expected)) {
      expect((await curl(`${url}/${name}`, '')).status).toBe(401);
    }
  });

  test('curl lists the layout', async () => {
    const { status, body } = await curl(`${url}/`, BEARER(), '--request', 'PROPFIND', '--header', 'Depth: infinity');
    expect(status).toBe(207);
    const base = new URL(`${url}/`).pathname;
    const listed = [...body.matchAll(/<D:href>(.*?)<\/D:href>/g)].map(([, href]) => href.slice(base.length));
    const folders = Object.keys(expected).flatMap((name) => {
      const [kind, id] = name.split('/');
      return [`${kind}/`, `${kind}/${id}/`];
    });
    expect(listed.sort()).toEqual(['', ...new Set(folders), ...Object.keys(expected)].sort());
  });

  test('rclone lists and downloads the same', async () => {
    const folder = temporaryFolder();
    const from = `dav:${place.collection.name}/data`;
    const entries = JSON.parse(await rclone(['lsjson', '-R', '--files-only', from]));
    expect(entries.map((entry) => entry.Path).sort()).toEqual(Object.keys(expected));
    await rclone(['copy', from, folder]);
    expect(filesUnder(folder)).toEqual(Object.keys(expected));
    for (const [name, text] of Object.entries(expected)) {
      expect(fs.readFileSync(path.join(folder, name), 'utf8')).toBe(text);
    }
  });

  test('holds no private key, and no secret of the server', () => {
    const names = filesUnder(place.collection.folder);
    const all = Buffer.concat(names.map((name) => fs.readFileSync(path.join(place.collection.folder, name))));
    const key = fs.readFileSync(path.join(place.keys, 'jacs.private.pem.enc'));
    const inside = key.subarray(key.length >> 1, (key.length >> 1) + 24);
    const forms = [inside, ...['base64', 'base64url', 'hex'].map((form) => inside.toString(form).replace(/=+$/, ''))];
    const secrets = [...forms, place.password, dav.password, dav.token, '-----BEGIN', 'PRIVATE KEY', '.pem'];
    for (const secret of secrets) expect(all.includes(secret)).toBe(false);
    expect(names.filter((name) => /pem|key|config/i.test(name))).toEqual([]);
    // The search finds what is there.
    expect(all.includes(place.agent.publicKey.toString('base64'))).toBe(true);
  });

  test('takes what curl brings from the folder of another agent', async () => {
    const other = await newAgent();
    const text = await other.agent.createDocument({ title: 'from elsewhere' });
    await refusal(place.agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    const put = async (name) => {
      const collection = `${url}/${path.posix.dirname(name)}`;
      expect((await curl(collection, BASIC(), '--request', 'MKCOL')).status).toBe(201);
      const { status } = await curl(`${url}/${name}`, BASIC(), '--upload-file', path.join(other.data, name));
      expect(status).toBe(201);
    };
    await put(nameOf(keyOf(text)));
    // Whose key it is nobody has told yet.
    await refusal(place.agent.getDocument(keyOf(text)), 'JACS_KEY');
    await put(nameOf(`${other.agent.id}:${other.agent.version}`, 'agents'));
    await expect(place.agent.getDocument(keyOf(text))).resolves.toBe(text);
    const report = await place.agent.inspectDocument(keyOf(text));
    expect(report).toMatchObject({ valid: true, agentId: other.agent.id, keySource: 'storage' });
  });
});
