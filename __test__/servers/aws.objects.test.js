'use strict';
// How objects are stored: encryption, storage class, type, and what notices a byte that changed on its way.

const { createHash } = require('node:crypto');
const { keyOf, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { aws, newBucket, servers, s3 } = require('../support/servers.js');

const object = (key) => `data/documents/${key.replace(':', '/')}.json`;

/** What the AWS command line says about every object of a bucket. */
async function headsOf({ bucket }, at) {
  const { Contents } = await aws(['s3api', 'list-objects-v2', '--bucket', bucket], { at });
  const head = ({ Key }) => aws(['s3api', 'head-object', '--bucket', bucket, '--key', Key], { at });
  return Promise.all(Contents.map(head));
}

describeWith(['moto', 'awscli'], 'what head-object shows', () => {
  const onMoto = async (settings) => {
    const place = await agentOnS3({ at: servers.moto, settings });
    await place.agent.createDocument({ title: 'a document beside the agent' });
    return headsOf(place, servers.moto);
  };

  test.each([
    ['AES256', { aws_s3_encryption: 'AES256' }, { ServerSideEncryption: 'AES256' }],
    ['aws:kms with the key of Amazon', { aws_s3_encryption: 'aws:kms' }, { ServerSideEncryption: 'aws:kms' }],
    [
      'aws:kms with a key, and a storage class',
      { aws_s3_encryption: 'aws:kms', aws_s3_kms_key_id: 'key-7', aws_s3_storage_class: 'INTELLIGENT_TIERING' },
      { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-7', StorageClass: 'INTELLIGENT_TIERING' },
    ],
  ])('%s', async (_, settings, expected) => {
    const heads = await onMoto(settings);
    expect(heads).toHaveLength(2);
    for (const head of heads) expect(head).toMatchObject({ ...expected, ContentType: 'application/json' });
  });

  test('nothing of all that unless it is asked for', async () => {
    const [head] = await onMoto();
    expect(head.StorageClass).toBeUndefined();
    expect(head.SSEKMSKeyId).toBeUndefined();
    expect(head.ContentType).toBe('application/json');
  });
});

describeWith(['rgw'], 'a real server', () => {
  test('aws:kms with its key is kept, and another key is refused', async () => {
    const settings = { aws_s3_encryption: 'aws:kms', aws_s3_kms_key_id: 'testkey-1' };
    const place = await agentOnS3({ settings });
    const text = await place.agent.createDocument({ title: 'encrypted' });
    const { headers, body } = await s3('GET', `${place.bucket}/${object(keyOf(text))}`, { at: servers.rgw });
    expect(headers['x-amz-server-side-encryption']).toBe('aws:kms');
    expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('testkey-1');
    expect(headers['content-type']).toBe('application/json');
    expect(body.toString()).toBe(text);
    expect(await place.agent.getDocument(keyOf(text), { cache: false })).toBe(text);

    const wrong = await againOn(place, { settings: { ...settings, aws_s3_kms_key_id: 'nobody' } });
    const error = await wrong.createDocument({ title: 'not encrypted' }).then(
      () => undefined,
      (refused) => refused,
    );
    expect(error).toMatchObject({ retryable: false });
    expect((await s3('GET', `${place.bucket}/${object(error.key)}`, { at: servers.rgw })).status).toBe(404);
  });

  test('AES256 is asked for in every write, and in nothing else', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const { agent } = await agentOnS3({ endpoint: proxy.url, settings: { aws_s3_encryption: 'AES256' } });
    const key = keyOf(await agent.createDocument({ title: 'encrypted' }).catch((error) => error.document));
    await agent.getDocument(key, { cache: false }).catch(() => {});
    const asked = (request) => request.headers['x-amz-server-side-encryption'];
    const writes = proxy.requests.filter(({ method }) => method === 'PUT');
    expect(writes.length).toBeGreaterThan(0);
    expect(new Set(writes.map(asked))).toEqual(new Set(['AES256']));
    expect(proxy.requests.filter(({ method }) => method !== 'PUT').map(asked)).not.toContain('AES256');
  });

  test.each([
    ['a kind of encryption that is none', { aws_s3_encryption: 'rot13' }],
    ['a key without aws:kms', { aws_s3_kms_key_id: 'testkey-1' }],
    ['a key beside AES256', { aws_s3_encryption: 'AES256', aws_s3_kms_key_id: 'testkey-1' }],
    ['a storage class that is no word', { aws_s3_storage_class: 'cold and\nslow' }],
  ])('%s is refused at load', async (_, settings) => {
    await refusal(agentOnS3({ bucket: 'not-asked-for', settings }), 'JACS_CONFIG');
  });
});

describeWith(['rgw'], 'over plain http', () => {
  const md5 = (body) => createHash('md5').update(body).digest('base64');

  test('every body has its MD5 beside it', async () => {
    const between = await startMiddleman({ to: servers.rgw.endpoint });
    const { agent } = await agentOnS3({ endpoint: between.url });
    await agent.createDocument({ title: 'summed' });
    const writes = between.requests.filter(({ method }) => method === 'PUT');
    expect(writes.length).toBeGreaterThan(0);
    for (const { headers, body } of writes) expect(headers['content-md5']).toBe(md5(body));
  });

  test('a body that changed on its way is stored nowhere', async () => {
    let changed = 0;
    const bucket = await newBucket();
    const between = await startMiddleman({
      to: servers.rgw.endpoint,
      request: (asked) => {
        if (asked.method !== 'PUT' || !asked.url.includes('/documents/')) return;
        asked.body[asked.body.indexOf('title') + 1] ^= 1;
        changed++;
      },
    });
    const place = await agentOnS3({ bucket, endpoint: between.url });
    const error = await refusal(place.agent.createDocument({ title: 'changed' }), 'JACS_UNAVAILABLE');
    expect(error.retryable).toBe(true);
    expect(changed).toBeGreaterThan(0);
    expect((await s3('GET', `${bucket}/${object(error.key)}`, { at: servers.rgw })).status).toBe(404);
    const direct = await againOn(place, { env: { AWS_ENDPOINT_URL_S3: servers.rgw.endpoint } });
    expect(await direct.saveDocument(error.document)).toBe(error.document);
  });
});
