'use strict';
// How surely the first writer of a key wins: found out at the server, said by the doctor, and never taken on trust. Also
// before a server that ignores the condition: a go-between that leaves it out and signs anew.

const { setTimeout: sleep } = require('node:timers/promises');
const { keyOf, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { servers, s3 } = require('../support/servers.js');

const object = (key) => `data/documents/${key.replace(':', '/')}.json`;

/** A gateway to RGW that takes If-None-Match and does not heed it. `ignored`: how often it did so. */
async function heedless() {
  const gateway = await startMiddleman({
    to: servers.rgw.endpoint,
    request: ({ method, url, headers, body }) => {
      const { pathname, searchParams } = new URL(url, servers.rgw.endpoint);
      if (headers['if-none-match']) gateway.ignored++;
      const kept = ['content-type', 'content-md5', 'range'].filter((name) => headers[name] !== undefined);
      const signed = Object.fromEntries(kept.map((name) => [name, headers[name]]));
      const path = decodeURIComponent(pathname.slice(1));
      return s3(method, path, { at: servers.rgw, query: Object.fromEntries(searchParams), headers: signed, body });
    },
  });
  gateway.ignored = 0;
  return gateway;
}

const puts = ({ requests }, from = 0) => requests.slice(from).filter(({ method }) => method === 'PUT').length;

describeWith(['rgw'], 'a server that ignores the condition', () => {
  let gateway;
  let place;
  beforeAll(async () => {
    gateway = await heedless();
    place = await agentOnS3({ endpoint: gateway.url, settings: { jacs_cache_bytes: 0 } });
  });

  const stored = async (key) => {
    const { body } = await s3('GET', `${place.bucket}/${object(key)}`, { at: servers.rgw });
    return body.toString();
  };

  test('is found out by the first write that brings its key', async () => {
    const text = await place.agent.createDocument({ title: 'brought' }, { noSave: true });
    await place.agent.createDocument({ title: 'publishes the agent' });
    expect(puts(gateway)).toBe(2);
    await place.agent.saveDocument(text);
    // What shows it twice, and that under a name that nobody else can have; the document.
    expect(puts(gateway)).toBe(7);
    expect(gateway.ignored).toBe(7);
    expect((await place.agent.doctor({ probe: false })).storage.createOnce).toBe('none');
  });

  test('gets each later document once', async () => {
    const before = gateway.requests.length;
    await place.agent.createDocument({ title: 'fresh' });
    expect(puts(gateway, before)).toBe(1);
    const brought = await place.agent.createDocument({ title: 'brought' }, { noSave: true });
    await place.agent.saveDocument(brought);
    expect(puts(gateway, before)).toBe(2);
    // What one agent learned, the others of this process know.
    const another = await againOn(place);
    expect((await another.doctor({ probe: false })).storage.createOnce).toBe('none');
    await another.createDocument({ title: 'fresh as well' });
    expect(puts(gateway, before)).toBe(3);
  });

  test('is told by the doctor, with a warning', async () => {
    const fresh = await heedless();
    const { agent } = await agentOnS3({ endpoint: fresh.url });
    const { ok, storage, warnings } = await agent.doctor();
    expect(storage.createOnce).toBe('none');
    expect(ok).toBe(false);
    expect(warnings).toEqual([expect.stringContaining('condition')]);
  });

  test('does not get to overwrite what another wrote', async () => {
    const text = await place.agent.createDocument({ title: 'brought' }, { noSave: true });
    const key = keyOf(text);
    // Another's bytes under the same key.
    const put = { at: servers.rgw, body: text.replace('brought', 'changed') };
    expect((await s3('PUT', `${place.bucket}/${object(key)}`, put)).status).toBe(200);
    const before = gateway.requests.length;
    const error = await refusal(place.agent.saveDocument(text), 'JACS_CONFLICT');
    expect(error.key).toBe(key);
    expect(puts(gateway, before)).toBe(0);
    expect(await stored(key)).toBe(put.body);
  });

  test('takes the same bytes again for success', async () => {
    const text = await place.agent.createDocument({ title: 'same' });
    const before = gateway.requests.length;
    expect(await place.agent.saveDocument(text)).toBe(text);
    expect(puts(gateway, before)).toBe(0);
    expect(await stored(keyOf(text))).toBe(text);
  });

  test('that another overwrites between write and look is a conflict', async () => {
    const text = await place.agent.createDocument({ title: 'mine' }, { noSave: true });
    const others = text.replace('mine', 'else');
    // The other writer comes right after ours.
    const slow = await startMiddleman({
      to: gateway.url,
      answer: async (answered, { method, url }) => {
        if (method !== 'PUT' || !url.includes(object(keyOf(text)))) return;
        await s3('PUT', `${place.bucket}/${object(keyOf(text))}`, { at: servers.rgw, body: others });
      },
    });
    const agent = await againOn(place, { env: { AWS_ENDPOINT_URL_S3: slow.url } });
    await refusal(agent.saveDocument(text), 'JACS_CONFLICT');
    expect(await stored(keyOf(text))).toBe(others);
  });
});

describeWith(['rgw'], 'a server that keeps it', () => {
  test('is atomic, found out by one write that is refused', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const { agent } = await agentOnS3({ endpoint: proxy.url });
    expect((await agent.doctor({ probe: false })).storage.createOnce).toBe('checked');
    const text = await agent.createDocument({ title: 'brought' }, { noSave: true });
    await agent.saveDocument(text);
    expect(proxy.requests.filter(({ status }) => status === 412)).toHaveLength(1);
    const { storage, ok } = await agent.doctor({ probe: false });
    expect({ createOnce: storage.createOnce, ok }).toEqual({ createOnce: 'atomic', ok: true });
    for (const { method, headers } of proxy.requests) {
      if (method === 'PUT') expect(headers['if-none-match']).toBe('*');
    }
  });

  test('is found atomic by many who look at the same time', async () => {
    // What was learned is known by endpoint: behind proxies of their own the two are as two processes.
    const [slow, quick] = await Promise.all([startProxy(servers.rgw.endpoint), startProxy(servers.rgw.endpoint)]);
    const place = await agentOnS3({ endpoint: slow.url });
    const other = await againOn(place, { env: { AWS_ENDPOINT_URL_S3: quick.url } });
    const looking = slow.fail({ method: 'PUT', path: '.jacs-probe', skip: 1, delay: 1000 });
    const brought = (agent) => agent.createDocument({ title: 'brought' }, { noSave: true });
    const writing = place.agent.saveDocument(await brought(place.agent));
    while (looking.hits === 0) await sleep(5);
    await other.saveDocument(await brought(other));
    await writing;
    for (const agent of [place.agent, other]) {
      expect((await agent.doctor({ probe: false })).storage.createOnce).toBe('atomic');
    }
  });

  test("is atomic, found out by the doctor's probe", async () => {
    const { agent } = await agentOnS3();
    expect((await agent.doctor()).storage.createOnce).toBe('atomic');
  });
});

