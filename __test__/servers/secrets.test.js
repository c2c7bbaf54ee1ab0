'use strict';
// No secret of the storage in anything that is said: errors with all their members, reports, what the command prints.
// The servers here are as nasty as they can be: they repeat what they were sent.

const { randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { Workspace } = require('../cli/support.js');
const { all } = require('../support/agents.js');
const { startMiddleman } = require('../support/middleman.js');
const { describeWith } = require('../support/needs.js');
const { agentOnDav, agentOnS3, againOn, davVariables, s3Variables } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const invented = () => `sEcr3t${randomBytes(12).toString('hex')}`;

/** Everything that can be seen of a value, and of what it hides from a plain look. */
function seen(value) {
  const error = value instanceof Error ? `${value.message}\n${value.stack}\n${seen(value.cause)}` : '';
  return `${inspect(value, { depth: null, showHidden: true, maxStringLength: null })}\n${JSON.stringify(value)}\n${error}`;
}

/** All that an agent says about a storage that does not work. */
async function complaints(agent) {
  const calls = [
    () => agent.createDocument({ title: 'x' }),
    () => agent.createDocuments([{ title: 'x' }]),
    () => all(agent.listDocuments()),
    () => agent.versions('00000000-0000-4000-8000-000000000000'),
    () => agent.getDocument('00000000-0000-4000-8000-000000000000:00000000-0000-4000-8000-000000000001'),
    () => agent.removeDocument('00000000-0000-4000-8000-000000000000', { allVersions: true }),
  ];
  const said = [];
  let failed = 0;
  for (const call of calls) said.push(seen(await call().catch((error) => ++failed && error)));
  expect(failed).toBeGreaterThan(3);
  said.push(seen(await agent.doctor()), seen(agent));
  return said.join('\n');
}

function expectNone(text, secrets) {
  expect(text.length).toBeGreaterThan(1000);
  for (const secret of secrets) {
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    for (const form of forms) expect(text.includes(form) ? `${form} is shown` : 'nothing').toBe('nothing');
  }
}

/** A server that answers with what it was asked, in every place that an answer has. */
const echo = (status) =>
  startMiddleman({
    to: 'http://127.0.0.1:9',
    request: ({ url, headers }) => {
      const heard = `${url} ${headers.authorization} ${headers['x-amz-security-token']}`;
      const body = `<Error><Code>AccessDenied</Code><Message>${heard}</Message><Echo>${heard}</Echo></Error>`;
      const told = {
        'x-amz-request-id': heard,
        location: `http://127.0.0.1:9/?${encodeURIComponent(heard)}`,
        date: heard,
      };
      return { status, headers: { ...told, 'content-type': 'application/xml' }, body };
    },
  });

const NASTY = [200, 207, 301, 400, 401, 403, 404, 409, 412, 500];
const settings = { jacs_storage_options: { retries: 0, timeout_ms: 3_000 } };

describeWith(['rgw'], 'S3', () => {
  const secrets = () => ({ secret: invented(), token: invented() });
  const variables = ({ secret, token }) => ({ AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token });
  let place;
  beforeAll(async () => {
    place = await agentOnS3({ settings });
  });

  test.each([
    ['the real server', undefined],
    ['nobody at the address', 'http://127.0.0.1:9'],
  ])('%s', async (_, endpoint) => {
    const hidden = secrets();
    const env = { ...variables(hidden), ...(endpoint && { AWS_ENDPOINT_URL_S3: endpoint }) };
    expectNone(await complaints(await againOn(place, { env, settings })), Object.values(hidden));
  });

  test.each(NASTY)('a server that repeats what it was sent, with %s', async (status) => {
    const hidden = secrets();
    const server = await echo(status);
    const env = { ...variables(hidden), AWS_ENDPOINT_URL_S3: server.url };
    const text = await complaints(await againOn(place, { env, settings }));
    // The signature too: it is good for minutes.
    const signatures = server.requests.map(({ headers }) => /Signature=(\w+)/.exec(headers.authorization)[1]);
    expect(signatures.length).toBeGreaterThan(0);
    expectNone(text, [...Object.values(hidden), ...signatures]);
  });

  test('secrets among the options', async () => {
    const secret = invented();
    const token = invented();
    const options = { access_key_id: 'AKIAOPTION', secret_access_key: secret, session_token: token, retries: 0 };
    const agent = await againOn(place, { settings: { jacs_storage_options: options } });
    expectNone(await complaints(agent), [secret, token]);
  });

  test.each([
    ['an option that does not exist', (secret) => ({ jacs_storage_options: { secret_acces_key: secret } })],
    ['an option of the wrong type', (secret) => ({ jacs_storage_options: { secret_access_key: [secret] } })],
    ['a data directory with credentials', (secret) => ({ jacs_data_directory: `s3://key:${secret}@bucket/x` })],
  ])('%s', async (_, wrong) => {
    const secret = invented();
    const error = await againOn(place, { settings: wrong(secret) }).then(
      () => undefined,
      (refused) => refused,
    );
    expect(error.code).toBe('JACS_CONFIG');
    expect(seen(error)).not.toContain(secret);
  });

  test.each(['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'HTTPS_PROXY', 'HTTP_PROXY'])(
    'a password in %s, whether it is refused or used',
    async (name) => {
      const secret = invented();
      const env = {
        AWS_ENDPOINT_URL_S3: undefined,
        AWS_ENDPOINT_URL: 'http://127.0.0.2:9',
        [name]: `http://me:${secret}@127.0.0.1:9`,
      };
      const agent = await againOn(place, { env, settings }).catch((error) => error);
      const text = agent instanceof Error ? seen(agent) : await complaints(agent);
      expect(text).not.toContain(secret);
    },
  );
});

describeWith(['dav'], 'WebDAV', () => {
  let place;
  beforeAll(async () => {
    place = await agentOnDav({ settings });
  });
  const ways = [
    ['a token', () => ({ HAI_STORAGE_TOKEN: invented() })],
    [
      'a password',
      () => ({ HAI_STORAGE_TOKEN: undefined, HAI_STORAGE_USERNAME: 'me', HAI_STORAGE_PASSWORD: invented() }),
    ],
  ];
  const hidden = ({ HAI_STORAGE_TOKEN: token, HAI_STORAGE_PASSWORD: password }) => [
    token ?? password,
    `me:${password}`,
  ];

  test.each(ways)('%s, at the real server', async (_, make) => {
    const env = make();
    expectNone(await complaints(await againOn(place, { env, settings })), hidden(env));
  });

  test.each(ways.flatMap((way) => NASTY.map((status) => [`${way[0]}, with ${status}`, way[1], status])))(
    '%s, repeated by a server',
    async (_, make, status) => {
      const env = { ...make(), HAI_STORAGE_URL: (await echo(status)).url };
      expectNone(await complaints(await againOn(place, { env, settings })), hidden(env));
    },
  );

  test('a password in the address', async () => {
    const secret = invented();
    const env = { HAI_STORAGE_URL: `http://me:${secret}@127.0.0.1:9` };
    const error = await againOn(place, { env }).then(
      () => undefined,
      (refused) => refused,
    );
    expect(error.code).toBe('JACS_CONFIG');
    expect(seen(error)).not.toContain(secret);
  });
});

describeWith(['rgw', 'dav'], 'the command', () => {
  test.each([
    [
      'aws',
      () => s3Variables(servers.rgw),
      's3://nobodys-bucket/x',
      { AWS_SECRET_ACCESS_KEY: invented(), AWS_SESSION_TOKEN: invented() },
    ],
    ['hai', () => davVariables(servers.dav), 'nobodys/x', { HAI_STORAGE_TOKEN: invented() }],
  ])('on %s prints none, with nothing but failures', async (storage, variables, data, hidden) => {
    const workspace = new Workspace();
    const options = { retries: 0 };
    workspace.write('jacs.config.json', {
      jacs_default_storage: storage,
      jacs_data_directory: data,
      jacs_storage_options: options,
    });
    const env = { ...variables(), ...hidden };
    await workspace.done(['init'], { env });
    const commands = [
      ['create', '-'],
      ['list', '--json'],
      ['versions', '00000000-0000-4000-8000-000000000000'],
      ['doctor'],
    ];
    const results = await Promise.all(commands.map((args) => workspace.run(args, { env, input: '{"title":"x"}' })));
    for (const { code } of results) expect(code).toBe(1);
    expectNone(results.map(({ stdout, stderr }) => stdout + stderr).join('\n'), Object.values(hidden));
  });
});
