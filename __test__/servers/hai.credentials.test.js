'use strict';
// HAI storage: who asks, at which address, and through which proxy.

const fs = require('node:fs');
const { all, keyOf, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const NONE = { HAI_STORAGE_TOKEN: undefined, HAI_STORAGE_USERNAME: undefined, HAI_STORAGE_PASSWORD: undefined };

describeWith(['dav'], 'credentials', () => {
  let place;
  let proxy;
  beforeAll(async () => {
    proxy = await startProxy(servers.dav.url);
    place = await agentOnDav({ endpoint: proxy.url });
    await place.agent.createDocument({ title: 'publishes the agent' });
  });

  const basic = () => ({ HAI_STORAGE_USERNAME: servers.dav.username, HAI_STORAGE_PASSWORD: servers.dav.password });
  const authorizations = (from) => new Set(proxy.requests.slice(from).map(({ headers }) => headers.authorization));

  test('a user name and a password', async () => {
    const before = proxy.requests.length;
    const agent = await againOn(place, { env: { ...NONE, ...basic() } });
    const text = await agent.createDocument({ title: 'basic' });
    expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
    const { username, password } = servers.dav;
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    expect(authorizations(before)).toEqual(new Set([expected]));
  });

  test('a token', async () => {
    const before = proxy.requests.length;
    const agent = await againOn(place, { env: { ...NONE, HAI_STORAGE_TOKEN: servers.dav.token } });
    await agent.createDocument({ title: 'bearer' });
    expect(authorizations(before)).toEqual(new Set([`Bearer ${servers.dav.token}`]));
  });

  test('a token is stronger than a password', async () => {
    const env = { HAI_STORAGE_USERNAME: 'nobody', HAI_STORAGE_PASSWORD: 'nothing' };
    await (await againOn(place, { env })).createDocument({ title: 'bearer' });
  });

  test.each([
    ['nothing', {}],
    ['a user name alone', { HAI_STORAGE_USERNAME: 'hai' }],
    ['a password alone', { HAI_STORAGE_PASSWORD: 'x' }],
  ])('%s is refused when it is loaded', async (_, variables) => {
    const before = proxy.connections;
    const error = await refusal(againOn(place, { env: { ...NONE, ...variables } }), 'JACS_CONFIG');
    expect(error.message).toContain('HAI_STORAGE_TOKEN');
    expect(error.message).toContain('HAI_STORAGE_USERNAME');
    expect(proxy.connections).toBe(before);
  });

  test('a token that no header can carry is refused when it is loaded', async () => {
    const error = await refusal(againOn(place, { env: { HAI_STORAGE_TOKEN: 'two\nlines' } }), 'JACS_CONFIG');
    expect(error.message).not.toContain('two');
  });

  test.each([
    ['password', { ...NONE, HAI_STORAGE_USERNAME: 'hai', HAI_STORAGE_PASSWORD: 'wrong' }],
    ['user name', { ...NONE, HAI_STORAGE_USERNAME: 'wrong', HAI_STORAGE_PASSWORD: 'wrong' }],
    ['token', { HAI_STORAGE_TOKEN: 'wrong' }],
  ])('a wrong %s is refused, and not tried again', async (_, env) => {
    const agent = await againOn(place, { env });
    for (const call of [() => all(agent.listDocuments()), () => agent.createDocument({ title: 'x' })]) {
      const before = proxy.requests.length;
      await refusal(call(), 'JACS_PERMISSION');
      expect(proxy.requests.slice(before).map(({ status }) => status)).toEqual([401]);
    }
  });
});

describeWith(['dav'], 'addresses', () => {
  const stored = ({ collection }, folder) => fs.readdirSync(`${collection.folder}/${folder}/documents`);

  test.each([
    ['with a slash at its end', (url) => `${url}/`],
    ['with many', (url) => `${url}///`],
  ])('%s', async (_, spelled) => {
    const place = await agentOnDav({ endpoint: spelled(servers.dav.url) });
    const text = await place.agent.createDocument({ title: 'there' });
    expect(stored(place, 'data')).toEqual([JSON.parse(text).jacsId]);
    expect(await all(place.agent.listDocuments())).toMatchObject([{ key: keyOf(text) }]);
  });

  test.each([
    ['', ''],
    ['and a slash', '/'],
  ])('with a path %s', async (_, end) => {
    const first = await agentOnDav();
    const env = { HAI_STORAGE_URL: `${servers.dav.url}/${first.collection.name}${end}` };
    const agent = await againOn({ ...first, data: 'deep/er' }, { env });
    const text = await agent.createDocument({ title: 'there' });
    expect(stored(first, 'deep/er')).toEqual([JSON.parse(text).jacsId]);
    expect(await agent.getDocument(JSON.parse(text).jacsId, { cache: false })).toBe(text);
    expect(await all(agent.listDocuments())).toMatchObject([{ key: keyOf(text) }]);
  });

  test('a data directory is not needed', async () => {
    const first = await agentOnDav();
    const env = { HAI_STORAGE_URL: `${servers.dav.url}/${first.collection.name}` };
    const agent = await againOn({ ...first, data: './' }, { env });
    const text = await agent.createDocument({ title: 'at the top' });
    expect(stored(first, '.')).toEqual([JSON.parse(text).jacsId]);
  });

  test('names with spaces and letters of all kinds', async () => {
    const first = await agentOnDav();
    const data = `${first.collection.name}/two words/ünïcode & +%41`;
    const agent = await againOn({ ...first, data });
    const text = await agent.createDocument({ title: 'there' });
    expect(stored(first, 'two words/ünïcode & +%41')).toEqual([JSON.parse(text).jacsId]);
    expect(await agent.getDocument(JSON.parse(text).jacsId, { cache: false })).toBe(text);
    expect(await all(agent.listDocuments())).toMatchObject([{ key: keyOf(text) }]);
  });

  test('a path at which nothing is, above what is made', async () => {
    const first = await agentOnDav();
    const env = { HAI_STORAGE_URL: `${servers.dav.url}/${first.collection.name}/missing` };
    const agent = await againOn({ ...first, data: 'data' }, { env });
    await refusal(agent.createDocument({ title: 'nowhere' }), 'JACS_CONFIG');
    expect(fs.readdirSync(first.collection.folder)).toEqual([]);
  });
});

describeWith(['dav'], 'proxies', () => {
  let proxy;
  beforeAll(async () => {
    proxy = await startMiddleman({ to: servers.dav.url, names: ['storage.example.org'] });
  });
  const settings = { jacs_storage_options: { allow_http: true, retries: 0, timeout_ms: 9_000 } };

  test.each([
    ['http', 'HTTP_PROXY'],
    ['http', 'http_proxy'],
    ['http', 'ALL_PROXY'],
    ['https', 'HTTPS_PROXY'],
    ['https', 'https_proxy'],
  ])('%s goes through %s', async (scheme, variable) => {
    const place = await agentOnDav();
    const env = { HAI_STORAGE_URL: `${scheme}://storage.example.org`, NODE_EXTRA_CA_CERTS: proxy.ca };
    const agent = await againOn(place, { env: { ...env, [variable]: proxy.url }, settings });
    const before = proxy.requests.length;
    const text = await agent.createDocument({ title: 'through' });
    expect(JSON.parse(text).jacsId).toBe(fs.readdirSync(`${place.stored}/documents`)[0]);
    expect(proxy.requests.slice(before).at(-1).url).toMatch(`${scheme}://storage.example.org/`);
  });

  test('this machine is never asked through one, whatever the variables say', async () => {
    const place = await agentOnDav();
    const variables = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy'];
    const before = proxy.requests.length;
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = servers.dav.url.replace('127.0.0.1', host);
      const env = { ...Object.fromEntries(variables.map((name) => [name, proxy.url])), HAI_STORAGE_URL: url };
      await (await againOn(place, { env })).createDocument({ title: 'directly' });
    }
    expect(proxy.requests).toHaveLength(before);
  });

  test('hosts of NO_PROXY are asked directly', async () => {
    const place = await agentOnDav();
    // No loopback address by its number, and yet this machine.
    const env = { HAI_STORAGE_URL: servers.dav.url.replace('127.0.0.1', '0.0.0.0'), HTTP_PROXY: proxy.url };
    const before = proxy.requests.length;
    const direct = await againOn(place, { env: { ...env, NO_PROXY: 'example.com,0.0.0.0' }, settings });
    await direct.createDocument({ title: 'directly' });
    expect(proxy.requests).toHaveLength(before);
    const other = await againOn(place, { env: { ...env, NO_PROXY: 'example.com' }, settings });
    await other.createDocument({ title: 'through' });
    expect(proxy.requests.length).toBeGreaterThan(before);
  });

  test('a proxy that is no URL is refused when it is loaded, and its password not shown', async () => {
    const place = await agentOnDav();
    const error = await refusal(againOn(place, { env: { HTTPS_PROXY: 'http://me:s3cret@' } }), 'JACS_CONFIG');
    expect(error.message).toContain('HTTPS_PROXY');
    expect(`${error.stack} ${error.cause?.stack}`).not.toContain('s3cret');
  });
});
