'use strict';
// What lies in a bucket, as other clients see it.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { nameOf } = require('../support/raw.js');
const { agentOnS3 } = require('../support/remote.js');
const { aws, newBucket, rclone, s3, s3cmd, servers } = require('../support/servers.js');

/** Begins what is written and removed at once, to learn what the server does with conditions. */
const PROBE = 'data/.jacs-probe-';
const ofOurs = ({ Key }) => !Key.startsWith(PROBE);

const idOf = (text) => JSON.parse(text).jacsId;
const inBucket = (bucket, key) => ['--bucket', bucket, '--key', key];

/** An object's bytes, by the AWS command line. */
async function downloaded(bucket, key, ...options) {
  const file = path.join(temporaryFolder(), 'object');
  await aws(['s3api', 'get-object', ...inBucket(bucket, key), ...options, file]);
  return fs.readFileSync(file);
}

describeWith(['rgw', 'awscli', 's3cmd', 'rclone'], 'a bucket', () => {
  let place;
  let texts;
  /** The bytes that must be there, by the names of the objects. */
  let expected;

  beforeAll(async () => {
    place = await agentOnS3();
    const { agent } = place;
    const [first, other] = await agent.createDocuments([{ title: 'first' }, { title: 'Zürich \u{1f600}' }]);
    const second = await agent.updateDocument(keyOf(first), { title: 'second' });
    texts = [first, other, second];
    const own = `${agent.id}:${agent.version}`;
    const objects = [[nameOf(own, 'agents'), await agent.getDocument(own)]];
    objects.push(...texts.map((text) => [nameOf(keyOf(text)), text]));
    expected = Object.fromEntries(objects.map(([name, text]) => [`data/${name}`, text]).sort());
  });

  test('has an object for each version and for the agent, and nothing else', async () => {
    const { Contents } = await aws(['s3api', 'list-objects-v2', '--bucket', place.bucket]);
    const found = Object.fromEntries(Contents.map(({ Key, Size }) => [Key, Size]));
    const sizes = Object.entries(expected).map(([name, text]) => [name, Buffer.byteLength(text)]);
    expect(found).toEqual(Object.fromEntries(sizes));
    const pattern = /^data\/(agents|documents)\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/[0-9a-f-]{36}\.json$/;
    expect(Object.keys(found).filter((name) => !pattern.test(name))).toEqual([]);
    const { body } = await s3('GET', place.bucket, { at: servers.rgw, query: { uploads: '' } });
    expect(body.toString()).toContain('<ListMultipartUploadsResult');
    expect(body.toString()).not.toContain('<Upload>');
  });

  test('awscli: JSON by its type, no metadata, and the bytes that were given out', async () => {
    const [name, text] = Object.entries(expected).at(-1);
    const head = await aws(['s3api', 'head-object', ...inBucket(place.bucket, name)]);
    expect(head).toMatchObject({ ContentType: 'application/json', ContentLength: Buffer.byteLength(text) });
    expect(head.Metadata).toEqual({});
    expect((await downloaded(place.bucket, name)).toString()).toBe(text);
  });

  test('and the same of every object by a signed request of our own', async () => {
    for (const [name, text] of Object.entries(expected)) {
      const { status, headers, body } = await s3('GET', `${place.bucket}/${name}`, { at: servers.rgw });
      expect([status, headers['content-type'], body.toString()]).toEqual([200, 'application/json', text]);
      expect(Object.keys(headers).filter((header) => header.startsWith('x-amz-meta-'))).toEqual([]);
    }
  });

  test('s3cmd and rclone list and download the same', async () => {
    const listed = await s3cmd(['ls', '--recursive', `s3://${place.bucket}`]);
    const names = [...listed.matchAll(/s3:\/\/[^/]+\/(.*)/g)].map(([, name]) => name);
    expect(names.sort()).toEqual(Object.keys(expected));
    const entries = JSON.parse(await rclone(['lsjson', '-R', '--files-only', `s3:${place.bucket}`]));
    expect(entries.map((entry) => entry.Path).sort()).toEqual(Object.keys(expected));

    const [ours, theirs] = [temporaryFolder(), temporaryFolder()];
    await s3cmd(['get', '--recursive', `s3://${place.bucket}/`, `${ours}/`]);
    await rclone(['copy', `s3:${place.bucket}`, theirs]);
    for (const folder of [ours, theirs]) {
      expect(filesUnder(folder)).toEqual(Object.keys(expected));
      for (const [name, text] of Object.entries(expected)) {
        expect(fs.readFileSync(path.join(folder, name), 'utf8')).toBe(text);
      }
    }
  });

  test('holds no private key, and no secret of the server', async () => {
    const folder = temporaryFolder();
    await rclone(['copy', `s3:${place.bucket}`, folder]);
    const names = filesUnder(folder);
    expect(names).toHaveLength(4);
    const all = Buffer.concat(names.map((name) => fs.readFileSync(path.join(folder, name))));
    const key = fs.readFileSync(path.join(place.keys, 'jacs.private.pem.enc'));
    const inside = key.subarray(key.length >> 1, (key.length >> 1) + 24);
    const forms = [inside, ...['base64', 'base64url', 'hex'].map((form) => inside.toString(form).replace(/=+$/, ''))];
    const secrets = [...forms, place.password, servers.rgw.secretKey, servers.rgw.accessKey];
    for (const secret of [...secrets, '-----BEGIN', 'PRIVATE KEY', '.pem']) expect(all.includes(secret)).toBe(false);
    expect(names.filter((name) => /pem|key|config/i.test(name))).toEqual([]);
    // The search finds what is there.
    expect(all.includes(place.agent.publicKey.toString('base64'))).toBe(true);
  });

  test('takes what the AWS command line brings from the folder of another agent', async () => {
    const other = await newAgent();
    const text = await other.agent.createDocument({ title: 'from elsewhere' });
    await refusal(place.agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    const bring = async (name) => {
      const to = `s3://${place.bucket}/data/${name}`;
      await aws(['s3', 'cp', '--only-show-errors', path.join(other.data, name), to]);
    };
    await bring(nameOf(keyOf(text)));
    // Whose key it is nobody has told yet.
    await refusal(place.agent.getDocument(keyOf(text)), 'JACS_KEY');
    await bring(nameOf(`${other.agent.id}:${other.agent.version}`, 'agents'));
    await expect(place.agent.getDocument(keyOf(text))).resolves.toBe(text);
    await expect(place.agent.getDocument(idOf(text))).resolves.toBe(text);
    const report = await place.agent.inspectDocument(keyOf(text));
    expect(report).toMatchObject({ valid: true, agentId: other.agent.id, keySource: 'storage' });
  });
});

const history = async (bucket, { at = servers.rgw } = {}) => {
  const listed = await aws(['s3api', 'list-object-versions', '--bucket', bucket], { at });
  const { Versions = [], DeleteMarkers = [] } = listed;
  return { Versions, DeleteMarkers };
};

/** Creates, updates, saves what is there already; the number of objects. */
async function writes(agent) {
  const first = await agent.createDocument({ title: 'first' });
  const second = await agent.updateDocument(keyOf(first), { title: 'second' });
  await agent.saveDocument(second);
  await agent.saveDocument(await agent.getDocument(`${agent.id}:${agent.version}`));
  await agent.createDocuments(Array.from({ length: 20 }, (_, number) => ({ number })));
  return 1 + 2 + 20;
}

describeWith(['moto', 'awscli'], 'a bucket that keeps versions', () => {
  test('has one version of every object: nothing is ever written twice', async () => {
    const at = servers.moto;
    const { agent, bucket } = await agentOnS3({ at, bucket: await newBucket({ at, versioned: true }) });
    const objects = await writes(agent);
    const { Versions, DeleteMarkers } = await history(bucket, { at });
    const written = Versions.filter(ofOurs);
    expect(new Set(written.map(({ Key }) => Key)).size).toBe(objects);
    expect(written).toHaveLength(objects);
    expect(DeleteMarkers.filter(ofOurs)).toEqual([]);
    await expect(agent.doctor()).resolves.toMatchObject({ storage: { createOnce: 'atomic', versioning: true } });
  });
});

describeWith(['rgw', 'awscli'], 'a bucket that keeps versions, at Ceph', () => {
  // There the gateway of this age takes no notice of `If-None-Match`.
  test('has one version of every document; the doctor says what the server lacks', async () => {
    const { agent, bucket } = await agentOnS3({ bucket: await newBucket({ versioned: true }) });
    const objects = await writes(agent);
    const { Versions, DeleteMarkers } = await history(bucket);
    const written = Versions.filter(ofOurs);
    expect(new Set(written.map(({ Key }) => Key)).size).toBe(objects);
    expect(written).toHaveLength(objects);
    expect(DeleteMarkers.filter(ofOurs)).toEqual([]);
    await expect(agent.doctor()).resolves.toMatchObject({ storage: { createOnce: 'none', versioning: true } });
  });

  test('still has what was removed, which is to be had again', async () => {
    const { agent, bucket, prefix } = await agentOnS3({ bucket: await newBucket({ versioned: true }) });
    const text = await agent.createDocument({ title: 'removed' });
    const name = `${prefix}/${nameOf(keyOf(text))}`;
    await agent.removeDocument(keyOf(text));
    await refusal(agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    const { Versions, DeleteMarkers } = await history(bucket);
    const mark = DeleteMarkers.find(({ Key }) => Key === name);
    expect(DeleteMarkers.filter(ofOurs)).toEqual([mark]);
    const [{ VersionId }] = Versions.filter(({ Key }) => Key === name);
    expect((await downloaded(bucket, name, '--version-id', VersionId)).toString()).toBe(text);
    // Without the mark it is as before.
    const query = { versionId: mark.VersionId };
    expect((await s3('DELETE', `${bucket}/${name}`, { at: servers.rgw, query })).status).toBe(204);
    await expect(agent.getDocument(idOf(text))).resolves.toBe(text);
  });
});
