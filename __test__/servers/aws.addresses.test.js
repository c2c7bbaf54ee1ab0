'use strict';
// How a bucket is addressed: by path or by host, at which endpoint, under which prefix, in which region.

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { servers, s3 } = require('../support/servers.js');

const NOWHERE = 'http://127.0.0.1:9';
const object = (key) => `documents/${key.replace(':', '/')}.json`;
const newName = (infix = '') => `jacs-${infix}${randomBytes(8).toString('hex')}`;

/** The text that another client finds under a key of the bucket. */
async function stored(bucket, key, at = servers.rgw) {
  const { status, body } = await s3('GET', `${bucket}/${key}`, { at });
  return status === 200 ? body.toString() : status;
}

/** The region for which a request was signed. */
const regionOf = ({ headers }) => /Credential=[^/]+\/\d+\/([^/]+)\/s3\//.exec(headers.authorization)[1];

describeWith(['rgw'], 'by path', () => {
  const cases = [
    ['a prefix', '', 'data', 'data/'],
    ['a nested prefix', '', 'some/where/deep', 'some/where/deep/'],
    ['no prefix', '', '', ''],
    ['a bucket with dots', 'a.b.', 'data', 'data/'],
  ];
  test.each(cases)('%s', async (_, infix, prefix, expected) => {
    const bucket = newName(infix);
    expect((await s3('PUT', bucket, { at: servers.rgw })).status).toBe(200);
    const { agent } = await agentOnS3({ bucket, prefix });
    const text = await agent.createDocument({ title: 'here' });
    expect(await stored(bucket, expected + object(keyOf(text)))).toBe(text);
    expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
    expect(await all(agent.listDocuments())).toMatchObject([{ key: keyOf(text) }]);
  });

  test('two prefixes of one bucket see nothing of each other', async () => {
    const one = await agentOnS3({ prefix: 'one' });
    const two = await agentOnS3({ prefix: 'one-more', bucket: one.bucket });
    const key = keyOf(await one.agent.createDocument({ title: 'of one' }));
    await refusal(two.agent.getDocument(key), 'JACS_NOT_FOUND');
    expect(await all(two.agent.listDocuments())).toEqual([]);
    expect(await all(one.agent.listDocuments())).toMatchObject([{ key }]);
  });
});

describeWith(['moto'], 'by host', () => {
  const options = { jacs_storage_options: { allow_http: true } };
  const amazon = 'http://s3.us-east-1.amazonaws.com';
  // Whatever host is asked for: nothing but loopback is reached.
  const through = async () => startMiddleman({ to: servers.moto.endpoint });

  test("Amazon's buckets stand before the host, and those with dots in the path", async () => {
    const { moto } = servers;
    for (const [bucket, host] of [
      [newName(), (name) => `${name}.s3.us-east-1.amazonaws.com`],
      [newName('a.'), () => 's3.us-east-1.amazonaws.com'],
    ]) {
      expect((await s3('PUT', bucket, { at: moto })).status).toBe(200);
      const proxy = await through();
      const place = await agentOnS3({
        at: moto,
        bucket,
        endpoint: amazon,
        settings: options,
        variables: { HTTP_PROXY: proxy.url },
      });
      const text = await place.agent.createDocument({ title: 'by host' });
      expect(await place.agent.getDocument(keyOf(text), { cache: false })).toBe(text);
      expect(new Set(proxy.requests.map((request) => request.host))).toEqual(new Set([host(bucket)]));
      expect(await stored(bucket, `data/${object(keyOf(text))}`, moto)).toBe(text);
    }
  });

  test('an option says so for other servers', async () => {
    const bucket = newName();
    expect((await s3('PUT', bucket, { at: servers.moto })).status).toBe(200);
    const proxy = await through();
    const { agent } = await agentOnS3({
      at: servers.moto,
      bucket,
      endpoint: 'http://s3.example.org',
      variables: { HTTP_PROXY: proxy.url },
      settings: { jacs_storage_options: { allow_http: true, enable_virtual_host_style: true } },
    });
    await agent.createDocument({ title: 'by host' }).catch(() => {});
    expect(proxy.requests[0].host).toBe(`${bucket}.s3.example.org`);
  });

  test('a bucket with dots cannot be asked for by host', async () => {
    const settings = { jacs_storage_options: { enable_virtual_host_style: true } };
    const options = { at: servers.moto, bucket: 'has.dots.in-it', settings };
    await refusal(agentOnS3(options), 'JACS_CONFIG');
  });
});

