'use strict';
// Each Sync twin gives what the promise form gives: the same values, the same errors.

const { Agent, JacsError } = require('../../index.js');
const { FORMS, fieldsOf, keyOf, loadAgain, newAgent, storedText, treeOf } = require('../support/agents.js');
const { faultsOf } = require('../support/witness.js');

const ABSENT = '00000000-0000-4000-8000-000000000000';

let place;
let agent;
let text;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  text = await agent.createDocument({ title: 'first' });
});

/** What a call in one form came to: its value, or the error without what belongs to one call. */
async function outcomeOf(form, verb, args) {
  try {
    return { value: await FORMS[form](agent, verb, ...args) };
  } catch (error) {
    expect(error).toBeInstanceOf(JacsError);
    const { code, message, retryable, key, current, heads, path } = error;
    return { error: { code, message, retryable, key, current, heads, path } };
  }
}

/** The fields that differ from call to call taken out. */
function steady(outcome) {
  if (typeof outcome.value !== 'string') return outcome;
  const { jacsType, jacsLevel, $schema, jacsPreviousVersion } = JSON.parse(outcome.value);
  return { value: { ...fieldsOf(outcome.value), jacsType, jacsLevel, $schema, jacsPreviousVersion } };
}

const CASES = {
  getDocument: [
    ['a version', () => [keyOf(text)]],
    ['the newest', () => [JSON.parse(text).jacsId]],
    ['by hash', () => [keyOf(text), { verify: 'hash' }]],
    [
      'by a signer',
      () => [keyOf(text), { signedBy: agent.id, minimumTrust: 'self', onFork: 'error', allowUnsigned: true }],
    ],
    ['an agent', () => [agent.id]],
    ['not found', () => [ABSENT]],
    ['another signer', () => [keyOf(text), { signedBy: ABSENT }]],
    ['no key', () => ['../x']],
    ['unknown option', () => [keyOf(text), { verified: true }]],
  ],
  verifyDocument: [
    ['a text', () => [text]],
    ['an object', () => [JSON.parse(text)]],
    ['a forgery', () => [text.replace('first', 'forged')]],
    ['no document', () => ['{}']],
    ['by a signer', () => [text, { signedBy: [agent.id] }]],
    ['another signer', () => [text, { signedBy: [ABSENT] }]],
    ['no text', () => [1]],
    ['unknown option', () => [text, { signedby: ABSENT }]],
  ],
  createDocument: [
    ['an object', () => [{ title: 'x' }]],
    ['a text', () => ['{"title":"x","jacsType":"letter"}']],
    ['not saved', () => [{ title: 'x' }, null, null, true]],
    ['options', () => [{ title: 'x' }, { schema: { required: ['title'] }, noSave: false }]],
    ['against a schema', () => [{ title: 'x' }, { schema: { required: ['amount'] } }]],
    ['not JSON', () => ['x']],
    ['signed already', () => [text]],
    ['the options not last', () => [{}, {}, 'x']],
  ],
  updateDocument: [
    ['not saved', () => [keyOf(text), { title: 'x' }, { noSave: true }]],
    ['not found', () => [`${ABSENT}:${ABSENT}`, {}]],
    ['another field of the system', () => [keyOf(text), { jacsId: ABSENT }]],
    ['a bare id', () => [JSON.parse(text).jacsId, {}]],
    ['a merge of no head', () => [keyOf(text), {}, { merges: [keyOf(text)] }]],
  ],
};

describe.each(Object.entries(CASES))('%s', (verb, cases) => {
  test.each(cases)('%s', async (_, args) => {
    const [promised, direct] = [await outcomeOf('async', verb, args()), await outcomeOf('sync', verb, args())];
    expect(steady(direct)).toEqual(steady(promised));
    if (verb.startsWith('get') || verb.startsWith('verify')) expect(direct).toEqual(promised);
  });
});

test('createDocumentSync and updateDocumentSync store what they return, before they return', () => {
  const first = agent.createDocumentSync({ number: 1 });
  expect(storedText(place.data, keyOf(first))).toBe(first);
  const second = agent.updateDocumentSync(keyOf(first), { number: 2 });
  expect(storedText(place.data, keyOf(second))).toBe(second);
  expect(agent.getDocumentSync(JSON.parse(first).jacsId)).toBe(second);
  for (const one of [first, second]) {
    expect(faultsOf(one, agent.publicKey)).toEqual([]);
    expect(agent.verifyDocumentSync(one)).toBe(true);
  }
});

