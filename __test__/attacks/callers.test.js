'use strict';
// What a stranger can reach through a service that hands on request bodies, and through `saveDocument` alone.

const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const { Agent } = require('../../index.js');
const { anotherOn, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { uuidV7 } = require('../support/witness.js');

let place;
let agent;
let strangers;
let stranger;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  strangers = await anotherOn(place);
  stranger = strangers.agent;
  await stranger.createDocument({ published: true });
});

const idOf = (text) => JSON.parse(text).jacsId;

/** Input of the migration recipe: any id, version and predecessor that its author likes. */
function recipe(jacsId, jacsVersion, fields = {}) {
  const now = new Date().toISOString();
  return {
    $schema: 'https://hai.ai/schemas/header/v1/header.schema.json',
    jacsType: 'document',
    jacsLevel: 'artifact',
    jacsId,
    jacsVersion,
    jacsVersionDate: now,
    jacsOriginalVersion: jacsVersion,
    jacsOriginalDate: now,
    ...fields,
  };
}

const signedBy = (who, input) => who.createDocument(input, { noSave: true, resign: true });

test('a request body is never signed as the next version of a document', async () => {
  const first = JSON.parse(await agent.createDocument({ pay: 1 }));
  const body = recipe(first.jacsId, uuidV7(), {
    jacsOriginalVersion: first.jacsVersion,
    jacsOriginalDate: first.jacsOriginalDate,
    jacsPreviousVersion: first.jacsVersion,
    jacsPreviousSha256: first.jacsSha256,
    pay: 1_000_000,
  });
  await refusal(agent.createDocument(body), 'JACS_CONFLICT');
  await refusal(agent.createDocument(body, { noSave: true }), 'JACS_INPUT');
  await refusal(agent.createDocuments([body], { noSave: true }), 'JACS_INPUT');
  expect(JSON.parse(await agent.getDocument(first.jacsId)).pay).toBe(1);
});

test('a request body cannot take the id of an agent', async () => {
  for (const who of [agent, stranger]) {
    await refusal(agent.createDocument(recipe(who.id, who.version, { name: 'mine' })), 'JACS_CONFLICT');
    const planted = await signedBy(stranger, recipe(who.id, uuidV7(), { name: 'mine' }));
    await refusal(stranger.saveDocument(planted), 'JACS_CONFLICT');
    expect(JSON.parse(await agent.getDocument(who.id)).jacsType).toBe('agent');
  }
});

test('a request body with attachments that are not what they say is not signed', async () => {
  const jacsFiles = [{ embed: true, mimetype: 'a', path: 'a', sha256: '0'.repeat(64), contents: 'AAAA' }];
  for (const fields of [{ jacsFiles }, { jacsFiles: 'x' }, { jacsFilesStored: 5 }]) {
    const body = recipe(randomUUID(), uuidV7(), fields);
    await refusal(agent.createDocument(body), 'JACS_ATTACHMENT');
    await refusal(signedBy(agent, body), 'JACS_ATTACHMENT');
  }
});

test('what a stranger saves in the place of a removed version rolls nothing back', async () => {
  const first = await agent.createDocument({ n: 1 });
  const second = await agent.updateDocument(keyOf(first), { n: 2 });
  await agent.updateDocument(keyOf(second), { n: 3 });
  await agent.removeDocument(keyOf(second));
  const { jacsOriginalVersion, jacsOriginalDate, jacsVersion } = JSON.parse(second);
  const planted = recipe(idOf(first), jacsVersion, { jacsOriginalVersion, jacsOriginalDate, n: 666 });
  await stranger.saveDocument(await signedBy(stranger, planted));
  expect(JSON.parse(await agent.getDocument(idOf(first))).n).toBe(3);
});

test('what a stranger saves in the place of a removed first version makes it no owner', async () => {
  const first = await agent.createDocument({ n: 1 });
  const second = await agent.updateDocument(keyOf(first), { n: 2 });
  await agent.removeDocument(keyOf(first));
  const planted = recipe(idOf(first), JSON.parse(first).jacsVersion, { n: 666 });
  await stranger.saveDocument(await signedBy(stranger, planted));
  expect(await agent.getDocument(idOf(first))).toBe(second);
  await stranger.updateDocument(`${idOf(first)}:${planted.jacsVersion}`, { n: 777 });
  expect(await agent.getDocument(idOf(first))).toBe(second);
  expect((await agent.verifyHistory(idOf(first))).valid).toBe(false);
});

