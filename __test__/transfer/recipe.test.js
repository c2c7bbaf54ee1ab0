'use strict';
// The migration recipe of the description between two stores, as its snippet stands: the same agent on both, each document
// without its signature and hash, created again.

const { Agent } = require('../../index.js');
const { all, fieldsOf, keyOf, newAgent, onEmptyStore, refusal, unsigned } = require('../support/agents.js');
const { faultsOf } = require('../support/witness.js');
const { describeWith } = require('../support/needs.js');
const { s3Variables } = require('../support/remote.js');
const { newBucket, servers } = require('../support/servers.js');
const { fsConfig, migrate, range } = require('../support/transfer.js');

let source;
let documents;
beforeAll(async () => {
  source = await newAgent();
  const texts = await source.agent.createDocuments(range(8).map((number) => ({ number, title: `Number ${number}` })));
  texts[3] = await source.agent.updateDocument(keyOf(texts[3]), { number: 3, title: 'again' });
  documents = texts;
});

/** The snippet, but for the language. */
async function recipe(texts, target) {
  const made = [];
  for (const text of texts) {
    const doc = JSON.parse(text);
    // Remove existing signatures for re-signing
    delete doc.jacsSignature;
    delete doc.jacsSha256;
    made.push(await target.createDocument(JSON.stringify(doc)));
  }
  return made;
}

/** "Read all documents (implementation depends on your document tracking)" */
async function newestOf(agent) {
  return Promise.all((await all(agent.listDocuments())).map(({ id }) => agent.getDocument(id)));
}

/** Runs it twice, and looks at what came of it. */
async function expectCopies(texts, target) {
  const made = await recipe(texts, target);
  expect(made.map(keyOf)).toEqual(texts.map(keyOf));
  for (const [index, text] of made.entries()) {
    expect(unsigned(text)).toEqual(unsigned(texts[index]));
    expect(faultsOf(text, source.agent.publicKey)).toEqual([]);
    await expect(target.getDocument(JSON.parse(text).jacsId)).resolves.toBe(text);
  }
  expect(await recipe(texts, target)).toEqual(made);
  expect((await all(target.listDocuments())).map(({ key }) => key)).toEqual(texts.map(keyOf).sort());
}

test('from a folder to a folder', async () => {
  const texts = await newestOf(source.agent);
  expect(texts.map(keyOf)).toEqual(documents.map(keyOf).sort());
  await expectCopies(texts, (await onEmptyStore(source)).agent);
});

describeWith(['rgw'], 'the recipe', () => {
  test('from a folder to S3', async () => {
    const target = new Agent();
    const bucket = await newBucket();
    const config = {
      ...fsConfig(`s3://${bucket}/data`, { jacs_default_storage: 'aws' }),
      jacs_key_directory: source.keys,
    };
    await target.load(config, { password: source.password, env: s3Variables(servers.rgw) });
    await expectCopies(await newestOf(source.agent), target);
    await target.close();
  }, 60_000);
});

test('after migrate it changes nothing, since the documents are there, signed', async () => {
  const target = await onEmptyStore(source);
  await migrate(source.data, target.data);
  const texts = await newestOf(source.agent);
  expect(await recipe(texts, target.agent)).toEqual(texts);
});

test('a document with stored files goes with migrate', async () => {
  const text = await source.agent.createDocument(
    { title: 'with a file' },
    { attachments: { path: 'a.bin', contents: Buffer.from('contents') } },
  );
  const target = await onEmptyStore(source);
  await refusal(recipe([text], target.agent), 'JACS_ATTACHMENT');
  await migrate(source.data, target.data);
  await expect(target.agent.getDocument(keyOf(text))).resolves.toBe(text);
  await expect(target.agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
  expect(fieldsOf(text)).toEqual({ title: 'with a file' });
});
