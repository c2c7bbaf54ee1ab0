'use strict';

const fs = require('node:fs');
const { NOWHERE, withAgent } = require('./support.js');

const WITHOUT_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

test('prints the newest by id and any by id:version, without a password', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const second = await workspace.update(first.key, { title: 'second' });
  expect(await workspace.done(['get', first.jacsId], WITHOUT_PASSWORD)).toBe(second.text);
  expect(await workspace.done(['get', first.key], WITHOUT_PASSWORD)).toBe(first.text);
  expect(await workspace.done(['get', first.key, '--json'], WITHOUT_PASSWORD)).toBe(first.text);
});

test('refuses what is not there and what is no key', async () => {
  const workspace = await withAgent();
  expect(await workspace.refused(['get', NOWHERE], 'JACS_NOT_FOUND')).toMatchObject({ key: NOWHERE });
  for (const key of ['../x', '', NOWHERE.toUpperCase().replace('8', 'A')]) {
    await workspace.refused(['get', key], 'JACS_INPUT');
  }
});

test('a changed file is refused and its bytes are not shown', async () => {
  const workspace = await withAgent();
  const document = await workspace.create({ title: 'My document' });
  const file = workspace.path(workspace.stored(document));
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('My document', 'My documenX'));
  for (const verify of [[], ['--verify', 'hash']]) {
    await workspace.refused(['get', document.key, ...verify], 'JACS_HASH');
  }
});

test('--signed-by takes several signers', async () => {
  const workspace = await withAgent();
  const { key, jacsSignature, text } = await workspace.create();
  await workspace.refused(['get', key, '--signed-by', NOWHERE], 'JACS_UNTRUSTED');
  const both = ['--signed-by', NOWHERE, '--signed-by', jacsSignature.agentID];
  expect(await workspace.done(['get', key, ...both])).toBe(text);
});

test('--minimum-trust: the own key is believed at every level', async () => {
  const workspace = await withAgent();
  const { key, text } = await workspace.create();
  expect(await workspace.done(['get', key, '--minimum-trust', 'self'])).toBe(text);
});

test('--on-fork error refuses a document with several heads', async () => {
  const workspace = await withAgent();
  const first = await workspace.create();
  const [one, other] = await fork(workspace, first);
  const winner = [one, other].sort((a, b) => (a.jacsVersion < b.jacsVersion ? 1 : -1))[0];
  expect(await workspace.done(['get', first.jacsId])).toBe(winner.text);
  const error = await workspace.refused(['get', first.jacsId, '--on-fork', 'error'], 'JACS_CONFLICT');
  expect(error.heads).toEqual(expect.arrayContaining([one.key, other.key]));
});

/** Two versions that replace the same one: the first is out of the way while the second is made. */
async function fork(workspace, { key }) {
  const one = await workspace.update(key, { title: 'one' });
  await workspace.done(['remove', one.key, '--yes', '--json']);
  const other = await workspace.update(key, { title: 'other' });
  await workspace.done(['save', '-'], { input: one.text });
  return [one, other];
}
