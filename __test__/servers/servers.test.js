'use strict';
// The servers that other suites use are real: they refuse what must be refused. Whoever tests beside a server that says
// yes to everything has tested nothing.

const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const support = require('../support/servers.js');

const { servers, newBucket, newCollection, aws, s3cmd, rclone, s3, startDav, startGateway } = support;

const wrong = (at) => ({ ...at, secretKey: `${at.secretKey}x` });
const codeOf = ({ body }) => /<Code>(.*?)<\/Code>/.exec(body)?.[1];

describeWith(['rgw'], 'the RADOS Gateway', () => {
  let bucket;
  const put = (key, options) => s3('PUT', `${bucket}/${key}`, { at: servers.rgw, ...options });

  beforeAll(async () => {
    bucket = await newBucket();
  });

  test('refuses a wrong signature, an unknown key and a request without any', async () => {
    const refused = await put('refused', { as: wrong(servers.rgw), body: 'x' });
    expect([refused.status, codeOf(refused)]).toEqual([403, 'SignatureDoesNotMatch']);
    const unknown = await put('refused', { as: { ...servers.rgw, accessKey: 'nobody' }, body: 'x' });
    expect([unknown.status, codeOf(unknown)]).toEqual([403, 'InvalidAccessKeyId']);
    expect((await fetch(`${servers.rgw.endpoint}/${bucket}/refused`, { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await s3('GET', `${bucket}/refused`, { at: servers.rgw })).status).toBe(404);
  });

  test("refuses another user until the bucket's policy lets them in", async () => {
    const { rgw } = servers;
    await put('shared', { body: 'shared' });
    const asSecond = () => s3('GET', `${bucket}/shared`, { at: rgw, as: rgw.second });
    expect((await asSecond()).status).toBe(403);
    const arn = 'arn:aws:s3:::' + bucket;
    const statement = { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/second'] }, Action: ['s3:GetObject'] };
    const policy = { Version: '2012-10-17', Statement: [{ ...statement, Resource: [`${arn}/*`] }] };
    expect((await s3('PUT', bucket, { at: rgw, query: { policy: '' }, body: JSON.stringify(policy) })).status).toBe(
      204,
    );
    expect((await asSecond()).body.toString()).toBe('shared');
  });

  test('lets one of many create a key', async () => {
    const headers = { 'If-None-Match': '*' };
    const race = Array.from({ length: 16 }, (_, index) => put('raced', { headers, body: `writer ${index}` }));
    const answers = await Promise.all(race);
    const winners = answers.flatMap(({ status }, index) => (status === 200 ? [index] : []));
    expect(winners).toHaveLength(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 412]));
    const stored = await s3('GET', `${bucket}/raced`, { at: servers.rgw });
    expect(stored.body.toString()).toBe(`writer ${winners[0]}`);
  });

  test('refuses a body whose MD5 is another', async () => {
    const refused = await put('changed', { headers: { 'Content-MD5': 'XrY7u+Ae7tCTyyK7j1rNww==' }, body: 'x' });
    expect(refused.status).toBe(400);
  });

  test('keeps every version where it is asked to', async () => {
    const versioned = await newBucket({ versioned: true });
    const versions = [];
    for (const body of ['one', 'two']) {
      const { headers } = await s3('PUT', `${versioned}/key`, { at: servers.rgw, body });
      versions.push(headers['x-amz-version-id']);
    }
    const first = await s3('GET', `${versioned}/key`, { at: servers.rgw, query: { versionId: versions[0] } });
    expect(first.body.toString()).toBe('one');
  });

  test('has all data at a second gateway, which can be killed and started again', async () => {
    const gateway = await startGateway();
    await put('before', { body: 'before' });
    const before = () => s3('GET', `${bucket}/before`, { at: gateway });
    expect((await before()).body.toString()).toBe('before');
    await gateway.kill();
    await expect(before()).rejects.toThrow();
    await gateway.restart();
    expect((await before()).body.toString()).toBe('before');
  }, 60_000);
});

describeWith(['moto'], 'moto', () => {
  test('says how an object is encrypted', async () => {
    const bucket = await newBucket({ at: servers.moto });
    const headers = { 'x-amz-server-side-encryption': 'AES256' };
    await s3('PUT', `${bucket}/key`, { at: servers.moto, headers, body: 'x' });
    const head = await s3('HEAD', `${bucket}/key`, { at: servers.moto });
    expect(head.headers['x-amz-server-side-encryption']).toBe('AES256');
  });
});

describeWith(['dav'], 'Apache', () => {
  const basic = (username, password) => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const put = (url, authorization) =>
    fetch(url, { method: 'PUT', body: 'text', headers: authorization && { authorization } }).then((r) => r.status);
  const list = (at, depth) => {
    const headers = { depth, authorization: `Bearer ${at.token}` };
    return fetch(`${at.url}/`, { method: 'PROPFIND', headers }).then((r) => r.status);
  };

  test('refuses a wrong password, a wrong token and none', async () => {
    const { username, password, token } = servers.dav;
    const { url, folder } = newCollection();
    for (const refused of [undefined, basic(username, `${password}x`), `Bearer ${token}x`, 'Bearer ']) {
      expect(await put(`${url}/refused`, refused)).toBe(401);
    }
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(await put(`${url}/basic`, basic(username, password))).toBe(201);
    expect(await put(`${url}/bearer`, `Bearer ${token}`)).toBe(201);
    expect(fs.readFileSync(path.join(folder, 'bearer'), 'utf8')).toBe('text');
  });

  test('speaks TLS with a certificate that only its own authority vouches for', async () => {
    const { tlsUrl, ca, token } = servers.dav;
    const get = (options) =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${token}` };
        const request = https.get(`${tlsUrl}/missing`, { headers, ...options }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        request.on('error', reject);
      });
    expect(await get({ ca: fs.readFileSync(ca) })).toBe(404);
    await expect(get({})).rejects.toThrow();
  });

  test('can be killed, frozen and started again, and lists one level alone where told to', async () => {
    const server = await startDav({ depthInfinity: false });
    expect(await list(servers.dav, 'infinity')).toBe(207);
    expect(await list(server, 'infinity')).toBe(403);
    const { url, folder } = newCollection({ at: server });
    await put(`${url}/kept`, `Bearer ${server.token}`);
    await server.freeze();
    const asked = list(server, '1');
    expect(await Promise.race([asked, sleep(200, 'frozen')])).toBe('frozen');
    await server.thaw();
    expect(await asked).toBe(207);
    await server.kill();
    await expect(list(server, '1')).rejects.toThrow();
    await server.restart();
    expect(await list(server, '1')).toBe(207);
    expect(fs.readdirSync(folder)).toEqual(['kept']);
  });
});

describe('other clients', () => {
  describeWith(['rgw', 'awscli', 's3cmd', 'rclone'], 'of S3', () => {
    test('read what another one wrote', async () => {
      const bucket = await newBucket();
      const folder = temporaryFolder();
      fs.writeFileSync(path.join(folder, 'file'), 'from a file');
      await s3cmd(['put', path.join(folder, 'file'), `s3://${bucket}/folder/file`]);
      const listed = await aws(['s3api', 'list-objects-v2', '--bucket', bucket]);
      expect(listed.Contents.map(({ Key }) => Key)).toEqual(['folder/file']);
      expect(await rclone(['cat', `s3:${bucket}/folder/file`])).toBe('from a file');
      await expect(aws(['s3api', 'list-buckets'], { as: wrong(servers.rgw) })).rejects.toThrow();
    });
  });

  describeWith(['dav', 'rclone'], 'of WebDAV', () => {
    test('read what lies on the disk', async () => {
      const { name, folder } = newCollection();
      fs.writeFileSync(path.join(folder, 'file'), 'on the disk');
      expect(await rclone(['cat', `dav:${name}/file`])).toBe('on the disk');
    });
  });
});
