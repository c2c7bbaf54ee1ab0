'use strict';
// Where credentials come from. The gateway checks signatures, so what is done there was signed with the right secret;
// it knows no session tokens, so those are looked at on their way to moto, which believes everyone.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { all, keyOf, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const NONE = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
const HOUR = 3_600_000;

/** Writes files of the AWS tools into a home of their own: `{ HOME, ... }`, the variables that name them. */
function files({ config = '', credentials = '' }) {
  const HOME = temporaryFolder();
  const write = (name, text) => {
    fs.writeFileSync(path.join(HOME, name), text, { mode: 0o600 });
    return path.join(HOME, name);
  };
  return { HOME, AWS_CONFIG_FILE: write('c', config), AWS_SHARED_CREDENTIALS_FILE: write('k', credentials) };
}

const keys = ({ accessKey, secretKey }) => `aws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;

/** Who signed a request, and the session token beside it. */
const signerOf = ({ headers }) => ({
  accessKey: /Credential=([^/]+)\//.exec(headers.authorization)[1],
  token: headers['x-amz-security-token'],
});

describeWith(['rgw'], 'at the gateway, which checks them', () => {
  let place;
  beforeAll(async () => {
    place = await agentOnS3();
  });

  const works = async (variables, options) => {
    const agent = await againOn(place, { env: { ...NONE, ...variables }, ...options });
    const text = await agent.createDocument({ title: 'allowed' });
    expect(await agent.getDocument(keyOf(text), { cache: false })).toBe(text);
  };
  const script = (text) => {
    const file = path.join(temporaryFolder(), 'credentials.sh');
    fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o700 });
    return file;
  };
  const output = ({ accessKey, secretKey }) =>
    JSON.stringify({ Version: 1, AccessKeyId: accessKey, SecretAccessKey: secretKey });

  test('the default profile of the credentials file', () =>
    works(files({ credentials: `[default]\n${keys(servers.rgw)}` })));

  test('the default profile of the configuration file', () =>
    works(files({ config: `[default]\n${keys(servers.rgw)}` })));

  test('a profile by AWS_PROFILE', () =>
    works({
      ...files({ credentials: `[default]\n${keys({ accessKey: 'a', secretKey: 'b' })}[right]\n${keys(servers.rgw)}` }),
      AWS_PROFILE: 'right',
    }));

  test('a profile by option', () =>
    works(files({ credentials: `[right]\n${keys(servers.rgw)}` }), {
      settings: { jacs_storage_options: { profile: 'right' } },
    }));

  test('the files in the home directory', () => {
    const HOME = temporaryFolder();
    fs.mkdirSync(path.join(HOME, '.aws'));
    fs.writeFileSync(path.join(HOME, '.aws', 'credentials'), `[default]\n${keys(servers.rgw)}`);
    return works({ HOME });
  });

  test('a credential_process', () => {
    const command = script(`echo '${output(servers.rgw)}'`);
    return works(files({ config: `[default]\ncredential_process = ${command} --any argument\n` }));
  });

  test('a credential_process that fails is named, and what it said is not', async () => {
    const command = script('echo hidden-output; echo hidden-words >&2; exit 3');
    const env = { ...NONE, ...files({ config: `[default]\ncredential_process = ${command}\n` }) };
    const error = await refusal((await againOn(place, { env })).listDocuments().next(), 'JACS_CONFIG');
    expect(error.message).toContain('credential_process');
    expect(`${error.stack} ${error.cause?.stack}`).not.toContain('hidden');
  });

  test('the environment is stronger than the files', () =>
    works({
      ...files({ credentials: '[default]\naws_access_key_id = a\naws_secret_access_key = b\n' }),
      AWS_ACCESS_KEY_ID: servers.rgw.accessKey,
      AWS_SECRET_ACCESS_KEY: servers.rgw.secretKey,
    }));

  test('options are stronger than the environment', () => {
    const { accessKey, secretKey } = servers.rgw;
    return works(
      { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
      { settings: { jacs_storage_options: { access_key_id: accessKey, secret_access_key: secretKey } } },
    );
  });

  test.each([
    ['nothing', {}],
    ['a key without its secret', { AWS_ACCESS_KEY_ID: 'a' }],
    ['instance metadata that nobody serves', { AWS_EC2_METADATA_DISABLED: undefined }],
  ])('with %s it is said which variable is missing', async (_, variables) => {
    // Port 9: nobody listens there.
    const env = { ...NONE, AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9', ...variables };
    const agent = await againOn(place, { env });
    for (const call of [() => agent.createDocument({ title: 'x' }), () => all(agent.listDocuments())]) {
      const error = await refusal(call(), 'JACS_CONFIG');
      expect(error.message).toContain('AWS_ACCESS_KEY_ID');
    }
  });
});

describeWith(['rgw'], 'variables that are set to nothing', () => {
  test.each([
    ['AWS_SECRET_ACCESS_KEY', { AWS_SECRET_ACCESS_KEY: '' }],
    ['both', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }],
  ])('%s: as if they were not there', async (_, env) => {
    const agent = await againOn(await agentOnS3(), { env });
    const error = await refusal(all(agent.listDocuments()), 'JACS_CONFIG');
    expect(error.message).toContain('AWS_SECRET_ACCESS_KEY');
  });

  test('an empty session token is none', async () => {
    const agent = await againOn(await agentOnS3(), { env: { AWS_SESSION_TOKEN: '', AWS_PROFILE: '' } });
    await agent.createDocument({ title: 'allowed' });
  });
});

describeWith(['moto'], 'with a session token', () => {
  let place;
  let proxy;
  beforeAll(async () => {
    proxy = await startProxy(servers.moto.endpoint);
    place = await agentOnS3({ at: servers.moto, endpoint: proxy.url });
  });

  /** Writes three documents; gives who signed the requests. */
  const signers = async (variables) => {
    const agent = await againOn(place, { env: { ...NONE, ...variables } });
    const before = proxy.requests.length;
    for (let index = 0; index < 3; index++) await agent.createDocument({ index });
    const asked = proxy.requests.slice(before);
    expect(asked.length).toBeGreaterThanOrEqual(3);
    const [first, ...others] = asked.map(signerOf);
    for (const other of others) expect(other).toEqual(first);
    return first;
  };

  /** A server on loopback that answers by `routes`: a path, and what it gives to a request. */
  async function startTeller(routes) {
    return startMiddleman({
      to: 'http://127.0.0.1:9',
      request: ({ method, url, headers }) => {
        const given = routes[`${method} ${url}`]?.(headers);
        return given === undefined ? { status: 404 } : { status: 200, body: given };
      },
    });
  }

  const given = (milliseconds = 6 * HOUR) => ({
    AccessKeyId: 'ASIAGIVEN',
    SecretAccessKey: 'given-secret',
    Token: 'given-token',
    Expiration: new Date(Date.now() + milliseconds).toISOString(),
  });

  test('of the environment', async () => {
    const variables = { AWS_ACCESS_KEY_ID: 'ASIAENV', AWS_SECRET_ACCESS_KEY: 'x', AWS_SESSION_TOKEN: 'env-token' };
    expect(await signers(variables)).toEqual({ accessKey: 'ASIAENV', token: 'env-token' });
  });

  test('of a profile', async () => {
    const credentials = `[default]\n${keys({ accessKey: 'ASIAFILE', secretKey: 'x' })}aws_session_token = file-token\n`;
    expect(await signers(files({ credentials }))).toEqual({ accessKey: 'ASIAFILE', token: 'file-token' });
  });

  test('of a container, asked for once', async () => {
    const teller = await startTeller({
      'GET /give': ({ authorization }) => (authorization === 'Bearer me' ? JSON.stringify(given()) : undefined),
    });
    const variables = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${teller.url}/give`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Bearer me',
    };
    expect(await signers(variables)).toEqual({ accessKey: 'ASIAGIVEN', token: 'given-token' });
    expect(teller.requests).toHaveLength(1);
  });

  test('of a container, with its authorization in a file, asked for again when they are about to end', async () => {
    const file = path.join(temporaryFolder(), 'token');
    fs.writeFileSync(file, 'Bearer file\n');
    const teller = await startTeller({
      'GET /give': ({ authorization }) => (authorization === 'Bearer file' ? JSON.stringify(given(60_000)) : undefined),
    });
    const variables = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${teller.url}/give`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    };
    expect(await signers(variables)).toEqual({ accessKey: 'ASIAGIVEN', token: 'given-token' });
    expect(teller.requests.length).toBeGreaterThan(1);
  });

  test('that has ended already: it is the credentials that are said to be at fault', async () => {
    const teller = await startTeller({ 'GET /give': () => JSON.stringify(given(-1000)) });
    const env = { ...NONE, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${teller.url}/give` };
    const agent = await againOn(place, { env });
    const error = await refusal(agent.createDocument({ title: 'late' }), 'JACS_PERMISSION');
    expect(error.message).toMatch(/expired.*container/);
  });

  test('of instance metadata, by its second version', async () => {
    const held = (answer) => (headers) => (headers['x-aws-ec2-metadata-token'] === 'held' ? answer : undefined);
    const directory = '/latest/meta-data/iam/security-credentials/';
    const role = { Code: 'Success', LastUpdated: new Date().toISOString(), Type: 'AWS-HMAC', Message: '', ...given() };
    const teller = await startTeller({
      'PUT /latest/api/token': (headers) => (headers['x-aws-ec2-metadata-token-ttl-seconds'] ? 'held' : undefined),
      [`GET ${directory}`]: held('role'),
      [`GET ${directory}role`]: held(JSON.stringify(role)),
    });
    const variables = { AWS_EC2_METADATA_DISABLED: undefined, AWS_EC2_METADATA_SERVICE_ENDPOINT: teller.url };
    expect(await signers(variables)).toEqual({ accessKey: 'ASIAGIVEN', token: 'given-token' });
    expect(teller.requests).toHaveLength(3);
  });

  test('of SSO', async () => {
    const start = 'https://nobody.awsapps.com/start';
    const names = { sso_start_url: start, sso_region: 'us-east-1', sso_account_id: '123', sso_role_name: 'writer' };
    const config = Object.entries(names).reduce((text, [name, value]) => `${text}${name} = ${value}\n`, '[default]\n');
    const variables = files({ config });
    const cache = path.join(variables.HOME, '.aws', 'sso', 'cache');
    fs.mkdirSync(cache, { recursive: true });
    const name = createHash('sha1').update(start).digest('hex');
    const token = { accessToken: 'logged-in', expiresAt: new Date(Date.now() + HOUR).toISOString() };
    fs.writeFileSync(path.join(cache, `${name}.json`), JSON.stringify(token));
    const asked = [];
    const server = http.createServer((request, response) => {
      asked.push(request);
      const { AccessKeyId, SecretAccessKey, Token } = given();
      const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token };
      response.end(JSON.stringify({ roleCredentials: { ...credentials, expiration: Date.now() + HOUR } }));
    });
    await new Promise((done) => {
      server.listen(0, '127.0.0.1', done);
    });
    try {
      const endpoint = `http://127.0.0.1:${server.address().port}`;
      const signer = await signers({ ...variables, AWS_SSO_ENDPOINT: endpoint });
      expect(signer).toEqual({ accessKey: 'ASIAGIVEN', token: 'given-token' });
      expect(asked[0].headers['x-amz-sso_bearer_token']).toBe('logged-in');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
