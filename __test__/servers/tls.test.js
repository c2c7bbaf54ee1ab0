'use strict';
// Which servers are believed to be who they say they are. The server's authority is known to nobody but this test.

const { all, keyOf, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const NOWHERE = { SSL_CERT_FILE: '/nowhere/file.pem', SSL_CERT_DIR: '/nowhere/directory' };

describeWith(['dav'], 'a server with a certificate of its own authority', () => {
  let place;
  beforeAll(async () => {
    place = await agentOnDav({ endpoint: servers.dav.tlsUrl });
  });

  const works = async (env) => {
    const agent = await againOn(place, { env });
    const text = await agent.createDocument({ title: 'over TLS' });
    expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
    expect((await agent.doctor()).storage.endpoint).toMatch(/^https:/);
  };

  const refused = async (env) => {
    const agent = await againOn(place, { env });
    const calls = [() => all(agent.listDocuments()), () => agent.createDocument({ title: 'refused' })];
    for (const call of calls) {
      const error = await refusal(call(), 'JACS_UNAVAILABLE');
      expect(error.message).toMatch(/certificate/);
    }
  };

  test('is believed with NODE_EXTRA_CA_CERTS', () => works({ NODE_EXTRA_CA_CERTS: servers.dav.ca }));

  test('is believed with SSL_CERT_FILE', () => works({ SSL_CERT_FILE: servers.dav.ca }));

  test('is believed with NODE_EXTRA_CA_CERTS on a machine without any store', () =>
    works({ ...NOWHERE, NODE_EXTRA_CA_CERTS: servers.dav.ca }));

  test('is not believed without', () => refused({}));

  test.each([
    ['a store that is missing', NOWHERE],
    ['an extra file that is missing', { NODE_EXTRA_CA_CERTS: '/nowhere/extra.pem' }],
    ['an extra file that is no certificate', { NODE_EXTRA_CA_CERTS: __filename }],
  ])('is not believed with %s, and nothing breaks', (_, env) => refused(env));

  test('is not asked again: nothing would change', async () => {
    // The proxy counts connections, and passes none of what is inside them.
    const proxy = await startMiddleman({ to: servers.dav.url, names: ['storage.example.org'] });
    const env = { HAI_STORAGE_URL: 'https://storage.example.org', HTTPS_PROXY: proxy.url };
    await refusal(all((await againOn(place, { env })).listDocuments()), 'JACS_UNAVAILABLE');
    expect(proxy.tunnels).toBe(1);
    expect(proxy.requests).toEqual([]);
  });

  test('is believed under its own name alone', async () => {
    const proxy = await startMiddleman({ to: servers.dav.url, names: ['storage.example.org'] });
    const through = { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: proxy.ca };
    await works({ ...through, HAI_STORAGE_URL: 'https://storage.example.org' });
    const asked = proxy.requests.length;
    await refused({ ...through, HAI_STORAGE_URL: 'https://other.example.org' });
    expect(proxy.requests).toHaveLength(asked);
  });
});

// example.org is nobody's: were it asked, the proxy would see it.
describeWith(['dav', 'rgw'], 'plain http', () => {
  let proxy;
  beforeAll(async () => {
    proxy = await startMiddleman({ to: servers.dav.url });
  });

  test.each([
    ['hai', 'HAI_STORAGE_URL', agentOnDav],
    ['aws', 'AWS_ENDPOINT_URL_S3', agentOnS3],
    ['aws', 'AWS_ENDPOINT_URL', agentOnS3],
  ])('to another machine is refused when %s is loaded with %s', async (_, name, agentOn) => {
    const place = await agentOn();
    const env = { AWS_ENDPOINT_URL_S3: undefined, HTTP_PROXY: proxy.url, [name]: 'http://storage.example.org' };
    const error = await refusal(againOn(place, { env }), 'JACS_CONFIG');
    expect(error.message).toContain('allow_http');
    expect(proxy.requests).toEqual([]);
  });

  test('to another machine is possible where it is allowed', async () => {
    const place = await agentOnDav();
    const env = { HTTP_PROXY: proxy.url, HAI_STORAGE_URL: 'http://storage.example.org' };
    const agent = await againOn(place, { env, settings: { jacs_storage_options: { allow_http: true } } });
    await agent.createDocument({ title: 'in the open' });
    expect(new Set(proxy.requests.map(({ host }) => host))).toEqual(new Set(['storage.example.org']));
  });
});
