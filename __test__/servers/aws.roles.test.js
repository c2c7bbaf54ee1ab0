'use strict';
// Roles, which Amazon's token service grants over TLS: a proxy of ours stands for it with a certificate of its own, which
// NODE_EXTRA_CA_CERTS makes believed, and moto grants.

const fs = require('node:fs');
const path = require('node:path');
const { refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const NONE = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
const ROLE = 'arn:aws:iam::123456789012:role/writer';
const STS = ['sts.us-east-1.amazonaws.com', 'sts.amazonaws.com'];

const signerOf = ({ headers }) => ({
  accessKey: /Credential=([^/]+)\//.exec(headers.authorization)[1],
  token: headers['x-amz-security-token'],
});

function written(name, text) {
  const file = path.join(temporaryFolder(), name);
  fs.writeFileSync(file, text, { mode: 0o600 });
  return file;
}

describeWith(['moto'], 'roles', () => {
  let place;
  let storage;
  let sts;
  beforeAll(async () => {
    storage = await startProxy(servers.moto.endpoint);
    sts = await startMiddleman({ to: servers.moto.endpoint, names: STS });
    place = await agentOnS3({ at: servers.moto, endpoint: storage.url });
  });
  beforeEach(() => {
    sts.requests.length = 0;
  });

  const load = (variables, options) => {
    const env = { ...NONE, HTTPS_PROXY: sts.url, NODE_EXTRA_CA_CERTS: sts.ca, ...variables };
    return againOn(place, { env, ...options });
  };

  /** Who signs what an agent with these variables writes; two documents, one grant. */
  const signer = async (variables, options) => {
    const agent = await load(variables, options);
    const before = storage.requests.length;
    await agent.createDocument({ title: 'one' });
    await agent.createDocument({ title: 'two' });
    const [first, ...others] = storage.requests.slice(before).map(signerOf);
    for (const other of others) expect(other).toEqual(first);
    expect(sts.requests).toHaveLength(1);
    return first;
  };

  const granted = { accessKey: expect.stringMatching(/^ASIA/), token: expect.stringMatching(/.{20}/) };
  const asked = () => new URLSearchParams(`${sts.requests[0].body}&${new URL(sts.requests[0].url).search.slice(1)}`);

  test('by web identity, with the token of a file', async () => {
    const variables = {
      AWS_ROLE_ARN: ROLE,
      AWS_ROLE_SESSION_NAME: 'tester',
      AWS_WEB_IDENTITY_TOKEN_FILE: written('token', 'header.payload.signature\n'),
    };
    expect(await signer(variables)).toEqual(granted);
    expect(asked().get('Action')).toBe('AssumeRoleWithWebIdentity');
    expect(asked().get('RoleArn')).toBe(ROLE);
    expect(asked().get('WebIdentityToken')).toBe('header.payload.signature');
    expect(sts.requests[0].headers.authorization).toBeUndefined();
  });

  const source = 'aws_access_key_id = AKIASOURCESOURCE0001\naws_secret_access_key = x\n';

  test("of a profile, asked for with another profile's credentials", async () => {
    const config = `[profile writer]\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = 77\n`;
    const variables = {
      AWS_CONFIG_FILE: written('config', config),
      AWS_SHARED_CREDENTIALS_FILE: written('credentials', `[base]\n${source}`),
      AWS_PROFILE: 'writer',
    };
    expect(await signer(variables)).toEqual(granted);
    expect(asked().get('Action')).toBe('AssumeRole');
    expect(asked().get('RoleArn')).toBe(ROLE);
    expect(asked().get('ExternalId')).toBe('77');
    expect(signerOfSts()).toBe('AKIASOURCESOURCE0001');
    expect(sts.requests[0].host).toBe(STS[0]);
  });

  test("of an option, asked for with the environment's credentials", async () => {
    const options = { settings: { jacs_storage_options: { role_arn: ROLE, role_session_name: 'mine' } } };
    const variables = { AWS_ACCESS_KEY_ID: 'AKIASOURCESOURCE0002', AWS_SECRET_ACCESS_KEY: 'x' };
    expect(await signer(variables, options)).toEqual(granted);
    expect(asked().get('RoleSessionName')).toBe('mine');
    expect(signerOfSts()).toBe('AKIASOURCESOURCE0002');
  });

  const signerOfSts = () => /Credential=([^/]+)\//.exec(sts.requests[0].headers.authorization)[1];

  test('a service whose certificate nobody vouches for is not asked', async () => {
    const variables = {
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: written('token', 'header.payload.signature'),
      NODE_EXTRA_CA_CERTS: undefined,
    };
    const before = storage.requests.length;
    const agent = await load(variables);
    const error = await agent.createDocument({ title: 'refused' }).catch((refused) => refused);
    expect(error.code).toMatch(/^JACS_(UNAVAILABLE|CONFIG)$/);
    expect(sts.requests).toHaveLength(0);
    expect(storage.requests).toHaveLength(before);
  });

  test('a token file that is missing is said', async () => {
    const agent = await load({ AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere/token' });
    const error = await refusal(agent.createDocument({ title: 'refused' }), 'JACS_CONFIG');
    expect(error.message).toContain('web identity');
  });
});