describeWith(['dav'], 'WebDAV', () => {
  test('is checked, with every write conditional', async () => {
    const proxy = await startProxy(servers.dav.url);
    const { agent } = await agentOnDav({ endpoint: proxy.url });
    const text = await agent.createDocument({ title: 'one' }, { noSave: true });
    await agent.saveDocument(text);
    const { ok, storage } = await agent.doctor();
    expect({ ok, createOnce: storage.createOnce }).toEqual({ ok: true, createOnce: 'checked' });
    const writes = proxy.requests.filter(({ method }) => method === 'PUT');
    expect(writes.length).toBeGreaterThan(3);
    for (const { headers } of writes) expect(headers['if-none-match']).toBe('*');
  });

  test('that ignores the condition overwrites nothing that stands there', async () => {
    const careless = await startMiddleman({
      to: servers.dav.url,
      request: ({ headers }) => void delete headers['if-none-match'],
    });
    const place = await agentOnDav({ endpoint: careless.url });
    const { ok, storage, warnings } = await place.agent.doctor();
    expect({ ok, createOnce: storage.createOnce }).toEqual({ ok: false, createOnce: 'none' });
    expect(warnings).toEqual([expect.stringContaining('condition')]);
    const text = await place.agent.createDocument({ title: 'one' });
    const before = careless.requests.length;
    expect(await place.agent.saveDocument(text)).toBe(text);
    expect(puts(careless, before)).toBe(0);
  });
});

describeWith(['rgw'], 'a server that does not know the condition', () => {
  test('is written to without it, and looked at before and after where a caller brings the key', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const refuse = { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' };
    const when = ({ method, headers }) => method === 'PUT' && headers['if-none-match'] !== undefined;
    proxy.fail({ when, answer: refuse, times: Infinity });
    const { agent } = await agentOnS3({ endpoint: proxy.url });
    const text = await agent.createDocument({ title: 'without' });
    await expect(agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
    const before = proxy.requests.length;
    await agent.createDocument({ title: 'once' });
    expect(proxy.requests.slice(before).map(({ method }) => method)).toEqual(['PUT']);
    await expect(agent.saveDocument(text)).resolves.toBe(text);
    expect((await agent.doctor()).storage).toMatchObject({ createOnce: 'none', permissions: { write: true } });
  });

  test('where only the layout may be written, a save looks before and after', async () => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const refuse = { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' };
    proxy.fail({ path: '.jacs-probe', answer: refuse, times: Infinity });
    const { agent } = await agentOnS3({ endpoint: proxy.url });
    const text = await agent.createDocument({ title: 'brought' }, { noSave: true });
    await expect(agent.saveDocument(text)).resolves.toBe(text);
    await expect(agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
  });
});
