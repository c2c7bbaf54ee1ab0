'use strict';
// An agent that is blocked: nothing that it signed counts, by whatever way it is asked for.

const path = require('node:path');
const { Agent } = require('../../index.js');
const { all, anotherOn, keyOf, newAgent, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');

const idOf = (text) => JSON.parse(text).jacsId;

let signer, reader, text, mine;
beforeAll(async () => {
  signer = await newAgent();
  text = await signer.agent.createDocument({ n: 1 });
  reader = await anotherOn(signer, { jacs_update_policy: 'any' });
  mine = await reader.agent.createDocument({ n: 'mine' });
  // In memory before the block.
  expect(await reader.agent.getDocument(keyOf(text))).toBe(text);
  expect(await reader.agent.getDocument(idOf(text))).toBe(text);
  await reader.agent.untrustAgent(signer.agent.id);
});

test('get, by key and by id, from memory and from the store', async () => {
  for (const reference of [keyOf(text), idOf(text)]) {
    for (const options of [{}, { cache: false }, { signedBy: signer.agent.id }, { minimumTrust: 'storage' }]) {
      await refusal(reader.agent.getDocument(reference, options), 'JACS_UNTRUSTED');
    }
    await refusal(
      Promise.resolve().then(() => reader.agent.getDocumentSync(reference)),
      'JACS_UNTRUSTED',
    );
    expect(await reader.agent.inspectDocument(reference)).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
  }
  // Only what the bytes are is another question.
  expect(await reader.agent.getDocument(keyOf(text), { verify: 'hash' })).toBe(text);
});

test('verify, assert and save', async () => {
  expect(await reader.agent.verifyDocument(text)).toBe(false);
  await refusal(reader.agent.assertDocument(text), 'JACS_UNTRUSTED');
  const theirs = await signer.agent.createDocument({ n: 2 }, { noSave: true });
  await refusal(reader.agent.saveDocument(theirs), 'JACS_UNTRUSTED');
  await refusal(reader.agent.getDocument(keyOf(theirs)), 'JACS_NOT_FOUND');
});

test('its own agent document', async () => {
  const key = `${signer.agent.id}:${signer.agent.version}`;
  await refusal(reader.agent.getDocument(key), 'JACS_UNTRUSTED');
});

test('an update of its document, and one by it', async () => {
  await refusal(reader.agent.updateDocument(keyOf(text), { n: 3 }), 'JACS_UNTRUSTED');
  const any = await anotherOn(signer, { jacs_update_policy: 'any' });
  const planted = await any.agent.updateDocument(keyOf(mine), { n: 'by a third' });
  expect(await reader.agent.getDocument(idOf(mine))).toBe(planted);
  await reader.agent.untrustAgent(any.agent.id);
  expect(await reader.agent.getDocument(idOf(mine))).toBe(mine);
  const versions = await reader.agent.versions(idOf(mine));
  expect(versions.map(({ accepted }) => accepted)).toEqual([true, false]);
});

test('listings', async () => {
  const listed = async (options) => (await all(reader.agent.listDocuments(options))).map(({ key }) => key);
  expect(await listed({ agentId: signer.agent.id })).toEqual([]);
  expect(await listed({ type: 'document' })).not.toContain(keyOf(text));
});

test('history', async () => {
  const history = await reader.agent.verifyHistory(idOf(text));
  expect(history).toMatchObject({ valid: false, versions: [{ valid: false, code: 'JACS_UNTRUSTED' }] });
});

test('check', async () => {
  const { findings } = await reader.agent.check();
  expect(findings).toContainEqual(expect.objectContaining({ code: 'JACS_UNTRUSTED', key: keyOf(text) }));
});

test('import and migrate', async () => {
  const archive = path.join(temporaryFolder(), 'store.tar.gz');
  await signer.agent.exportArchive(archive);
  const target = await newAgent();
  await target.agent.createDocument({ n: 'there before' });
  await target.agent.untrustAgent(signer.agent.id);
  const imported = await target.agent.importArchive(archive);
  expect(imported.failures).toContainEqual(expect.objectContaining({ code: 'JACS_UNTRUSTED', key: keyOf(text) }));
  await refusal(target.agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');

  // A copy of a whole store has what the store has, and says what is not believed.
  const from = { jacs_data_directory: signer.data, jacs_key_directory: target.keys };
  const report = await Agent.migrate({ from, to: target.config, env: {} });
  expect(report.failures).toContainEqual(expect.objectContaining({ code: 'JACS_UNTRUSTED', key: keyOf(text) }));
  await refusal(target.agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
});
