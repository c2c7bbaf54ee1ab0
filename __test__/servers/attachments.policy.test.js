'use strict';
// The actions of the documented IAM policy are enough for attachments too, and so are those of them that everything else
// needs: a second user of the gateway, whom a bucket's policy lets in.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, refusal } = require('../support/agents.js');
const { LARGE, newSource, outcomeOf, SMALL, STEPS, uploadsIn } = require('../support/attached.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { rawBucket } = require('../support/raw.js');
const { agentOnS3, againOn } = require('../support/remote.js');
const { servers, s3 } = require('../support/servers.js');

const documented = path.join(__dirname, '..', '..', 'docs', 's3.md');
const settings = { jacs_cache_bytes: 0, jacs_storage_options: { retries: 1 } };

/** The actions that the documentation names. */
function actionsOf(file) {
  const [, policy] = /```json iam-policy\.json\n(.*?)```/s.exec(fs.readFileSync(file, 'utf8'));
  return JSON.parse(policy).Statement.flatMap(({ Action }) => Action);
}

/** Lets the second user do these and nothing else. */
async function allow(bucket, Action) {
  const arn = `arn:aws:s3:::${bucket}`;
  const Principal = { AWS: ['arn:aws:iam:::user/second'] };
  const Statement = [{ Effect: 'Allow', Principal, Action, Resource: [arn, `${arn}/*`] }];
  const body = JSON.stringify({ Version: '2012-10-17', Statement });
  expect((await s3('PUT', bucket, { at: servers.rgw, query: { policy: '' }, body })).status).toBe(204);
}

/** The owner's agent as `place.agent`, and the same with the keys of the second user as `agent`, through `proxy`. */
async function twoUsers(actions) {
  const { accessKey, secretKey } = servers.rgw.second;
  const place = await agentOnS3({ settings });
  await allow(place.bucket, actions);
  const proxy = await startProxy(servers.rgw.endpoint);
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_ENDPOINT_URL_S3: proxy.url };
  const agent = await againOn(place, { settings, env });
  return { place, agent, proxy, bucket: place.bucket, raw: rawBucket(place) };
}

/** Documents of the owner: whoever made an object may read it, whatever a policy says. */
async function madeBy(agent) {
  const source = newSource(SMALL, 'theirs.bin');
  return { source, text: await agent.createDocument({ title: 'theirs' }, { attachments: source.path }) };
}

const create = (agent, length) => agent.createDocument({ title: 'new' }, { attachments: newSource(length).path });
const read = async (agent, { text, source }) => {
  const { error } = await outcomeOf(agent.readAttachment(text, source.name));
  if (error) throw error;
};

/** Every call that stores or reads files, and the actions without which it is refused. */
const CALLS = [
  // Whether it is there: what is not may be looked for by those who may list.
  ['create, small', ['PutObject', 'ListBucket'], (agent) => create(agent, SMALL)],
  ['create, large', ['PutObject', 'ListBucket'], (agent) => create(agent, LARGE)],
  [
    'create, of what is there',
    ['GetObject', 'PutObject'],
    (agent, { source }) => agent.createDocument({ title: 'same' }, { attachments: source.path }),
  ],
  [
    'update that inherits',
    ['GetObject', 'PutObject', 'ListBucket'],
    (agent, { text }) => agent.updateDocument(keyOf(text), { title: 'next' }),
  ],
  ['read', ['GetObject'], read],
  ['save', ['GetObject'], (agent, { text }) => agent.saveAttachments(text, path.join(temporaryFolder(), 'saved'))],
  ['assert', ['GetObject'], (agent, { text }) => agent.assertDocument(text)],
  ['assert with contents', ['GetObject'], (agent, { text }) => agent.assertDocument(text, { contents: true })],
];

const outcome = (promise) =>
  promise.then(
    () => 'done',
    (error) => error.code,
  );

describeWith(['rgw'], 'the documented actions', () => {
  const ALL = actionsOf(documented);
  const ABORT = 's3:AbortMultipartUpload';
  const ACTIONS = ALL.filter((action) => action !== ABORT);

  test('are four, enough for attachments, and one for uploads that fail', async () => {
    expect([ACTIONS.length, ALL.length]).toEqual([4, 5]);
    const { place, agent, bucket, raw } = await twoUsers(ACTIONS);
    const made = await madeBy(place.agent);
    for (const [name, , call] of CALLS) expect([name, await outcome(call(agent, made))]).toEqual([name, 'done']);
    expect((await raw.names()).filter((name) => name.startsWith('files/'))).toHaveLength(3);
    expect(await uploadsIn(bucket)).toEqual([]);
    // Everything else is forbidden to this user: the policy was in force.
    const asSecond = { at: servers.rgw, as: servers.rgw.second };
    expect((await s3('GET', bucket, { ...asSecond, query: { policy: '' } })).status).toBe(403);
  });

  test.each(['GetObject', 'PutObject', 'ListBucket'])(
    'without %s some calls are refused, and leave nothing half done',
    async (missing) => {
      const { place, agent, bucket, raw } = await twoUsers(ACTIONS);
      const made = await madeBy(place.agent);
      await agent.createDocument({ title: 'publishes the agent' });
      await allow(
        bucket,
        ACTIONS.filter((action) => action !== `s3:${missing}`),
      );
      for (const [name, needed, call] of CALLS) {
        const before = await raw.names();
        const came = await outcome(call(agent, made));
        expect([name, came]).toEqual([name, needed.includes(missing) ? 'JACS_PERMISSION' : 'done']);
        if (came === 'done') continue;
        const documents = (await raw.names()).filter((each) => !before.includes(each) && !each.startsWith('files/'));
        expect([name, documents]).toEqual([name, []]);
      }
    },
  );

  test('without that one an upload that failed is told with the same error, and stays', async () => {
    const { agent, proxy, bucket, raw } = await twoUsers(ACTIONS);
    await agent.createDocument({ title: 'publishes the agent' });
    const before = await raw.names();
    proxy.fail({ ...STEPS.part, times: Infinity, answer: { status: 503, body: 'no' } });
    const error = await refusal(create(agent, LARGE), 'JACS_UNAVAILABLE');
    expect([error.retryable, error.document]).toEqual([true, undefined]);
    expect(await raw.names()).toEqual(before);
    const left = await uploadsIn(bucket);
    const ended = proxy.requests.filter(({ method, path: url }) => method === 'DELETE' && url.includes('uploadId='));
    // It was tried; where this server let the one who began it end it, none is left.
    expect(ended.length).toBeGreaterThan(0);
    expect(left).toHaveLength(ended.at(-1).status === 204 ? 0 : 1);
    proxy.clear();
    await allow(bucket, ALL);
    proxy.fail({ ...STEPS.part, times: Infinity, answer: { status: 503, body: 'no' } });
    await refusal(create(agent, LARGE), 'JACS_UNAVAILABLE');
    expect(await uploadsIn(bucket)).toEqual(left);
  });
});
