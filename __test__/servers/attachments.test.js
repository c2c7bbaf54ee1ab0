'use strict';
// What lies in a bucket and in a collection for an attachment, as other clients see it, and what it costs in requests.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { root } = require('../support/addon.js');
const { keyOf, refusal } = require('../support/agents.js');
const { bytesOf, entriesOf, noise, sha256, storedOf } = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { environment } = require('../support/run.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { aws, s3, servers } = require('../support/servers.js');

const MIB = 1 << 20;
/** In one request, in several parts, and nothing. */
const FILES = { small: noise(1000, 1), parts: noise(20 * MIB + 3, 2), empty: Buffer.alloc(0) };
const attachments = () => Object.entries(FILES).map(([name, contents]) => ({ path: name, contents }));
const EXPECTED = Object.values(FILES).map(sha256).sort();

describeWith(['rgw', 'awscli'], 'a bucket', () => {
  let place;
  let text;
  beforeAll(async () => {
    place = await agentOnS3();
    text = await place.agent.createDocument({ title: 'with files' }, { attachments: attachments() });
  });

  test('has the bytes under data/files/{sha256}, as awscli downloads them', async () => {
    const folder = temporaryFolder();
    await aws(['s3', 'cp', '--recursive', '--only-show-errors', `s3://${place.bucket}/data/files/`, folder]);
    expect(filesUnder(folder)).toEqual(EXPECTED);
    for (const { path: name, sha256: hash } of entriesOf(text)) {
      expect(fs.readFileSync(path.join(folder, hash)).equals(FILES[name])).toBe(true);
    }
    expect(storedOf(text)).toEqual(EXPECTED);
  });

  test('has no upload that was not completed', async () => {
    const { status, body } = await s3('GET', place.bucket, { at: servers.rgw, query: { uploads: '' } });
    expect([status, String(body).includes('<Upload>')]).toEqual([200, false]);
  });

  test('gets files of several parts when only one may be asked for at a time', async () => {
    const agent = await againOn(place, { settings: { jacs_storage_options: { concurrency: 1 } } });
    const files = [3, 4, 5].map((seed) => ({ path: `one-${seed}`, contents: noise(9 * MIB + seed, seed) }));
    const texts = await Promise.all(
      files.map((file) => agent.createDocument({ title: file.path }, { attachments: file })),
    );
    for (const [index, one] of texts.entries()) {
      const read = await bytesOf(agent.readAttachment(one, files[index].path));
      expect(read.equals(files[index].contents)).toBe(true);
    }
  });

  test('gets no object twice', async () => {
    const modified = async () => {
      const { Contents } = await aws(['s3api', 'list-objects-v2', '--bucket', place.bucket, '--prefix', 'data/files/']);
      return Contents.map(({ Key, LastModified, ETag }) => [Key, LastModified, ETag]);
    };
    const before = await modified();
    await new Promise((resolve) => {
      setTimeout(resolve, 1100); // the clock of LastModified may have seconds only
    });
    const second = await place.agent.createDocument({ title: 'again' }, { attachments: attachments() });
    await place.agent.updateDocument(keyOf(second), { title: 'and again' });
    expect(await modified()).toEqual(before);
  });

  test('with bytes that awscli brought: attached without an upload, and read', async () => {
    const bytes = noise(MIB, 3);
    const file = path.join(temporaryFolder(), 'brought');
    fs.writeFileSync(file, bytes);
    const hash = createHash('sha256').update(bytes).digest('hex');
    await aws(['s3', 'cp', '--only-show-errors', file, `s3://${place.bucket}/data/files/${hash}`]);
    const made = await place.agent.createDocument({}, { attachments: { path: 'x', contents: bytes } });
    expect((await bytesOf(place.agent.readAttachment(keyOf(made), 'x'))).equals(bytes)).toBe(true);
  });

  test('is read by an agent that may only read', async () => {
    const reader = await againOn(place, { password: undefined, readOnly: true });
    expect((await bytesOf(reader.readAttachment(keyOf(text), 'parts'))).equals(FILES.parts)).toBe(true);
    await expect(reader.verifyDocument(text, { contents: true })).resolves.toBe(true);
    await refusal(reader.createDocument({}, { attachments: { path: 'x', contents: noise(9) } }), 'JACS_PERMISSION');
  });
});

/** Runs in a worker thread, whose stack is smaller: the sync form, and what it read back. */
async function inWorker([name, config, password]) {
  const { parentPort } = require('node:worker_threads');
  const { Agent } = require(name);
  const agent = new Agent();
  agent.loadSync(config, { password });
  const contents = Buffer.alloc(9 << 20, 'worker');
  const first = agent.createDocumentSync({}, { attachments: { path: 'x', contents } });
  const { jacsId, jacsVersion } = JSON.parse(first);
  const text = agent.updateDocumentSync(`${jacsId}:${jacsVersion}`, {}, { attachments: { path: 'y', contents } });
  let length = 0;
  for await (const chunk of agent.readAttachment(text, 'y')) length += chunk.length;
  parentPort.postMessage([
    JSON.parse(text)
      .jacsFiles.map(({ path }) => path)
      .sort(),
    length,
  ]);
}

describe.each([
  ['S3', 'rgw', agentOnS3],
  ['WebDAV', 'dav', agentOnDav],
])('%s', (_, server, make) => {
  describeWith([server], 'the sync form', () => {
    test('stores and reads, here and in a worker thread', async () => {
      const { agent, config, password, env } = await make();
      const text = agent.createDocumentSync({}, { attachments: attachments() });
      expect(storedOf(text)).toEqual(EXPECTED);
      const second = agent.updateDocumentSync(
        keyOf(text),
        {},
        { attachments: { path: 'more', contents: noise(9, 9) } },
      );
      expect(agent.verifyDocumentSync(second, { contents: true })).toBe(true);
      const code = `(${inWorker})(require('node:worker_threads').workerData)`;
      const workerData = [root, config, password];
      const answer = await new Promise((resolve, reject) => {
        const worker = new Worker(code, { eval: true, workerData, env: { ...environment(), ...env } });
        worker.once('message', resolve);
        worker.once('error', reject);
        worker.once('exit', (status) => reject(new Error(`the worker ended: ${status}`)));
      });
      expect(answer).toEqual([['x', 'y'], 9 * MIB]);
    });
  });
});

describeWith(['dav'], 'a collection', () => {
  test('has the bytes under data/files/{sha256} on the disk of the server, and nothing else beside them', async () => {
    const place = await agentOnDav();
    const text = await place.agent.createDocument({ title: 'with files' }, { attachments: attachments() });
    const folder = path.join(place.stored, 'files');
    expect(filesUnder(folder)).toEqual(EXPECTED);
    for (const { path: name, sha256: hash } of entriesOf(text)) {
      expect(fs.readFileSync(path.join(folder, hash)).equals(FILES[name])).toBe(true);
    }
    const before = fs.readdirSync(folder).map((name) => fs.statSync(path.join(folder, name)).mtimeMs);
    await place.agent.createDocument({ title: 'again' }, { attachments: attachments() });
    expect(fs.readdirSync(folder).map((name) => fs.statSync(path.join(folder, name)).mtimeMs)).toEqual(before);
  });
});
