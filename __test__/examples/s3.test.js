'use strict';
// The commands of docs/s3.md run as they stand, with another name for the bucket, against servers that know them.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { Agent } = require('../../index.js');
const { root } = require('../support/addon.js');
const { all, fieldsOf, loadAgain } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { agentOnS3 } = require('../support/remote.js');
const { aws, newBucket, servers } = require('../support/servers.js');

const BUCKET = 'my-jacs-bucket';
const BACKUP = 'my-jacs-backup';
const page = fs.readFileSync(path.join(root, 'docs', 's3.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n([^]*?)^```$/gm)].map(([, kind, name, text]) => ({
  kind,
  name,
  text,
}));
const texts = (kind, name) =>
  blocks.filter((block) => block.kind === kind && block.name === name).map(({ text }) => text);

/** A folder with the page's files, and a shell in it whose `aws` asks that server. */
function shell(at, names) {
  const rename = (text) => Object.entries(names).reduce((renamed, [from, to]) => renamed.replaceAll(from, to), text);
  const folder = temporaryFolder();
  for (const { kind, name, text } of blocks)
    if (kind === 'json' && name !== '') fs.writeFileSync(path.join(folder, name), rename(text));
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ACCESS_KEY_ID: at.accessKey,
    AWS_SECRET_ACCESS_KEY: at.secretKey,
    AWS_DEFAULT_REGION: at.region,
  };
  const prelude = `set -euo pipefail\naws() { command aws --endpoint-url ${at.endpoint} "$@"; }\n`;
  const run = async (text) =>
    (await promisify(execFile)('bash', ['-c', prelude + rename(text)], { cwd: folder, env })).stdout;
  return { folder, run };
}

test('the policy allows the five actions, and the configuration loads but for its credentials', async () => {
  const [policy] = texts('json', 'iam-policy.json').map((text) => JSON.parse(text));
  const objects = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];
  const actions = [...objects, 's3:ListBucket', 's3:AbortMultipartUpload'];
  expect(policy.Statement.map(({ Action }) => Action)).toEqual([actions]);
  const [settings] = texts('json', '').map((text) => JSON.parse(text));
  const place = { configPath: path.join(temporaryFolder(), 'jacs.config.json'), password: 'Bearing-6203' };
  fs.writeFileSync(place.configPath, JSON.stringify(settings));
  const agent = await Agent.create({ ...place, env: { AWS_REGION: 'us-east-1' } });
  await agent.close();
});

describeWith(['moto', 'awscli'], 'the settings of a bucket', () => {
  const names = {};
  let run;

  beforeAll(async () => {
    for (const name of [BUCKET, BACKUP])
      names[name] = await newBucket({ at: servers.moto, versioned: name === BACKUP });
    ({ run } = shell(servers.moto, names));
    for (const text of texts('bash', '')) await run(text);
  });

  const ask = (what) => aws(['s3api', `get-bucket-${what}`, '--bucket', names[BUCKET]], { at: servers.moto });

  test('versioning', async () => expect(await ask('versioning')).toMatchObject({ Status: 'Enabled' }));

  test('encryption', async () => {
    const { ServerSideEncryptionConfiguration } = await ask('encryption');
    expect(JSON.stringify(ServerSideEncryptionConfiguration)).toContain('AES256');
  });

  test('replication', async () => {
    const { ReplicationConfiguration } = await ask('replication');
    expect(ReplicationConfiguration.Rules).toHaveLength(1);
    expect(ReplicationConfiguration.Rules[0].Destination.Bucket).toBe(`arn:aws:s3:::${names[BACKUP]}`);
  });

  test('classes and leftovers', async () => {
    const { Rules } = await ask('lifecycle-configuration');
    expect(Rules.map(({ ID }) => ID)).toEqual(['jacs-tiering', 'jacs-uploads', 'jacs-removed']);
  });

  test('policy', async () => {
    const { Policy } = await ask('policy');
    expect(JSON.parse(Policy).Statement.map(({ Sid }) => Sid)).toEqual(['OnlyThroughOurEndpoint', 'OnlyTls']);
  });

  test('acceleration', async () => expect(await ask('accelerate-configuration')).toMatchObject({ Status: 'Enabled' }));
});

describeWith(['rgw', 'awscli'], 'versioning and copies', () => {
  let place;
  let run;
  let folder;

  beforeAll(async () => {
    place = await agentOnS3();
    ({ run, folder } = shell(servers.rgw, { [BUCKET]: place.bucket }));
    await run(texts('bash', '').find((text) => text.includes('put-bucket-versioning')));
  });

  test('what was removed is brought back', async () => {
    const { agent } = place;
    const made = await Promise.all([1, 2, 3].map((number) => agent.createDocument({ number })));
    for (const text of made.slice(1)) await agent.removeDocument(JSON.parse(text).jacsId, { allVersions: true });
    await expect(all(agent.listDocuments())).resolves.toHaveLength(1);
    await run(texts('bash', 'restore')[0]);
    await expect(all(agent.listDocuments())).resolves.toHaveLength(3);
    const read = await Promise.all(made.map((text) => agent.getDocument(JSON.parse(text).jacsId, { cache: false })));
    expect(read).toEqual(made);
  });

  test('a copy on a disk opens, and what is made there comes back', async () => {
    const [down, up] = texts('bash', 'sync')[0].trim().split('\n');
    await run(down);
    const copy = path.join(folder, 'jacs_data');
    const here = await loadAgain({ ...place, data: copy }, { jacs_default_storage: 'fs' });
    const text = await here.createDocument({ made: 'here' });
    await run(up);
    expect(fieldsOf(await place.agent.getDocument(JSON.parse(text).jacsId))).toEqual({ made: 'here' });
  });
});
