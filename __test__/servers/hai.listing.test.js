'use strict';
// WebDAV servers differ in how they list, and people and programs put things into collections.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf, refusal } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { agentOnDav, againOn } = require('../support/remote.js');
const { servers, startDav } = require('../support/servers.js');
const { uuidV7 } = require('../support/witness.js');

const settings = { jacs_cache_bytes: 0 };

/** Two documents, the first with two versions: `{ texts, first, updated, keys }`, `keys` of the newest, ascending. */
async function fill(agent) {
  const first = keyOf(await agent.createDocument({ title: 'first' }));
  const updated = keyOf(await agent.updateDocument(first, { title: 'updated' }));
  const other = keyOf(await agent.createDocument({ title: 'other' }));
  return { first, updated, other, keys: [updated, other].sort() };
}

const keysIn = async (agent, options) => (await all(agent.listDocuments(options))).map(({ key }) => key);

/** All that reading verbs tell of what `fill` made. */
async function expectAll(agent, made) {
  const id = made.first.split(':')[0];
  expect(await keysIn(agent)).toEqual(made.keys);
  expect((await keysIn(agent, { allVersions: true })).sort()).toEqual([made.first, made.updated, made.other].sort());
  expect((await agent.versions(id)).map(({ key }) => key)).toEqual([made.first, made.updated]);
  expect(keyOf(await agent.getDocument(id))).toBe(made.updated);
  expect(await all(agent.listAgents())).toMatchObject([{ id: agent.id }]);
}

describeWith(['dav'], 'a server that lists one level and no more', () => {
  test('does everything', async () => {
    const at = await startDav({ depthInfinity: false });
    const { agent, stored } = await agentOnDav({ at, settings });
    const made = await fill(agent);
    await expectAll(agent, made);
    const { ok, storage } = await agent.doctor();
    expect({ ok, permissions: storage.permissions }).toEqual({
      ok: true,
      permissions: { list: true, read: true, write: true, remove: true },
    });
    await agent.removeDocument(made.first.split(':')[0], { allVersions: true });
    expect(await keysIn(agent)).toEqual([made.other]);
    expect(fs.readdirSync(stored).sort()).toEqual(['agents', 'documents']);
  }, 60_000);
});

describeWith(['dav'], 'names in a listing', () => {
  /** An agent behind a go-between that rewrites what a listing says. */
  async function rewritten(rewrite) {
    const between = await startMiddleman({
      to: servers.dav.url,
      answer: (answered, { method, host }) => {
        if (method !== 'PROPFIND') return;
        const text = answered.body.toString();
        answered.body = Buffer.from(
          text.replace(/(<\w+:href>)(.*?)(<\/)/g, (_, a, href, b) => a + rewrite(href, host) + b),
        );
        between.rewritten = between.rewritten || answered.body.toString() !== text;
      },
    });
    const place = await agentOnDav({ endpoint: between.url, settings });
    return { ...place, between };
  }

  test.each([
    ['whole URLs', (href, host) => `http://${host}${href}`],
    // A server behind another does not always know its name.
    ['whole URLs of another host', (href) => `https://inside.example.org:8443${href}`],
    ['more encoded than needed', (href) => href.replaceAll('-', '%2D').replaceAll('.', '%2e')],
  ])('%s', async (_, rewrite) => {
    const { agent, between } = await rewritten(rewrite);
    await expectAll(agent, await fill(agent));
    expect(between.rewritten).toBe(true);
  });

  test('white space around them', async () => {
    const { agent } = await rewritten((href) => `\n  ${href}\n`);
    await expectAll(agent, await fill(agent));
  });

  // A lock has a token, and that stands in an href too.
  test('inside the properties of a member that somebody has locked', async () => {
    const { agent, collection } = await agentOnDav({ settings });
    const made = await fill(agent);
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>' +
      '<D:owner><D:href>http://example.org/me</D:href></D:owner></D:lockinfo>';
    const { status } = await fetch(`${collection.url}/data/documents/${made.first.replace(':', '/')}.json`, {
      method: 'LOCK',
      headers: { authorization: `Bearer ${servers.dav.token}`, timeout: 'Second-60' },
      body,
    });
    expect(status).toBe(200);
    await expectAll(agent, made);
  });

  test('of another prefix', async () => {
    const between = await startMiddleman({
      to: servers.dav.url,
      answer: (answered, { method }) => {
        if (method !== 'PROPFIND') return;
        const text = answered.body.toString();
        answered.body = Buffer.from(text.replace(/<(\/?)D:/g, '<$1x:').replace('xmlns:D=', 'xmlns:x='));
      },
    });
    const { agent } = await agentOnDav({ endpoint: between.url, settings });
    await expectAll(agent, await fill(agent));
  });

  test.each([
    ['of another place', (href) => href.replace(/^\/[^/]*/, '/elsewhere')],
    ['above what was asked for', () => '/'],
  ])('%s are not what was asked for: no list at all', async (_, rewrite) => {
    let on = false;
    const { agent } = await rewritten((href, host) => (on ? rewrite(href, host) : href));
    const made = await fill(agent);
    on = true;
    await refusal(keysIn(agent), 'JACS_UNAVAILABLE');
    await refusal(agent.getDocument(made.first.split(':')[0]), 'JACS_UNAVAILABLE');
    on = false;
    await expectAll(agent, made);
  });

  test('that climb out of the collection lead nowhere', async () => {
    const { agent, between } = await rewritten((href) => `${href}../../../x`);
    await agent.createDocument({ title: 'here' });
    expect(await keysIn(agent)).toEqual([]);
    for (const { url } of between.requests) expect(url).not.toMatch(/\.\.|\/x/);
  });
});

