'use strict';
// Few requests at a time: whoever waits for one of the few places must not hold another that nobody drives.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { newAgent, keyOf } = require('../support/agents.js');
const { noise } = require('../support/attachments.js');
const { temporaryFolder } = require('../support/folder.js');
const { newBucket, servers } = require('../support/servers.js');
const { s3Variables } = require('../support/remote.js');
const { fsConfig } = require('../support/transfer.js');

const FEW = 4;

/** A store on the gateway with what `fill` made, and the agent on it. */
async function onGateway(fill, { files = true } = {}) {
  const place = await newAgent({ settings: { jacs_storage_options: { durability: 'none' } } });
  await fill(place.agent);
  if (!files) fs.rmSync(path.join(place.data, 'files'), { recursive: true });
  const env = s3Variables(servers.rgw, { endpoint: servers.rgw.endpoint });
  const settings = {
    jacs_default_storage: 'aws',
    jacs_data_directory: `s3://${await newBucket()}/few`,
    jacs_storage_options: { concurrency: FEW },
  };
  await Agent.migrate({ from: fsConfig(place.data), to: settings, env });
  const agent = new Agent();
  await agent.load({ ...settings, jacs_key_directory: place.keys }, { password: place.password, env });
  return agent;
}

test('an export is written while others read', async () => {
  const agent = await onGateway((writer) =>
    writer.createDocuments(Array.from({ length: 200 }, (_, n) => ({ n, text: noise(20_000, n).toString('base64') }))),
  );
  const report = await agent.exportArchive(path.join(temporaryFolder(), 'archive.tar.gz'));
  expect(report).toMatchObject({ copied: 201, failed: 0 });
  await agent.close();
}, 120_000);

test('a check asks for attachments while others are read', async () => {
  const agent = await onGateway(
    (writer) =>
      Promise.all(
        Array.from({ length: 10 }, async (_, n) => {
          const contents = Buffer.from(`file ${n}`);
          let text = await writer.createDocument({ n }, { attachments: [{ path: 'f.txt', contents }] });
          for (let step = 0; step < 8; step++) text = await writer.updateDocument(keyOf(text), { n, step });
        }),
      ),
    { files: false },
  );
  const report = await agent.check();
  expect(report).toMatchObject({ complete: true, damaged: 10 });
  expect(new Set(report.findings.map(({ kind }) => kind))).toEqual(new Set(['attachment-missing']));
  await agent.close();
}, 120_000);