test('a gap makes no stranger of an owner', async () => {
  const first = await stranger.createDocument({ n: 1 });
  const second = await stranger.updateDocument(keyOf(first), { n: 2 });
  const third = await agent.updateDocument(keyOf(second), { n: 3 });
  const owner = await loadAgain(strangers, { jacs_update_policy: 'any' });
  const fourth = await owner.updateDocument(keyOf(third), { n: 4 });
  await owner.removeDocument(keyOf(second));
  expect(await agent.getDocument(idOf(first))).toBe(fourth);
});

describe('options that say who may have signed never fall open', () => {
  let foreign;
  beforeAll(async () => {
    foreign = await stranger.createDocument({ by: 'a stranger' });
  });

  test('an empty list accepts nobody', async () => {
    expect(await agent.verifyDocument(foreign)).toBe(true);
    expect(await agent.verifyDocument(foreign, { signedBy: [] })).toBe(false);
    await refusal(agent.getDocument(keyOf(foreign), { signedBy: [] }), 'JACS_UNTRUSTED');
  });

  test('a promise, a map and an object of a class are no options', async () => {
    class Options {
      get signedBy() {
        return [agent.id];
      }
    }
    const given = { signedBy: [agent.id] };
    for (const options of [Promise.resolve(given), new Map(Object.entries(given)), new Options(), [given]]) {
      await refusal(agent.verifyDocument(foreign, options), 'JACS_INPUT');
      expect(() => agent.verifyDocumentSync(foreign, options)).toThrow(expect.objectContaining({ code: 'JACS_INPUT' }));
    }
  });

  test('a read that looks at the hash alone takes no demands on the signer', async () => {
    for (const demand of [
      { signedBy: agent.id },
      { minimumTrust: 'self' },
      { allowUnsigned: true },
      { onFork: 'error' },
    ]) {
      await refusal(agent.getDocument(keyOf(foreign), { verify: 'hash', ...demand }), 'JACS_INPUT');
    }
  });
});

test('what getters and proxies of the caller throw is the cause of an error of ours', async () => {
  const revoked = (target) => {
    const { proxy, revoke } = Proxy.revocable(target, {});
    revoke();
    return proxy;
  };
  const throwing = {
    get signedBy() {
      throw new TypeError('mine');
    },
  };
  await refusal(agent.verifyDocument('{}', throwing), 'JACS_INPUT');
  await refusal(agent.verifyDocument('{}', revoked({})), 'JACS_INPUT');
  await refusal(agent.createDocument(revoked({})), 'JACS_INPUT');
  await refusal(agent.createDocuments(revoked([])), 'JACS_INPUT');
  await refusal(Agent.create({ env: { A: 1n } }), 'JACS_INPUT');
});

test('key files do not take the names of other things in the key directory, nor each other’s', async () => {
  const folder = temporaryFolder();
  const configPath = path.join(folder, 'jacs.config.json');
  const create = (settings) => {
    fs.writeFileSync(configPath, JSON.stringify(settings));
    return Agent.create({ configPath, password: place.password });
  };
  for (const name of ['.creating', 'agents', '.tmp-key', '.jacs-tmp-key', 'Agents']) {
    await refusal(create({ jacs_agent_private_key_filename: name }), 'JACS_CONFIG');
  }
  const same = { jacs_agent_private_key_filename: 'key', jacs_agent_public_key_filename: 'KEY' };
  await refusal(create(same), 'JACS_CONFIG');
  expect(fs.readdirSync(folder)).toEqual(['jacs.config.json']);
});

test('a file of the user in the key directory stays', async () => {
  const folder = temporaryFolder();
  const notes = path.join(folder, '.tmp-my-notes.txt');
  fs.writeFileSync(notes, 'mine');
  const made = await Agent.create({
    configPath: path.join(folder, 'jacs.config.json'),
    keyDirectory: folder,
    dataDirectory: path.join(folder, 'data'),
    password: place.password,
  });
  await made.changePassword({ password: place.password, newPassword: `${place.password}-2` });
  await made.close();
  expect(fs.readFileSync(notes, 'utf8')).toBe('mine');
});

test('a copy goes neither into the store nor among the keys', async () => {
  for (const filename of [path.join(place.keys, 'jacs.private.pem.enc'), path.join(place.data, 'copy.json')]) {
    await refusal(agent.createDocument({ n: 1 }, { filename, overwrite: true }), 'JACS_INPUT');
  }
});
