'use strict';
// What the doctor finds of a server, by asking it, and that nothing of him stays there.

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const { filesUnder } = require('../support/folder.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { newBucket, servers, s3 } = require('../support/servers.js');

const ALL = { list: true, write: true, read: true, remove: true };

async function keysOf(bucket) {
  const { body } = await s3('GET', bucket, { at: servers.rgw, query: { 'list-type': '2' } });
  return [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
}

/** Runs the doctor; he must give a report and find something wrong. His warnings, as one text. */
async function ill(agent, options) {
  const { ok, warnings, storage } = await agent.doctor(options);
  expect(ok).toBe(false);
  expect(warnings).not.toEqual([]);
  return { text: warnings.join('\n'), warnings, storage };
}

describeWith(['rgw'], 'S3', () => {
  test('a healthy bucket', async () => {
    const { agent, bucket } = await agentOnS3();
    await agent.createDocument({ title: 'publishes the agent' });
    const before = await keysOf(bucket);
    const { ok, storage, warnings, advice } = await agent.doctor();
    expect({ ok, warnings }).toEqual({ ok: true, warnings: [] });
    expect(storage).toMatchObject({ scheme: 's3', endpoint: servers.rgw.endpoint, createOnce: 'atomic' });
    expect(storage).toMatchObject({ permissions: ALL, versioning: false, listingSorted: true });
    expect(Math.abs(storage.clockSkewSeconds)).toBeLessThan(60);
    expect(storage).not.toHaveProperty('partialUploads');
    expect(storage).not.toHaveProperty('encryption');
    expect(advice).toEqual([expect.stringContaining('versioning'), expect.stringContaining('AbortIncomplete')]);
    expect(await keysOf(bucket)).toEqual(before);
  });

  // RGW ignores the condition where it keeps versions, as another client finds too; the doctor must not hide that.
  test('a bucket that keeps versions', async () => {
    const bucket = await newBucket({ versioned: true });
    const put = () => s3('PUT', `${bucket}/x`, { at: servers.rgw, headers: { 'if-none-match': '*' }, body: 'x' });
    expect((await put()).status).toBe(200);
    const kept = (await put()).status === 412;
    const { agent } = await agentOnS3({ bucket });
    const { ok, storage, advice } = await agent.doctor();
    const { versioning, createOnce } = storage;
    expect({ ok, createOnce }).toEqual({ ok: kept, createOnce: kept ? 'atomic' : 'none' });
    expect({ versioning, advice }).toEqual({ versioning: true, advice: [expect.any(String)] });
  });

  test('encryption with a key', async () => {
    const settings = { aws_s3_encryption: 'aws:kms', aws_s3_kms_key_id: 'testkey-1' };
    const { agent } = await agentOnS3({ settings });
    const { ok, storage } = await agent.doctor();
    expect({ ok, encryption: storage.encryption }).toEqual({ ok: true, encryption: 'aws:kms' });
  });

  test.each([20, -20])('a clock that is %s minutes from ours', async (minutes) => {
    const between = await startMiddleman({
      to: servers.rgw.endpoint,
      answer: ({ headers }) => {
        headers.date = new Date(Date.now() + minutes * 60_000).toUTCString();
      },
    });
    const { agent } = await agentOnS3({ endpoint: between.url });
    const { warnings, storage } = await ill(agent);
    expect(Math.abs(storage.clockSkewSeconds - minutes * 60)).toBeLessThan(60);
    expect(warnings).toEqual([expect.stringMatching(/clock/)]);
  });

  describe('with a policy', () => {
    let place;
    let second;
    beforeAll(async () => {
      place = await agentOnS3();
      await place.agent.createDocument({ title: 'publishes the agent' });
      const { accessKey, secretKey } = servers.rgw.second;
      const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
      second = await againOn(place, { env });
    });
    const allow = async (...actions) => {
      const arn = `arn:aws:s3:::${place.bucket}`;
      const statement = { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/second'] } };
      Object.assign(statement, { Action: actions.map((each) => `s3:${each}`), Resource: [arn, `${arn}/*`] });
      const body = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      expect((await s3('PUT', place.bucket, { at: servers.rgw, query: { policy: '' }, body })).status).toBe(204);
    };

    test('that forbids removing, he says what he leaves behind', async () => {
      await allow('GetObject', 'PutObject', 'ListBucket');
      const before = await keysOf(place.bucket);
      const { storage, warnings } = await ill(second);
      expect(storage.permissions).toEqual({ ...ALL, remove: false });
      expect(warnings).toEqual([expect.stringMatching(/removing.*JACS_PERMISSION/)]);
      const left = (await keysOf(place.bucket)).filter((key) => !before.includes(key));
      expect(left).toEqual([expect.stringMatching(/^data\/\.jacs-probe-/)]);
    });

    test('that forbids writing, he tries nothing else with what is not there', async () => {
      await allow('GetObject', 'DeleteObject', 'ListBucket');
      const { storage, warnings } = await ill(second);
      expect(storage.permissions).toEqual({ list: true, write: false });
      expect(warnings).toEqual([expect.stringMatching(/writing.*JACS_PERMISSION/)]);
    });

    test('that forbids listing', async () => {
      await allow('GetObject', 'PutObject', 'DeleteObject');
      const { storage, warnings } = await ill(second);
      expect(storage.permissions).toEqual({ ...ALL, list: false });
      expect(warnings).toEqual([expect.stringMatching(/listing.*JACS_PERMISSION/)]);
    });

    test('that forbids reading, he does not speak of damage, and there is a report', async () => {
      await allow('PutObject', 'DeleteObject', 'ListBucket');
      const { text } = await ill(second);
      expect(text).toContain('JACS_PERMISSION');
      expect(text).not.toMatch(/damaged|removed there/);
    });
  });

  test('a reader writes nothing, and no one does without the probe', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const place = await agentOnS3({ endpoint: proxy.url });
    const reader = await againOn(place, { readOnly: true, password: undefined });
    for (const [agent, options] of [
      [reader, undefined],
      [place.agent, { probe: false }],
    ]) {
      const { ok, storage } = await agent.doctor(options);
      expect({ ok, permissions: storage.permissions }).toEqual({ ok: true, permissions: { list: true } });
    }
    expect(new Set(proxy.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(await keysOf(place.bucket)).toEqual([]);
  });

  test.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, /JACS_PERMISSION/],
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'UNKNOWN' }, /JACS_PERMISSION/],
    ['no credentials', { AWS_ACCESS_KEY_ID: undefined }, /JACS_CONFIG.*AWS_ACCESS_KEY_ID/],
    ['nobody at the address', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }, /JACS_UNAVAILABLE/],
  ])('%s is a report, no exception', async (_, env, expected) => {
    const agent = await againOn(await agentOnS3(), { env });
    const { text, storage } = await ill(agent);
    expect(text).toMatch(expected);
    expect(storage.permissions).toEqual({ list: false, write: false });
  });

  test('an unknown bucket is a report, no exception', async () => {
    const { agent } = await agentOnS3({ bucket: `jacs-${randomBytes(8).toString('hex')}` });
    const { text } = await ill(agent);
    expect(text).toMatch(/JACS_CONFIG.*bucket/);
  });
});