describeWith(['rgw'], 'endpoint and region', () => {
  /** An agent on RGW behind a proxy, without endpoint and region; and how to load it with variables. */
  async function behindProxy() {
    const place = await agentOnS3();
    const proxy = await startProxy(servers.rgw.endpoint);
    const load = (env, options) =>
      againOn(place, { env: { AWS_ENDPOINT_URL_S3: undefined, AWS_REGION: undefined, ...env }, ...options });
    return { place, proxy, load };
  }

  /** Writes the two files of the AWS tools; gives the variables that name them. */
  function profileFiles(config, credentials = '') {
    const folder = temporaryFolder();
    const at = (name) => path.join(folder, name);
    fs.writeFileSync(at('config'), config);
    fs.writeFileSync(at('credentials'), credentials);
    return { AWS_CONFIG_FILE: at('config'), AWS_SHARED_CREDENTIALS_FILE: at('credentials') };
  }

  test.each([
    ['AWS_ENDPOINT_URL_S3', (url) => ({ AWS_ENDPOINT_URL_S3: url, AWS_ENDPOINT_URL: NOWHERE })],
    ['AWS_ENDPOINT_URL', (url) => ({ AWS_ENDPOINT_URL: url })],
    ['the default profile', (url) => profileFiles(`[default]\nendpoint_url = ${url}\nregion = us-east-1\n`)],
    [
      'a named profile',
      (url) => ({
        ...profileFiles(`[default]\nendpoint_url = ${NOWHERE}\n[profile one]\nendpoint_url = ${url}\n`),
        AWS_PROFILE: 'one',
      }),
    ],
  ])('the endpoint of %s', async (_, variables) => {
    const { proxy, load } = await behindProxy();
    const agent = await load({ AWS_REGION: 'us-east-1', ...variables(proxy.url) });
    await agent.createDocument({ title: 'there' });
    expect(proxy.requests.length).toBeGreaterThan(0);
  });

  test('an option is stronger than the variables, and these than the profile', async () => {
    const { proxy, load } = await behindProxy();
    const byOption = await load(
      { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: NOWHERE },
      { settings: { jacs_storage_options: { endpoint: proxy.url } } },
    );
    await byOption.createDocument({ title: 'by option' });
    const files = profileFiles(`[default]\nendpoint_url = ${NOWHERE}\nregion = eu-west-3\n`);
    const byVariable = await load({ ...files, AWS_ENDPOINT_URL: proxy.url, AWS_REGION: 'us-east-1' });
    await byVariable.createDocument({ title: 'by variable' });
    expect(new Set(proxy.requests.map(regionOf))).toEqual(new Set(['us-east-1']));
    expect(proxy.requests.length).toBeGreaterThan(1);
  });

  test.each([
    ['AWS_REGION', () => ({ AWS_REGION: 'eu-one-1', AWS_DEFAULT_REGION: 'eu-two-2' })],
    ['AWS_DEFAULT_REGION', () => ({ AWS_DEFAULT_REGION: 'eu-one-1' })],
    ['the profile', () => profileFiles('[default]\nregion = eu-one-1\n')],
  ])('the region of %s is signed', async (_, variables) => {
    const { place, proxy, load } = await behindProxy();
    const agent = await load({ AWS_ENDPOINT_URL_S3: proxy.url, ...variables() });
    const text = await agent.createDocument({ title: 'signed' });
    expect(regionOf(proxy.requests[0])).toBe('eu-one-1');
    expect(await stored(place.bucket, `data/${object(keyOf(text))}`)).toBe(text);
  });

  test('a profile that is named and is nowhere is refused at once', async () => {
    const { proxy, load } = await behindProxy();
    const { message } = await refusal(
      load({ ...profileFiles('[default]\n'), AWS_PROFILE: 'missing', AWS_ENDPOINT_URL: proxy.url }),
      'JACS_CONFIG',
    );
    expect(message).toContain('missing');
    expect(proxy.connections).toBe(0);
  });
});