test('errors are thrown, as errors of this realm, with the caller on their stack', () => {
  function caller() {
    return agent.getDocumentSync(ABSENT);
  }
  const error = (() => {
    try {
      return caller();
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(JacsError);
  expect(error.code).toBe('JACS_NOT_FOUND');
  expect(error.stack).toContain('caller');
});

test('a conflict tells the same', async () => {
  const first = agent.createDocumentSync({ number: 1 });
  agent.updateDocumentSync(keyOf(first), { number: 2 });
  const args = [keyOf(first), { number: 3 }];
  const direct = await outcomeOf('sync', 'updateDocument', args);
  expect(direct.error).toMatchObject({
    code: 'JACS_CONFLICT',
    current: expect.any(String),
    heads: [expect.any(String)],
  });
  expect(direct).toEqual(await outcomeOf('async', 'updateDocument', args));
});

describe('loadSync', () => {
  const configuration = () => ({ jacs_data_directory: place.data, jacs_key_directory: place.keys });
  const options = () => ({ password: place.password, env: {} });

  test('gives the agent document that load gives, from a path or an object', async () => {
    const document = await new Agent().load(place.config, options());
    for (const config of [place.config, configuration()]) {
      const loaded = new Agent();
      expect(loaded.loadSync(config, options())).toBe(document);
      expect([loaded.id, loaded.version, loaded.algorithm]).toEqual([agent.id, agent.version, agent.algorithm]);
      expect(loaded.publicKey.equals(agent.publicKey)).toBe(true);
      expect(loaded.getDocumentSync(keyOf(text))).toBe(text);
      await loaded.close();
    }
  });

  test.each([
    ['a wrong password', () => [place.config, { password: 'Wrong-6203', env: {} }], 'JACS_PASSWORD'],
    ['no password', () => [place.config, { env: {} }], 'JACS_PASSWORD'],
    ['no such file', () => [`${place.config}.missing`, options()], 'JACS_CONFIG'],
    ['an unknown key', () => [{ ...configuration(), jacs_default_store: 'fs' }, options()], 'JACS_CONFIG'],
    ['an unknown option', () => [place.config, { ...options(), readonly: true }], 'JACS_INPUT'],
    ['no configuration', () => [undefined, options()], 'JACS_INPUT'],
  ])('%s: the same code', async (_, args, code) => {
    await expect(new Agent().load(...args())).rejects.toMatchObject({ code });
    expect(() => new Agent().loadSync(...args())).toThrow(expect.objectContaining({ code }));
  });

  test('a second load, or a call before it: the same code', async () => {
    for (const load of ['load', 'loadSync']) {
      await expect((async () => agent[load](place.config, options()))()).rejects.toMatchObject({ code: 'JACS_CONFIG' });
    }
    const unloaded = new Agent();
    for (const [verb, args] of [
      ['createDocument', [{}]],
      ['getDocument', [ABSENT]],
      ['updateDocument', [`${ABSENT}:${ABSENT}`, {}]],
      ['verifyDocument', [text]],
    ]) {
      for (const call of Object.values(FORMS)) {
        await expect(call(unloaded, verb, ...args)).rejects.toMatchObject({ code: 'JACS_CONFIG' });
      }
    }
  });

  test('after a failed load the same instance loads', () => {
    const loaded = new Agent();
    expect(() => loaded.loadSync(place.config, { password: 'Wrong-6203', env: {} })).toThrow(JacsError);
    loaded.loadSync(place.config, options());
    expect(loaded.id).toBe(agent.id);
  });
});

test.each(['createDocumentSync', 'updateDocumentSync'])(
  '%s of an agent that may only read is refused',
  async (verb) => {
    const reader = await loadAgain(place, {}, { readOnly: true });
    const before = treeOf(place.data);
    const args = verb.startsWith('create') ? [{}] : [keyOf(text), {}];
    expect(() => reader[verb](...args)).toThrow(expect.objectContaining({ code: 'JACS_PERMISSION' }));
    expect(treeOf(place.data)).toEqual(before);
    expect(reader.getDocumentSync(keyOf(text))).toBe(text);
  },
);