describeWith(['dav'], 'things that are not ours', () => {
  test('are passed over, whatever their names', async () => {
    const { agent, stored } = await agentOnDav({ settings });
    const made = await fill(agent);
    const documents = path.join(stored, 'documents');
    const own = path.join(documents, made.first.split(':')[0]);
    const strange = ['a file', '%2e%2e', '%2e%2e%2fx.json', 'a&b<c>.json', 'ü.json', '.DS_Store', '#1#', 'a?b'];
    for (const folder of [stored, documents, own]) {
      for (const name of strange) fs.writeFileSync(path.join(folder, name), 'not ours');
      fs.mkdirSync(path.join(folder, 'a folder'));
      fs.writeFileSync(path.join(folder, 'a folder', `${uuidV7()}.json`), '{}');
    }
    // Of the right kind, at the wrong place: a document's name without a folder, a folder in a version's place.
    fs.writeFileSync(path.join(documents, `${uuidV7()}.json`), '{}');
    fs.mkdirSync(path.join(documents, randomUUID().toUpperCase()));
    fs.mkdirSync(path.join(own, 'agents'));
    await expectAll(agent, made);
    await agent.removeDocument(made.first.split(':')[0], { allVersions: true });
    expect(fs.readdirSync(own).sort()).toEqual([...strange, 'a folder', 'agents'].sort());
  });

  test('an empty folder is no document', async () => {
    const { agent, stored } = await agentOnDav({ settings });
    const made = await fill(agent);
    const id = randomUUID();
    fs.mkdirSync(path.join(stored, 'documents', id));
    await expectAll(agent, made);
    await refusal(agent.getDocument(id), 'JACS_NOT_FOUND');
    await refusal(agent.removeDocument(id, { allVersions: true }), 'JACS_NOT_FOUND');
  });
});

describeWith(['dav'], 'collections that are gone', () => {
  const cases = [
    ["the document's", 'documents/ID'],
    ['all documents', 'documents'],
    ['the whole data directory', '.'],
  ];
  test.each(cases)('%s: the next write makes them again', async (_, gone) => {
    const { agent, stored } = await agentOnDav({ settings });
    const made = await fill(agent);
    const next = await agent.createDocument({ title: 'next' }, { noSave: true });
    const [id] = made.first.split(':');
    const unsaved = await agent.updateDocument(made.updated, { title: 'third' }, { noSave: true });
    fs.rmSync(path.join(stored, gone.replace('ID', id)), { recursive: true });
    // Of the document whose collection is remembered, and of one whose is not.
    expect(await agent.saveDocument(unsaved)).toBe(unsaved);
    expect(await agent.saveDocument(next)).toBe(next);
    expect(await agent.getDocument(keyOf(unsaved))).toBe(unsaved);
    expect(await agent.getDocument(keyOf(next))).toBe(next);
  });

  test('a new document is found by others that remember none', async () => {
    const place = await agentOnDav({ settings });
    await fill(place.agent);
    fs.rmSync(place.stored, { recursive: true });
    const text = await place.agent.createDocument({ title: 'again' });
    const other = await againOn(place);
    expect(await keysIn(other)).toEqual([keyOf(text)]);
  });
});
