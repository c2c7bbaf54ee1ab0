'use strict';
// The four actions of the documented IAM policy are enough, and each is needed by some calls and by no others: a second
// user of the gateway, whom a bucket's policy lets in.

const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { cli } = require('../support/run.js');
const { newBucket, servers, s3 } = require('../support/servers.js');

const ACTIONS = ['GetObject', 'PutObject', 'DeleteObject', 'ListBucket'];

/** Lets the second user do these and nothing else. */
async function allow(bucket, actions) {
  const arn = `arn:aws:s3:::${bucket}`;
  const Action = actions.map((action) => `s3:${action}`);
  const statement = { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/second'] }, Action };
  const policy = { Version: '2012-10-17', Statement: [{ ...statement, Resource: [arn, `${arn}/*`] }] };
  const body = JSON.stringify(policy);
  const { status } = await s3('PUT', bucket, { at: servers.rgw, query: { policy: '' }, body });
  expect(status).toBe(204);
}

/** The keys of a bucket, as its owner sees them. */
async function keysOf(bucket) {
  const { body } = await s3('GET', bucket, { at: servers.rgw, query: { 'list-type': '2' } });
  return [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
}

/**
 * An agent of the bucket's owner as `place.agent`, and the same with the keys of the second user as `agent`. Whoever made
 * an object may read it, whatever a policy says: so the owner makes what the second user is to need permissions for.
 */
async function twoUsers() {
  const { accessKey, secretKey } = servers.rgw.second;
  const place = await agentOnS3({ settings: { jacs_cache_bytes: 0 } });
  await allow(place.bucket, ACTIONS);
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  const load = () => againOn(place, { settings: { jacs_cache_bytes: 0 }, env });
  return { place, bucket: place.bucket, load, agent: await load() };
}

/** Documents of the agent: one with three versions, so that a batch removes all but the last, and an unsaved one. */
async function documents(agent) {
  const key = keyOf(await agent.createDocument({ title: 'one' }));
  const second = keyOf(await agent.updateDocument(key, { title: 'two' }));
  return {
    key,
    id: key.split(':')[0],
    newest: keyOf(await agent.updateDocument(second, { title: 'three' })),
    single: keyOf(await agent.createDocument({ title: 'single' })),
    unsaved: await agent.createDocument({ title: 'unsaved' }, { noSave: true }),
  };
}

/** Every call that asks the store, and the actions without which it is refused. */
const CALLS = [
  ['createDocument', ['PutObject'], (agent) => agent.createDocument({ title: 'new' })],
  ['createDocuments', ['PutObject'], (agent) => agent.createDocuments([{ title: 'a' }, { title: 'b' }])],
  ['getDocument, a version', ['GetObject'], (agent, { key }) => agent.getDocument(key)],
  ['getDocument, the newest', ['GetObject', 'ListBucket'], (agent, { id }) => agent.getDocument(id)],
  ['versions', ['GetObject', 'ListBucket'], (agent, { id }) => agent.versions(id)],
  // Without the list it tells no heads.
  ['inspectDocument', ['GetObject'], (agent, { key }) => agent.inspectDocument(key)],
  ['verifyHistory', ['GetObject', 'ListBucket'], (agent, { id }) => agent.verifyHistory(id)],
  ['listDocuments', ['ListBucket'], (agent) => all(agent.listDocuments())],
  ['listAgents', ['ListBucket'], (agent) => all(agent.listAgents())],
  ['saveDocument', ['PutObject', 'ListBucket'], (agent, { unsaved }) => agent.saveDocument(unsaved)],
  [
    'updateDocument',
    ['GetObject', 'PutObject', 'ListBucket'],
    (agent, { newest }) => agent.updateDocument(newest, { title: 'four' }),
  ],
  // Whether it is there is a HEAD, which GetObject allows.
  [
    'removeDocument, a version',
    ['GetObject', 'DeleteObject', 'ListBucket'],
    (agent, { single }) => agent.removeDocument(single),
  ],
];

const removeAll = (agent, { id }) => agent.removeDocument(id, { allVersions: true });

const outcome = (promise) =>
  promise.then(
    () => 'done',
    (error) => error.code,
  );

describeWith(['rgw'], 'the four actions', () => {
  test('are enough for every call', async () => {
    const { agent, bucket } = await twoUsers();
    const made = await documents(agent);
    for (const [name, , call] of CALLS) expect([name, await outcome(call(agent, made))]).toEqual([name, 'done']);
    await removeAll(agent, made);
    const { ok, warnings, storage } = await agent.doctor();
    expect({ ok, warnings }).toEqual({ ok: true, warnings: [] });
    expect(storage.permissions).toEqual({ list: true, read: true, write: true, remove: true });
    // Everything else is forbidden to this user: the policy was in force.
    const asSecond = { at: servers.rgw, as: servers.rgw.second };
    expect((await s3('GET', bucket, { ...asSecond, query: { policy: '' } })).status).toBe(403);
  });

  test('are enough for an agent whose own document is in the store alone', async () => {
    const { place, load } = await twoUsers();
    const key = keyOf(await place.agent.createDocument({ title: 'publishes the agent' }));
    fs.rmSync(path.join(place.keys, 'agents'), { recursive: true });
    const again = await load();
    expect(again.id).toBe(place.agent.id);
    expect(await again.getDocument(key)).toContain('publishes the agent');
  });

  test.each(ACTIONS)('without %s some calls are refused, and leave nothing half done', async (missing) => {
    const { place, agent, bucket } = await twoUsers();
    const made = await documents(place.agent);
    await agent.createDocument({ title: 'finds out that conditions are kept' });
    await allow(
      bucket,
      ACTIONS.filter((action) => action !== missing),
    );
    for (const [name, needed, call] of CALLS) {
      const before = await keysOf(bucket);
      const expected = needed.includes(missing) ? 'JACS_PERMISSION' : 'done';
      expect([name, await outcome(call(agent, made))]).toEqual([name, expected]);
      if (expected !== 'done') expect(await keysOf(bucket)).toEqual(before);
    }
  });

  test.each(['DeleteObject', 'ListBucket'])('without %s not one of many versions is removed', async (missing) => {
    const { place, agent, bucket } = await twoUsers();
    const made = await documents(place.agent);
    await allow(
      bucket,
      ACTIONS.filter((action) => action !== missing),
    );
    const before = await keysOf(bucket);
    expect(await outcome(removeAll(agent, made))).toBe('JACS_PERMISSION');
    expect(await keysOf(bucket)).toEqual(before);
  });

  test('without GetObject all of many versions are removed, or none', async () => {
    const { place, agent, bucket } = await twoUsers();
    const made = await documents(place.agent);
    await allow(bucket, ['PutObject', 'DeleteObject', 'ListBucket']);
    const before = await keysOf(bucket);
    const kept =
      (await outcome(removeAll(agent, made))) === 'done' ? before.filter((k) => !k.includes(made.id)) : before;
    expect(await keysOf(bucket)).toEqual(kept);
  });

  test('a listing by type leaves nothing out that it may not read', async () => {
    const { place, agent, bucket } = await twoUsers();
    await documents(place.agent);
    await allow(bucket, ['PutObject', 'ListBucket']);
    expect(await outcome(all(agent.listDocuments({ type: 'document' })))).toBe('JACS_PERMISSION');
  });

  test('a refused write gives the signed document back, to be saved once it is allowed', async () => {
    const { agent, bucket } = await twoUsers();
    await agent.createDocument({ title: 'publishes the agent' });
    await allow(bucket, ['GetObject', 'ListBucket']);
    const error = await agent.createDocument({ title: 'refused' }).catch((refused) => refused);
    expect(error).toMatchObject({ code: 'JACS_PERMISSION', document: expect.any(String) });
    await allow(bucket, ACTIONS);
    expect(await agent.saveDocument(error.document)).toBe(error.document);
    expect(await agent.getDocument(error.key)).toBe(error.document);
  });
});

describeWith(['rgw'], 'the command, with the four actions', () => {
  test('does everything', async () => {
    const bucket = await newBucket();
    await allow(bucket, ACTIONS);
    const { accessKey, secretKey } = servers.rgw.second;
    const env = {
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
      AWS_REGION: servers.rgw.region,
      AWS_ENDPOINT_URL_S3: servers.rgw.endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: '/nowhere',
      JACS_PRIVATE_KEY_PASSWORD: 'correct horse 1',
    };
    const cwd = temporaryFolder();
    const config = { jacs_default_storage: 'aws', jacs_data_directory: `s3://${bucket}/data` };
    fs.writeFileSync(path.join(cwd, 'jacs.config.json'), JSON.stringify(config));
    const done = async (args, input) => {
      const { code, stdout, stderr } = await cli(args, { cwd, env, input });
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return stdout;
    };
    await done(['init', '--name', 'Second']);
    const text = (await done(['create', '-'], '{"title":"one"}')).trim();
    const key = keyOf(text);
    const [id] = key.split(':');
    const second = keyOf((await done(['update', key, '-'], '{"title":"two"}')).trim());
    expect((await done(['get', key])).trim()).toBe(text);
    expect(await done(['list'])).toContain(second);
    expect(await done(['versions', id])).toContain(key);
    expect(await done(['history', id])).toContain(key);
    await done(['inspect', key]);
    await done(['verify', '-'], text);
    await done(['save', '-'], text);
    expect(await done(['doctor'])).toContain('remove true');
    for (const args of [[second], [id, '--all-versions']]) {
      expect(await cli(['remove', ...args, '--yes'], { cwd, env })).toMatchObject({ code: 0 });
    }
    expect(await keysOf(bucket)).toEqual([expect.stringContaining('data/agents/')]);
  });
});
