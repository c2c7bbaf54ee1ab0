'use strict';
// URLs that give one document, or one attachment, to somebody without credentials: fetched without any.

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Workspace, parsed } = require('../cli/support.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { agentOnS3, againOn, s3Variables } = require('../support/remote.js');
const { newBucket, s3, servers } = require('../support/servers.js');

const WEEK = 604_800;
const BYTES = randomBytes(3000);
const NO_KEYS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };

async function fetched(url) {
  const response = await fetch(url);
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}

function written(name, text) {
  const file = path.join(temporaryFolder(), name);
  fs.writeFileSync(file, text, { mode: 0o700 });
  return file;
}

describe.each(['rgw', 'moto'])('%s', (name) => {
  describeWith([name], 'a signed URL', () => {
    let place, first, second, id;

    beforeAll(async () => {
      place = await agentOnS3({ at: servers[name] });
      first = await place.agent.createDocument({ n: 1 });
      const attachments = { path: 'a folder/with ü + %20.bin', contents: BYTES };
      second = await place.agent.updateDocument(keyOf(first), { n: 2 }, { attachments });
      id = JSON.parse(first).jacsId;
    });

    test('gives the exact bytes of the newest version, of any version, and of an attachment', async () => {
      const options = { expiresInSeconds: 60 };
      for (const [key, text] of [
        [id, second],
        [keyOf(first), first],
        [keyOf(second), second],
      ]) {
        const { status, body } = await fetched(await place.agent.presign(key, options));
        expect({ status, text: body.toString() }).toEqual({ status: 200, text });
      }
      const url = await place.agent.presign(id, { ...options, path: 'a folder/with ü + %20.bin' });
      const { status, body } = await fetched(url);
      expect({ status, same: body.equals(BYTES) }).toEqual({ status: 200, same: true });
    });

    test('gives an agent document', async () => {
      const url = await place.agent.presign(place.agent.id, { expiresInSeconds: 60 });
      expect((await fetched(url)).body.toString()).toBe(place.agent.agentDocument);
    });

    test('says how long and by whom, and shows no secret', async () => {
      const variables = { AWS_SECRET_ACCESS_KEY: 'a-secret-that-stays', AWS_SESSION_TOKEN: 'a/token+of=a session' };
      const url = new URL(await place.agent.presign(id, { expiresInSeconds: WEEK }));
      expect(url.searchParams.get('X-Amz-Expires')).toBe(String(WEEK));
      expect(url.searchParams.get('X-Amz-Credential')).toContain(servers[name].accessKey);
      expect(url.searchParams.has('X-Amz-Security-Token')).toBe(false);
      if (name === 'moto') {
        // It checks no signature, so that a session may be made up.
        const session = await againOn(place, { env: variables });
        const signed = await session.presign(id, { expiresInSeconds: 60 });
        expect(new URL(signed).searchParams.get('X-Amz-Security-Token')).toBe(variables.AWS_SESSION_TOKEN);
        expect(signed).not.toContain('a-secret-that-stays');
        // Who asks without a signature has none to hand on.
        const object = `${place.bucket}/${place.prefix}/documents/${keyOf(second).replace(':', '/')}.json`;
        const headers = { 'x-amz-acl': 'public-read' };
        await s3('PUT', object, { at: servers[name], query: { acl: '' }, headers });
        const unsigned = await againOn(place, { settings: { jacs_storage_options: { skip_signature: 'true' } } });
        expect(await unsigned.getDocument(keyOf(second))).toBe(second);
        await refusal(unsigned.presign(keyOf(second), { expiresInSeconds: 60 }), 'JACS_UNSUPPORTED');
      } else {
        expect(url.href).not.toContain(encodeURIComponent(servers[name].secretKey));
      }
    });

    test('lasts as long as was asked for, whenever its credentials would be looked for again', async () => {
      const { accessKey, secretKey } = servers[name];
      const keys = `aws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
      const Expiration = new Date(Date.now() + 600_000).toISOString();
      const answer = { Version: 1, AccessKeyId: accessKey, SecretAccessKey: secretKey, Expiration };
      const told = written('keys.json', JSON.stringify(answer));
      for (const variables of [
        { AWS_SHARED_CREDENTIALS_FILE: written('credentials', `[default]\n${keys}`) },
        { AWS_CONFIG_FILE: written('config', `[default]\ncredential_process = cat ${told}\n`) },
      ]) {
        const agent = await againOn(place, { env: { ...NO_KEYS, ...variables } });
        const url = await agent.presign(id, { expiresInSeconds: WEEK });
        expect((await fetched(url)).body.toString()).toBe(second);
      }
    });

    test('is made of what lies there now, verified', async () => {
      const text = await place.agent.createDocument({ n: 1 });
      expect(await place.agent.getDocument(keyOf(text))).toBe(text);
      const object = `${place.bucket}/${place.prefix}/documents/${keyOf(text).replace(':', '/')}.json`;
      const at = servers[name];
      await s3('PUT', object, { at, body: text.replace('"n":1', '"n":2') });
      await refusal(place.agent.presign(keyOf(text), { expiresInSeconds: 60 }), 'JACS_HASH');
      await s3('DELETE', object, { at });
      await refusal(place.agent.presign(keyOf(text), { expiresInSeconds: 60 }), 'JACS_NOT_FOUND');
    });

    test('there is none of what is not stored by itself', async () => {
      const { agent } = place;
      const sources = [{ path: 'x.txt', contents: Buffer.from('x') }];
      const embedded = await agent.createDocument({}, { attachments: sources, embed: true });
      const kept = process.cwd();
      const folder = temporaryFolder();
      fs.writeFileSync(path.join(folder, 'x.txt'), 'x');
      process.chdir(folder);
      const referenced = await agent.createDocument({}, { attachments: 'x.txt', embed: false }).finally(() => {
        process.chdir(kept);
      });
      for (const [text, why] of [
        [embedded, /embedded/],
        [referenced, /referenced/],
      ]) {
        const refused = agent.presign(keyOf(text), { expiresInSeconds: 60, path: 'x.txt' });
        expect((await refusal(refused, 'JACS_INPUT')).message).toMatch(why);
      }
      await refusal(agent.presign(id, { expiresInSeconds: 60, path: 'nothing' }), 'JACS_NOT_FOUND');
    });

    test('nor of an attachment that is lost', async () => {
      const text = await place.agent.createDocument({}, { attachments: { path: 'l', contents: randomBytes(50) } });
      const [{ sha256 }] = JSON.parse(text).jacsFiles;
      await s3('DELETE', `${place.bucket}/${place.prefix}/files/${sha256}`, { at: servers[name] });
      await refusal(place.agent.presign(keyOf(text), { expiresInSeconds: 60, path: 'l' }), 'JACS_ATTACHMENT');
    });

    test('nor for another time, nor without credentials', async () => {
      for (const options of [
        undefined,
        {},
        ...[0, -1, 1.5, WEEK + 1, '60', Infinity, null].map((expiresInSeconds) => ({ expiresInSeconds })),
        { expiresInSeconds: 60, path: 7 },
        { expiresInSeconds: 60, pth: 'x' },
      ]) {
        await refusal(place.agent.presign(id, options), 'JACS_INPUT');
      }
      await refusal(place.agent.presign('../x', { expiresInSeconds: 60 }), 'JACS_INPUT');
      const stranger = await againOn(place, { env: NO_KEYS });
      await refusal(stranger.presign(id, { expiresInSeconds: 60 }), 'JACS_CONFIG');
    });

    test('one who belongs to another organisation verifies what it gives, by a pin', async () => {
      const url = await place.agent.presign(keyOf(first), { expiresInSeconds: 60 });
      const text = (await fetched(url)).body.toString();
      const { agent: other } = await newAgent();
      expect(await other.verifyDocument(text)).toBe(false);
      await other.trustAgent(place.agent.agentDocument);
      expect(await other.verifyDocument(text, { minimumTrust: 'pinned', signedBy: place.agent.id })).toBe(true);
      expect(await other.verifyDocument(text.replace('"n":1', '"n":2'))).toBe(false);
    });
  });
});

describeWith(['rgw'], 'a server that checks signatures', () => {
  let place, text, other;
  beforeAll(async () => {
    place = await agentOnS3();
    text = await place.agent.createDocument({ n: 1 });
    other = await place.agent.createDocument({ n: 2 });
  });

  test('refuses a URL that expired', async () => {
    const url = await place.agent.presign(keyOf(text), { expiresInSeconds: 1 });
    const end = Date.now() + 30_000;
    let last = await fetched(url);
    while (last.status === 200 && Date.now() < end) {
      await sleep(100);
      last = await fetched(url);
    }
    expect(last.status).toBe(403);
    expect(last.body.toString()).not.toContain('"jacsId"');
  });

  test('refuses a URL that was changed, and none of ours', async () => {
    const url = await place.agent.presign(keyOf(text), { expiresInSeconds: 60 });
    const [from, to] = [text, other].map((document) => keyOf(document).replace(':', '/'));
    expect(url).toContain(from);
    expect((await fetched(url.replace(from, to))).status).toBe(403);
    expect((await fetched(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'))).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await fetched(url.slice(0, url.indexOf('?')))).status).toBe(403);
    expect((await fetched(url)).body.toString()).toBe(text);
  });
});

describeWith(['rgw'], 'jacs-agent presign', () => {
  let workspace, env, document;
  beforeAll(async () => {
    workspace = new Workspace();
    const data = `s3://${await newBucket()}/data`;
    workspace.write('jacs.config.json', { jacs_default_storage: 'aws', jacs_data_directory: data });
    env = s3Variables(servers.rgw);
    await workspace.done(['init'], { env });
    workspace.write('in.json', { n: 1 });
    workspace.write('scan.bin', BYTES);
    document = parsed(await workspace.done(['create', 'in.json', '--attach', 'scan.bin'], { env }));
  });

  const withoutPassword = () => ({ env: { ...env, JACS_PRIVATE_KEY_PASSWORD: undefined } });

  test.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['24h', 86_400],
    ['7d', WEEK],
  ])('prints a URL that is good for %s, without a password', async (given, seconds) => {
    const url = await workspace.done(['presign', document.jacsId, '--expires-in', given], withoutPassword());
    expect(new URL(url.trimEnd()).searchParams.get('X-Amz-Expires')).toBe(String(seconds));
    expect(JSON.parse((await fetched(url.trimEnd())).body)).toMatchObject({ n: 1 });
  });

  test('of an attachment, for machines', async () => {
    const args = ['presign', document.jacsId, '--expires-in', '15m', '--path', 'scan.bin', '--json'];
    const { url, expiresInSeconds } = JSON.parse(await workspace.done(args, withoutPassword()));
    expect(expiresInSeconds).toBe(900);
    expect((await fetched(url)).body.equals(BYTES)).toBe(true);
  });

  test('refuses other times', async () => {
    for (const given of ['', '0', '8d', '1w', '-5', '1.5h', 'h', '15 m']) {
      await workspace.misused(['presign', document.jacsId, `--expires-in=${given}`]);
    }
    await workspace.misused(['presign', document.jacsId]);
  });
});

test.each(['fs', 'memory'])('there is no such URL on %s', async (storage) => {
  const { agent } = await newAgent({ storage });
  const text = await agent.createDocument({ n: 1 });
  await refusal(agent.presign(keyOf(text), { expiresInSeconds: 60 }), 'JACS_UNSUPPORTED');
});
