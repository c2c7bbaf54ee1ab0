'use strict';
// Where a store on a server lies: source and target are told apart by bucket and prefix, and no secret is written down.

const fs = require('node:fs');
const { Agent } = require('../../index.js');
const { refusal } = require('../support/agents.js');
const { describePlaces, newCheckpoint, objectsAt } = require('../support/places.js');
const { addMass, expectDone, fsConfig, objectsOf, newStore } = require('../support/transfer.js');

describePlaces('a store', ({ name, place }) => {
  let store;
  let server;
  let objects;
  beforeAll(async () => {
    store = await newStore();
    await addMass(store.agent, { mass: 10, files: 2 });
    objects = objectsOf(store.data);
    server = await place();
    await Agent.migrate({ from: fsConfig(store.data), to: server.config(), env: server.direct });
  }, 60_000);

  const at = (change) => {
    const config = server.config();
    return { ...config, jacs_data_directory: change(config.jacs_data_directory) };
  };
  const SPELLINGS = {
    'in the same words': (data) => data,
    'with a slash at the end': (data) => `${data}/`,
  };

  test.each(Object.keys(SPELLINGS))('is not its own target: %s', async (title) => {
    const other = at(SPELLINGS[title]);
    const env = server.direct;
    await refusal(Agent.migrate({ from: server.config(), to: other, env }), 'JACS_CONFIG');
    await refusal(Agent.migrate({ from: other, to: server.config(), env }), 'JACS_CONFIG');
    expect(await objectsAt(server)).toEqual(objects);
  });

  test('goes to another place of the same server', async () => {
    const to = at((data) => `${data}-copy`);
    const env = server.direct;
    expectDone(await Agent.migrate({ from: server.config(), to, env }), { copied: objects.size });
    expectDone(await Agent.migrate({ from: server.config(), to, env }), { copied: 0, same: objects.size });
    expectDone(await Agent.migrate({ from: fsConfig(store.data), to, env }), { copied: 0, same: objects.size });
    expect(await objectsAt(server)).toEqual(objects);
  }, 60_000);

  test('without credentials: JACS_CONFIG', async () => {
    const env = {
      HOME: '/nowhere',
      PATH: process.env.PATH,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_REGION: 'us-east-1',
    };
    const options = { from: fsConfig(store.data), to: server.config(), env };
    const error = await refusal(Agent.migrate(options), 'JACS_CONFIG');
    expect(error.retryable).toBe(false);
  });

  test('with wrong credentials: JACS_PERMISSION', async () => {
    const env = { ...server.direct, AWS_SECRET_ACCESS_KEY: 'wrong', HAI_STORAGE_TOKEN: 'wrong' };
    await refusal(Agent.migrate({ from: fsConfig(store.data), to: server.config(), env }), 'JACS_PERMISSION');
    await refusal(Agent.migrate({ from: server.config(), to: fsConfig('/nowhere'), env }), 'JACS_PERMISSION');
    expect(fs.existsSync('/nowhere')).toBe(false);
  });

  test('neither a checkpoint nor a report tells a secret', async () => {
    const checkpoint = newCheckpoint();
    // One that is kept: an object cannot be had.
    const one = [...objects.keys()].find((each) => each.startsWith('documents/'));
    server.proxy.fail({ method: 'GET', path: one, times: Infinity, answer: { status: 403, body: 'no' } });
    const to = fsConfig(`${store.folder}/${name}`);
    const findings = [];
    const onFinding = (finding) => findings.push(finding);
    const options = { from: server.config(), to, env: server.env, checkpoint, onFinding };
    const report = await Agent.migrate(options);
    server.proxy.clear();
    expect(report.failed).toBe(1);
    expect(findings).toMatchObject([{ kind: 'failed', code: 'JACS_PERMISSION', path: one }]);
    const texts = [fs.readFileSync(checkpoint, 'utf8'), JSON.stringify(report), JSON.stringify(findings)];
    for (const text of texts) {
      for (const secret of server.secrets) expect(text.includes(secret)).toBe(false);
    }
  }, 60_000);
});