describeWith(['moto'], 'an encryption that the server names', () => {
  test('AES256', async () => {
    const { agent } = await agentOnS3({ at: servers.moto, settings: { aws_s3_encryption: 'AES256' } });
    expect((await agent.doctor()).storage.encryption).toBe('AES256');
  });
});

describeWith(['dav'], 'WebDAV', () => {
  test('a healthy server', async () => {
    const { agent, collection } = await agentOnDav();
    await agent.createDocument({ title: 'publishes the agent' });
    const before = filesUnder(collection.folder);
    const { ok, storage, warnings, advice } = await agent.doctor();
    expect({ ok, warnings }).toEqual({ ok: true, warnings: [] });
    expect(storage).toMatchObject({ scheme: 'webdav', endpoint: servers.dav.url, createOnce: 'checked' });
    expect(storage).toMatchObject({ permissions: ALL, partialUploads: false });
    expect(Math.abs(storage.clockSkewSeconds)).toBeLessThan(60);
    expect(storage).not.toHaveProperty('versioning');
    expect(advice).toEqual([expect.stringMatching(/two writers/)]);
    expect(filesUnder(collection.folder)).toEqual(before);
  });

  test('a reader writes nothing', async () => {
    const place = await agentOnDav();
    const reader = await againOn(place, { readOnly: true, password: undefined });
    expect((await reader.doctor()).ok).toBe(true);
    expect(fs.readdirSync(place.collection.folder)).toEqual([]);
  });

  test.each([
    ['a wrong token', { HAI_STORAGE_TOKEN: 'wrong' }, /JACS_PERMISSION/],
    ['nobody at the address', { HAI_STORAGE_URL: 'http://127.0.0.1:9' }, /JACS_UNAVAILABLE/],
  ])('%s is a report, no exception', async (_, env, expected) => {
    const agent = await againOn(await agentOnDav(), { env });
    const { text, storage } = await ill(agent);
    expect(text).toMatch(expected);
    expect(storage.permissions).toEqual({ list: false, write: false });
  });
});

/**
 * A mock, for no server at hand does this: it keeps what it got of an upload that broke off. It knows no more of WebDAV
 * than the doctor asks for.
 */
describeWith(['dav'], 'a server that shows half an upload', () => {
  test('is found out, and the half upload removed', async () => {
    const kept = new Map();
    const half = await startMiddleman({
      to: servers.dav.url,
      partial: ({ url }, body) => kept.set(url, body),
      request: ({ method, url }) => {
        if (!kept.has(url)) return undefined;
        if (method === 'DELETE') return kept.delete(url) && { status: 204 };
        if (method !== 'PROPFIND') return { status: 405 };
        const length = `<D:getcontentlength>${kept.get(url).length}</D:getcontentlength>`;
        const date = '<D:getlastmodified>Sun, 22 Nov 2026 21:00:33 GMT</D:getlastmodified>';
        const found = `<D:prop><D:resourcetype/>${length}${date}</D:prop><D:status>HTTP/1.1 200 OK</D:status>`;
        const member = `<D:response><D:href>${url}</D:href><D:propstat>${found}</D:propstat></D:response>`;
        const headers = { 'content-type': 'application/xml' };
        return { status: 207, headers, body: `<D:multistatus xmlns:D="DAV:">${member}</D:multistatus>` };
      },
    });
    const { agent } = await agentOnDav({ endpoint: half.url });
    const { storage, warnings } = await ill(agent);
    expect(storage.partialUploads).toBe(true);
    expect(warnings).toEqual([expect.stringMatching(/broken off/)]);
    expect(kept.size).toBe(0);
    expect(half.requests.some(({ method, url }) => method === 'DELETE' && url.includes('.jacs-probe-'))).toBe(true);
  });
});
