'use strict';
// Whether the same call may succeed later: true for what passes by itself, false for what somebody has to change.

const { randomBytes } = require('node:crypto');
const { all } = require('../support/agents.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { agentOnDav, agentOnS3, againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const settings = { jacs_storage_options: { retries: 0 } };
const code = (name) => `<Error><Code>${name}</Code></Error>`;

/** `code retryable` of a call that must fail. */
const outcome = (promise) =>
  promise.then(
    () => 'done',
    (error) => `${error.code} ${error.retryable}`,
  );

describeWith(['rgw', 'dav'], 'what lasts', () => {
  const s3With = async (env) => againOn(await agentOnS3(), { env });
  const davWith = async (env) => againOn(await agentOnDav(), { env });
  const PROBLEMS = [
    ['a wrong secret', 'JACS_PERMISSION', () => s3With({ AWS_SECRET_ACCESS_KEY: 'wrong' })],
    ['no credentials', 'JACS_CONFIG', () => s3With({ AWS_ACCESS_KEY_ID: undefined })],
    ['a wrong token', 'JACS_PERMISSION', () => davWith({ HAI_STORAGE_TOKEN: 'wrong' })],
    ['a certificate', 'JACS_UNAVAILABLE', () => davWith({ HAI_STORAGE_URL: servers.dav.tlsUrl })],
    [
      'an unknown bucket',
      'JACS_CONFIG',
      async () => (await agentOnS3({ bucket: `jacs-${randomBytes(8).toString('hex')}` })).agent,
    ],
  ];

  test.each(PROBLEMS)('%s', async (_, expected, make) => {
    const agent = await make();
    expect(await outcome(all(agent.listDocuments()))).toBe(`${expected} false`);
    expect(await outcome(agent.createDocument({ title: 'x' }))).toBe(`${expected} false`);
  });

  test.each([
    [400, code('InvalidArgument'), 'JACS_UNAVAILABLE'],
    [400, code('ExpiredToken'), 'JACS_PERMISSION'],
    [403, code('RequestTimeTooSkewed'), 'JACS_PERMISSION'],
    [400, code('KMS.NotFoundException'), 'JACS_CONFIG'],
    [405, '', 'JACS_UNSUPPORTED'],
    [501, code('NotImplemented'), 'JACS_UNSUPPORTED'],
  ])('an answer %s %s', async (status, body, expected) => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const { agent } = await agentOnS3({ endpoint: proxy.url, settings });
    proxy.fail({ times: Infinity, answer: { status, body } });
    expect(await outcome(all(agent.listDocuments()))).toBe(`${expected} false`);
  });
});

describeWith(['rgw'], 'what passes', () => {
  test.each([
    [500, code('InternalError')],
    [503, code('SlowDown')],
    [429, ''],
    [408, ''],
    [507, ''],
    [403, code('QuotaExceeded')],
    [400, code('RequestTimeout')],
    [409, code('OperationAborted')],
  ])('an answer %s %s', async (status, body) => {
    const proxy = await startProxy(servers.rgw.endpoint);
    const { agent } = await agentOnS3({ endpoint: proxy.url, settings });
    proxy.fail({ times: Infinity, answer: { status, body } });
    expect(await outcome(all(agent.listDocuments()))).toBe('JACS_UNAVAILABLE true');
    expect(await outcome(agent.createDocument({ title: 'x' }))).toBe('JACS_UNAVAILABLE true');
    proxy.clear();
    expect(await outcome(agent.createDocument({ title: 'x' }))).toBe('done');
  });

  test('nobody at the address', async () => {
    const env = { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' };
    const agent = await againOn(await agentOnS3(), { env, settings });
    expect(await outcome(all(agent.listDocuments()))).toBe('JACS_UNAVAILABLE true');
  });
});
