'use strict';
// A data directory is complete in itself: copied to another backend by other programs, and back, it is what it was.

const fs = require('node:fs');
const path = require('node:path');
const { all, anotherOn, keyOf, loadAgain, newAgent } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { againOn, davVariables, s3Variables } = require('../support/remote.js');
const { run } = require('../support/run.js');
const { aws, newBucket, newCollection, servers } = require('../support/servers.js');

const idOf = (text) => JSON.parse(text).jacsId;

/** A folder on this disk with documents of two agents, one of several versions and one with a fork. */
async function filled() {
  const place = await newAgent();
  const { agent } = place;
  const other = await anotherOn(place);
  const texts = await agent.createDocuments(Array.from({ length: 20 }, (_, number) => ({ number })));
  texts.push(await other.agent.createDocument({ title: 'of the other agent' }));
  for (let number = 0; number < 3; number++) {
    texts.push(await agent.updateDocument(keyOf(number === 0 ? texts[0] : texts.at(-1)), { again: number }));
  }
  const forks = [await agent.updateDocument(keyOf(texts[1]), { fork: 1 })];
  await agent.removeDocument(keyOf(forks[0]));
  forks.push(await agent.updateDocument(keyOf(texts[1]), { fork: 2 }));
  await agent.saveDocument(forks[0]);
  return { ...place, texts: [...texts, ...forks] };
}

/** Everything that an agent tells about a store. */
async function toldBy(agent) {
  const listed = await all(agent.listDocuments({ allVersions: true }));
  const ids = [...new Set(listed.map(({ id }) => id))];
  const details = async (id) => ({
    newest: await agent.getDocument(id, { cache: false }),
    versions: await agent.versions(id),
    history: await agent.verifyHistory(id),
  });
  return {
    keys: listed.map(({ key, bytes }) => [key, bytes]),
    newest: (await all(agent.listDocuments())).map(({ key }) => key),
    agents: (await all(agent.listAgents())).map(({ key }) => key),
    texts: await Promise.all(listed.map(({ key }) => agent.getDocument(key, { cache: false }))),
    documents: await Promise.all(ids.map(details)),
  };
}

/** What `diff -r` says of two folders: nothing where they are the same. */
async function difference(one, two) {
  const { code, stdout, stderr } = await run('diff', ['-r', one, two]);
  expect(stderr).toBe('');
  return { code, stdout };
}

const SAME = { code: 0, stdout: '' };

let place;
let told;
beforeAll(async () => {
  place = await filled();
  told = await toldBy(place.agent);
  expect([...told.texts].sort()).toEqual([...place.texts].sort());
  expect(told.agents).toHaveLength(2);
  expect(told.documents.filter(({ history }) => history.heads.length === 2)).toHaveLength(1);
  expect(told.documents.filter(({ history }) => !history.valid)).toEqual([]);
});

/** Opens a copy elsewhere, which tells what the first told; then replaces a document there. */
async function opened(copy) {
  const agent = await againOn(copy);
  expect(await toldBy(agent)).toEqual(told);
  const unchanged = await copy.back();
  expect(await difference(place.data, unchanged)).toEqual(SAME);
  const here = await loadAgain({ ...place, data: unchanged });
  expect(await toldBy(here)).toEqual(told);
  return agent;
}

/** What is done to the copy arrives here with the next copying back. */
async function goesOn(copy, agent) {
  const newest = await agent.getDocument(idOf(place.texts[0]));
  const update = await agent.updateDocument(keyOf(newest), { where: 'elsewhere' });
  const back = await copy.back();
  const files = filesUnder(place.data).length;
  expect(filesUnder(back)).toHaveLength(files + 1);
  const here = await loadAgain({ ...place, data: back });
  await expect(here.getDocument(idOf(update))).resolves.toBe(update);
}

describeWith(['rgw', 'awscli'], 'aws s3 sync', () => {
  test('of a folder to a bucket and back', async () => {
    const bucket = await newBucket();
    const data = `s3://${bucket}/nested/copy`;
    const sync = (from, to) => aws(['s3', 'sync', '--only-show-errors', from, to]);
    await sync(place.data, data);
    const folder = path.join(temporaryFolder(), 'jacs_data');
    const back = async () => {
      await sync(data, folder);
      return folder;
    };
    const copy = { ...place, bucket, data, env: s3Variables(servers.rgw), back };
    await goesOn(copy, await opened(copy));
  }, 60_000);
});

describeWith(['dav', 'rsync'], 'rsync', () => {
  test("of a folder to a WebDAV server's disk and back", async () => {
    const collection = newCollection();
    const stored = path.join(collection.folder, 'copy');
    const rsync = async (from, to, ...options) => {
      const { code, stderr } = await run('rsync', ['-a', ...options, `${from}/`, to]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    };
    const { uid, gid } = fs.statSync(collection.folder);
    await rsync(place.data, stored, `--chown=${uid}:${gid}`);
    const folder = path.join(temporaryFolder(), 'jacs_data');
    const back = async () => {
      await rsync(stored, folder, `--chown=${process.getuid()}:${process.getgid()}`);
      return folder;
    };
    const copy = { ...place, data: `${collection.name}/copy`, env: davVariables(servers.dav), back };
    await goesOn(copy, await opened(copy));
  }, 60_000);
});
