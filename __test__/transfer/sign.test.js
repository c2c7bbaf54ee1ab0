'use strict';
// `sign: true`: the report holds a document that says what was transferred, signed by the agent and not stored.

const { Agent } = require('../../index.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { faultsOf } = require('../support/witness.js');
const { addMass, emptyPlace, fsConfig, objectsOf, putVersion, newStore } = require('../support/transfer.js');

let store;
let target;
let texts;
beforeAll(async () => {
  store = await newStore();
  texts = await addMass(store.agent, { mass: 10, files: 2 });
  target = await newAgent();
});

const migrate = (options) =>
  Agent.migrate({
    from: fsConfig(store.data),
    to: target.config,
    sign: true,
    password: target.password,
    env: {},
    ...options,
  });

test('it verifies with the agent of the target, and names both roots and the counts', async () => {
  const report = await migrate();
  expect(faultsOf(report.signed, target.agent.publicKey)).toEqual([]);
  await expect(target.agent.verifyDocument(report.signed, { signedBy: target.agent.id })).resolves.toBe(true);
  expect(report.signed).toContain(report.root.from);
  expect(report.signed).toContain(report.root.to);
  const { copied, failed } = report;
  expect([copied, failed]).toEqual([objectsOf(store.data).size, 0]);
  expect(leavesOf(JSON.parse(report.signed))).toEqual(expect.arrayContaining([copied]));
});

test('it is not stored', async () => {
  const { signed, copied, same } = await migrate();
  expect(copied + same).toBe(objectsOf(store.data).size);
  await refusal(target.agent.getDocument(keyOf(signed)), 'JACS_NOT_FOUND');
  const names = [...objectsOf(target.data).keys()].filter((name) => name.startsWith('documents/'));
  expect(names).toHaveLength(texts.length);
});

test('it tells a difference', async () => {
  putVersion(
    store.data,
    'not a document',
    'documents',
    keyOf(texts[0]).replace(/.$/, (c) => (c === '0' ? '1' : '0')),
  );
  const report = await migrate();
  expect(report.failed).toBe(1);
  expect(report.root.from).not.toBe(report.root.to);
  expect(report.signed).toContain(report.root.from);
  expect(report.signed).toContain(report.root.to);
  expect(faultsOf(report.signed, target.agent.publicKey)).toEqual([]);
});

test('without the option there is none', async () => {
  expect(await migrate({ sign: undefined })).not.toHaveProperty('signed');
});

test('of a mirror, by the agent whose store it is', async () => {
  const source = await newAgent();
  await addMass(source.agent, { mass: 5, files: 1 });
  const report = await source.agent.mirror(fsConfig(emptyPlace()), { sign: true, deep: true });
  expect(faultsOf(report.signed, source.agent.publicKey)).toEqual([]);
  expect(report.signed).toContain(report.root.to);
  await refusal(source.agent.getDocument(keyOf(report.signed)), 'JACS_NOT_FOUND');
});

/** Every value in a tree of objects. */
function leavesOf(value) {
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(leavesOf) : [value];
}
