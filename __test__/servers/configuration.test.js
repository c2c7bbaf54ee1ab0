'use strict';
// Configurations that cannot work: refused as early as they can be found wrong, with what to change.

const { randomBytes } = require('node:crypto');
const { all, keyOf, refusal } = require('../support/agents.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const nobodys = () => `jacs-${randomBytes(8).toString('hex')}`;

describeWith(['rgw'], 'aws, when it is loaded', () => {
  let place;
  let proxy;
  beforeAll(async () => {
    proxy = await startProxy(servers.rgw.endpoint);
    place = await agentOnS3({ endpoint: proxy.url });
  });
  // Whatever is refused here is refused without a question to the server.
  afterEach(() => expect(proxy.connections).toBe(0));

  test('without a region', async () => {
    const error = await refusal(againOn(place, { env: { AWS_REGION: undefined } }), 'JACS_CONFIG');
    expect(error.message).toContain('AWS_REGION');
  });

  test.each(['us east', 'us-east-1/x', 'a'.repeat(65), '../x'])('with the region %s', async (region) => {
    await refusal(againOn(place, { env: { AWS_REGION: region } }), 'JACS_CONFIG');
  });

  test.each([
    './jacs_data',
    's3:/bucket',
    's3://',
    's3:///prefix',
    's3://ab',
    's3://bucket/../other',
    's3://key:secret@bucket/x',
    's3://bucket?x=1',
    'https://bucket.s3.amazonaws.com/x',
    '',
  ])('with the data directory %j', async (data) => {
    const error = await refusal(againOn({ ...place, data }), 'JACS_CONFIG');
    expect(error.message).toContain('jacs_data_directory');
  });

  test.each(['not a url', '127.0.0.1:9000', 'ftp://127.0.0.1', 'https://u:p@127.0.0.1', 'https://127.0.0.1/?a=b'])(
    'with the endpoint %s',
    async (url) => {
      const error = await refusal(againOn(place, { env: { AWS_ENDPOINT_URL_S3: url } }), 'JACS_CONFIG');
      expect(error.message).toContain('AWS_ENDPOINT_URL_S3');
    },
  );

  test.each([
    ['regoin', 'region'],
    ['enable_virtual_host_stile', 'enable_virtual_host_style'],
    ['acces_key_id', 'access_key_id'],
  ])('with the option %s, the nearest is named', async (option, nearest) => {
    const settings = { jacs_storage_options: { [option]: 'x' } };
    const error = await refusal(againOn(place, { settings }), 'JACS_CONFIG');
    expect(error.message).toContain(option);
    expect(error.message).toContain(nearest);
  });

  test.each([
    ['root', '/elsewhere', 'jacs_data_directory'],
    ['bucket', 'other', 'jacs_data_directory'],
    ['server_side_encryption', 'AES256', 'aws_s3_encryption'],
    ['default_storage_class', 'STANDARD', 'aws_s3_storage_class'],
    ['enable_versioning', true, 'nothing'],
    ['disable_write_with_if_match', true, 'nothing'],
  ])('with the option %s, which would undo something', async (option, value, instead) => {
    const settings = { jacs_storage_options: { [option]: value } };
    const error = await refusal(againOn(place, { settings }), 'JACS_CONFIG');
    expect(error.message).toContain(option);
    expect(error.message).toContain(instead);
  });
});

describeWith(['rgw'], 'aws, at the first question', () => {
  const outcomes = (agent, key) => [
    () => agent.createDocument({ title: 'x' }),
    () => agent.getDocument(key, { cache: false }),
    () => agent.getDocument(key.split(':')[0], { cache: false }),
    () => agent.versions(key.split(':')[0]),
    () => all(agent.listDocuments()),
    () => agent.removeDocument(key),
    () => agent.removeDocument(key.split(':')[0], { allVersions: true }),
  ];

  test.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }],
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'UNKNOWN' }],
  ])('%s, asked once', async (_, variables) => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const place = await agentOnS3({ endpoint: proxy.url });
    const key = keyOf(await place.agent.createDocument({ title: 'stored' }));
    const agent = await againOn(place, { env: variables });
    for (const call of outcomes(agent, key)) {
      const before = proxy.requests.length;
      await refusal(call(), 'JACS_PERMISSION');
      expect(proxy.requests).toHaveLength(before + 1);
    }
    expect(await place.agent.getDocument(key, { cache: false })).toContain('stored');
  });

  test('a bucket that does not exist', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const bucket = nobodys();
    const { agent } = await agentOnS3({ bucket, endpoint: proxy.url });
    const key = keyOf(await agent.createDocument({ title: 'x' }, { noSave: true }));
    for (const call of outcomes(agent, key)) {
      const before = proxy.requests.length;
      const error = await refusal(call(), 'JACS_CONFIG');
      expect(error.message).toContain('bucket');
      expect(proxy.requests).toHaveLength(before + 1);
    }
  });

  // RGW redirects to nowhere; Amazon does so for a bucket in another region.
  test('a redirect is not followed, with the region that the server names', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const elsewhere = await startProxy(servers.rgw.endpoint);
    const { agent } = await agentOnS3({ endpoint: proxy.url });
    const headers = { location: `${elsewhere.url}/bucket/x`, 'x-amz-bucket-region': 'eu-west-9' };
    const body = '<Error><Code>PermanentRedirect</Code></Error>';
    proxy.fail({ times: Infinity, answer: { status: 301, headers, body } });
    const error = await refusal(all(agent.listDocuments()), 'JACS_CONFIG');
    expect(error.message).toContain('AWS_REGION');
    expect(error.message).toContain('eu-west-9');
    expect(elsewhere.connections).toBe(0);
  });
});

describeWith(['dav'], 'hai, when it is loaded', () => {
  let place;
  beforeAll(async () => {
    place = await agentOnDav();
  });

  test('without an address', async () => {
    const error = await refusal(againOn(place, { env: { HAI_STORAGE_URL: undefined } }), 'JACS_CONFIG');
    expect(error.message).toContain('HAI_STORAGE_URL');
  });

  test.each(['not a url', '127.0.0.1', 'ftp://127.0.0.1', 'http://u:p@127.0.0.1', 'http://127.0.0.1/../x'])(
    'with the address %s',
    async (url) => {
      const error = await refusal(againOn(place, { env: { HAI_STORAGE_URL: url } }), 'JACS_CONFIG');
      expect(error.message).toContain('HAI_STORAGE_URL');
    },
  );

  test.each(['/absolute', '../above', 'a/../../b', 'https://elsewhere/x', 'a?b', 'a#b', 'a\\b'])(
    'with the data directory %s',
    (data) => refusal(againOn({ ...place, data }), 'JACS_CONFIG'),
  );

  test.each([
    ['endpoint', 'HAI_STORAGE_URL'],
    ['token', 'HAI_STORAGE_TOKEN'],
    ['username', 'HAI_STORAGE_USERNAME'],
    ['password', 'HAI_STORAGE_PASSWORD'],
    ['root', 'jacs_data_directory'],
  ])('with the option %s, which has its place elsewhere', async (option, instead) => {
    const settings = { jacs_storage_options: { [option]: 'http://127.0.0.1:9' } };
    const error = await refusal(againOn(place, { settings }), 'JACS_CONFIG');
    expect(error.message).toContain(instead);
  });

  test('with an option that it does not have', async () => {
    const settings = { jacs_storage_options: { enable_virtual_host_style: true } };
    await refusal(againOn(place, { settings }), 'JACS_CONFIG');
  });
});
