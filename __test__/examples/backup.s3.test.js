'use strict';
// docs/backup.md on S3: an object that somebody else wrote over is found, and its older version brought back.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { keyOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { agentOnS3 } = require('../support/remote.js');
const { succeed } = require('../support/run.js');
const { aws, newBucket, servers } = require('../support/servers.js');

const page = fs.readFileSync(path.join(root, 'docs', 'backup.md'), 'utf8');
const [, older] = /^```bash older\n([^]*?)^```$/m.exec(page);

describeWith(['rgw', 'awscli'], 'an older version of an object', () => {
  test('is the document again', async () => {
    const bucket = await newBucket({ versioned: true });
    const { agent } = await agentOnS3({ bucket });
    const text = await agent.createDocument({ order: 1042 });
    const name = `documents/${keyOf(text).replace(':', '/')}.json`;
    const file = path.join(temporaryFolder(), 'altered.json');
    fs.writeFileSync(file, text.replace('1042', '1043'));
    await aws(['s3api', 'put-object', '--bucket', bucket, '--key', `data/${name}`, '--body', file]);
    const { findings } = await agent.check();
    expect(findings).toMatchObject([{ kind: 'hash', severity: 'damage', path: name }]);

    const at = servers.rgw;
    const env = {
      HOME: process.env.HOME,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_ACCESS_KEY_ID: at.accessKey,
      AWS_SECRET_ACCESS_KEY: at.secretKey,
      AWS_DEFAULT_REGION: at.region,
      name: findings[0].path,
    };
    const prelude = `set -euo pipefail\naws() { command aws --endpoint-url ${at.endpoint} "$@"; }\n`;
    await succeed('bash', ['-c', prelude + older.replaceAll('my-jacs-bucket', bucket)], { env });
    await expect(agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
    expect((await agent.check()).findings).toEqual([]);
  });
});
