'use strict';
// Bad input: refused with its code, nothing stored, and the same agent goes on working. Both forms of each verb.

const { FORMS, fieldsOf, keyOf, newAgent, refusal, treeOf, unsigned } = require('../support/agents.js');

const LIMIT = 16_384;
const LEAST = '00000000-0000-4000-8000-000000000000';

let place;
let agent;
let stored;
let before;

beforeAll(async () => {
  place = await newAgent({ settings: { jacs_max_document_bytes: LIMIT } });
  agent = place.agent;
  stored = await agent.createDocument({ title: 'stored' });
});

beforeEach(() => {
  before = treeOf(place.folder);
});

/** After a refusal: nothing is stored, and the agent works. */
async function unharmed() {
  expect(treeOf(place.folder)).toEqual(before);
  const text = await agent.createDocument({ title: 'after' });
  await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  await agent.removeDocument(keyOf(text));
}

/** A text of so many levels, as objects and as lists. */
const objects = (levels) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
const lists = (levels) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

/** A list that contains itself, and other objects that JSON.stringify does not take. */
function cycle() {
  const object = { items: [] };
  object.items.push(object);
  return object;
}

const TEXTS = {
  'not JSON': ['', ' ', 'title', '{', '{"a":1', '{"a":1,}', '{"a":}', "{'a':1}", '{a:1}', '{"a":1}{}', '{"a":1} x'],
  'nearly JSON': ['\ufeff{"a":1}', '{"a":1}//', '{"a":"\n"}', '{"a":"\\x41"}', '{"a":"\\u12"}', '{"a":undefined}'],
  'not JSON numbers': ['01', '+1', '.5', '1.', '0x10', '1e', '1e+', '-', 'NaN', 'Infinity', '-Infinity', '1_000'].map(
    inA,
  ),
  'not an object': ['[1]', '[]', '[{}]', '"text"', '1', 'true', 'null'],
  'duplicate names': [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"é":1,"\\u00e9":1}',
    '{"x":[{"a":1,"b":2,"a":3}]}',
    '{"":1,"":1}',
  ],
  'duplicate names beyond the basic plane': ['{"\u{1f600}":1,"\\ud83d\\ude00":1}'],
  'lone surrogates, escaped': [
    '"\\ud800"',
    '"\\udfff"',
    '"a\\ud800b"',
    '"\\udc00\\ud800"',
    '"\\ud800\\u0041"',
    '"\\uD83D"',
  ].map(inA),
  'lone surrogates, escaped in a name': ['{"\\ud800":1}', '{"a":{"\\udc00":1}}'],
  'lone surrogates, raw': ['"\ud800"', '"\udfff"', '"a\ud800b"', '"\udc00\ud800"', '"\ufffd\ud800"', '"\ud83d"'].map(
    inA,
  ),
  'lone surrogates, raw in a name': ['{"\ud800":1}', '{"a":{"x\udc00":1}}'],
  'integers beyond 2^53-1': ['9007199254740992', '-9007199254740992', '9007199254740993', '18446744073709551616'].map(
    inA,
  ),
  'integers beyond in other spellings': [
    '9007199254740992.0',
    '9.007199254740992e15',
    '90071992547409920e-1',
    '9007199254740992.1',
    '9007199254740991.9',
    '1e16',
    '1e21',
    '1E+21',
    '1e22',
    '-1e300',
    '1.7976931348623157e308',
  ].map(inA),
  'numbers that overflow': ['1e309', '1e400', '-1e400', '1e999999999999', `${'9'.repeat(400)}`].map(inA),
  'too many levels': [objects(128), lists(128), objects(1000), lists(1000)],
  'over the size': [
    `${' '.repeat(LIMIT)}{}`,
    JSON.stringify({ text: 'x'.repeat(LIMIT) }),
    JSON.stringify({ text: 'x'.repeat(LIMIT - 200) }),
  ],
  'no text at all': [undefined, null, 1, NaN, true, Symbol('text'), 1n, () => '{}'],
};

function inA(number) {
  return `{"a":${number}}`;
}

describe.each(Object.entries(FORMS))('%s: texts', (_, call) => {
  const cases = Object.entries(TEXTS).flatMap(([kind, texts]) => texts.map((text, index) => [kind, index, text]));

  test.each(cases)('%s [%i]', async (kind, index, text) => {
    await refusal(call(agent, 'createDocument', text), 'JACS_INPUT');
    await refusal(call(agent, 'createDocument', text, { noSave: true }), 'JACS_INPUT');
    await refusal(call(agent, 'updateDocument', keyOf(stored), text), 'JACS_INPUT');
    await unharmed();
  });

  test.each([
    ['objects', objects(10_000)],
    ['lists', lists(10_000)],
    ['lists that never end', `{"a":${'['.repeat(10_000)}`],
    ['a million lists', lists(1_000_000)],
  ])('10,000 levels and more: %s', async (name, text) => {
    const roomy = (await newAgent()).agent;
    await refusal(call(roomy, 'createDocument', text), 'JACS_INPUT');
    await expect(roomy.verifyDocument(text)).resolves.toBe(false);
    expect(fieldsOf(await roomy.createDocument({ a: 1 }))).toEqual({ a: 1 });
  });
});

describe.each(Object.entries(FORMS))('%s: objects', (_, call) => {
  test.each([
    ['NaN', { a: NaN }],
    ['Infinity', { a: [1, { b: Infinity }] }],
    ['-Infinity', { a: -Infinity }],
    ['a boxed NaN', { a: new Number(NaN) }],
    ['2^53', { a: 2 ** 53 }],
    ['-2^53', { a: -(2 ** 53) }],
    ['1e21', { a: 1e21 }],
    ['the greatest number', { a: Number.MAX_VALUE }],
    ['a lone surrogate', { a: '\ud800' }],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['too many levels', JSON.parse(objects(128))],
    ['far too many levels', deep(100_000)],
    ['over the size', { text: 'x'.repeat(LIMIT) }],
    ['a list', [1]],
    ['a list of documents', [{ a: 1 }]],
    ['a boxed text', new String('{"a":1}')],
    ['a date', new Date(0)],
    ['bytes', Buffer.from('{"a":1}')],
    ['bytes inside', { a: new Uint8Array(4) }],
    ['a map', new Map([['a', 1]])],
    ['a set inside', { a: [new Set([1])] }],
    ['a date that is none', { a: new Date(NaN) }],
    ['a promise of an object', Promise.resolve({ a: 1 })],
  ])('%s', async (name, object) => {
    await refusal(call(agent, 'createDocument', object), 'JACS_INPUT');
    await refusal(call(agent, 'updateDocument', keyOf(stored), object), 'JACS_INPUT');
    await unharmed();
  });

  test.each([
    ['a cycle', cycle()],
    ['a BigInt', { a: [1n] }],
  ])('%s: the TypeError is the cause', async (name, object) => {
    for (const args of [
      ['createDocument', object],
      ['updateDocument', keyOf(stored), object],
    ]) {
      const error = await refusal(call(agent, ...args), 'JACS_INPUT');
      expect(error.cause).toBeInstanceOf(TypeError);
    }
    await unharmed();
  });

  test.each([
    ['a date', { a: new Date(0) }, { a: '1970-01-01T00:00:00.000Z' }],
    ['what toJSON gives', { toJSON: () => ({ a: 1 }) }, { a: 1 }],
    ['no member that is undefined', { a: undefined, b: 1 }, { b: 1 }],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [
      'what a class holds',
      new (class Point {
        x = 1;
      })(),
      { x: 1 },
    ],
  ])('%s is written as JSON.stringify does', async (name, object, fields) => {
    expect(fieldsOf(await call(agent, 'createDocument', object, { noSave: true }))).toEqual(fields);
  });

  test('a getter that throws: its error is the cause', async () => {
    const cause = new RangeError('mine');
    const object = Object.defineProperty({}, 'a', {
      enumerable: true,
      get() {
        throw cause;
      },
    });
    expect((await refusal(call(agent, 'createDocument', object), 'JACS_INPUT')).cause).toBe(cause);
    await unharmed();
  });
});

function deep(levels) {
  let object = {};
  for (let level = 1; level < levels; level++) object = { a: object };
  return object;
}

describe.each(Object.entries(FORMS))('%s: what only the system sets', (_, call) => {
  const hash = '0'.repeat(64);
  const date = '2026-01-01T00:00:00Z';
  const SYSTEM = {
    jacsId: LEAST,
    jacsVersion: LEAST,
    jacsVersionDate: date,
    jacsOriginalVersion: LEAST,
    jacsOriginalDate: date,
    jacsPreviousVersion: LEAST,
    jacsPreviousSha256: hash,
    jacsMergedVersions: [LEAST],
    jacsFiles: [{ mimetype: 'text/plain', path: 'a.txt', embed: false, sha256: hash }],
    jacsFilesStored: [hash],
    jacsSignature: {},
    jacsSha256: hash,
    jacsAgreement: {},
    jacsRegistration: {},
  };

  test.each(Object.entries(SYSTEM))('%s', async (name, value) => {
    for (const one of [value, null, '']) {
      await refusal(call(agent, 'createDocument', { title: 'mine', [name]: one }), 'JACS_INPUT');
    }
    await refusal(call(agent, 'createDocument', `{"${name.replace('j', '\\u006a')}":1}`), 'JACS_INPUT');
    await unharmed();
  });

  test.each(['jacsAgreement', 'jacsRegistration'])('%s in an update and in the recipe', async (name) => {
    await refusal(call(agent, 'updateDocument', keyOf(stored), { [name]: {} }), 'JACS_INPUT');
    await refusal(call(agent, 'createDocument', { ...unsigned(stored), [name]: {} }), 'JACS_INPUT');
    await unharmed();
  });

  test.each(['agent', 'config', '', 1, null, []])('the type %j', async (jacsType) => {
    await refusal(call(agent, 'createDocument', { jacsType }), 'JACS_INPUT');
    await refusal(call(agent, 'updateDocument', keyOf(stored), { jacsType }), 'JACS_INPUT');
    await unharmed();
  });

  test('a document that is signed already', async () => {
    const { jacsSha256, ...unhashed } = JSON.parse(stored);
    await refusal(call(agent, 'createDocument', stored), 'JACS_INPUT');
    await refusal(call(agent, 'createDocument', JSON.parse(stored)), 'JACS_INPUT');
    await refusal(call(agent, 'createDocument', unhashed), 'JACS_INPUT');
    await refusal(call(agent, 'createDocument', { ...unsigned(stored), jacsSha256 }), 'JACS_INPUT');
    await unharmed();
  });

  test("below the top the names are the author's", async () => {
    const text = await call(agent, 'createDocument', { copy: SYSTEM }, { noSave: true });
    expect(fieldsOf(text)).toEqual({ copy: SYSTEM });
  });
});

describe('what is just allowed', () => {
  test.each([
    [
      'the greatest integers',
      '{"a":9007199254740991,"b":-9007199254740991,"c":9007199254740991.0,"d":9.007199254740991e15}',
    ],
    ['fractions near them', '{"a":4503599627370495.5,"b":0.1e-300}'],
    ['the smallest numbers', '{"a":5e-324,"b":2.2250738585072014e-308,"c":1e-400}'],
    ['surrogate pairs, escaped and raw', '{"a":"\\ud83d\\ude00","b":"\u{1f600}","\\ud83d\\ude01":1}'],
    ['the replacement character', '{"a":"\ufffd\\ufffd"}'],
    ['a zero character, escaped', '{"a\\u0000":"\\u0000"}'],
    ['one name at several places', '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}'],
    ['names that look alike', '{"é":1,"e\\u0301":2,"E":3,"e":4}'],
    ['127 levels of objects', objects(127)],
    ['127 levels of lists', lists(127)],
  ])('%s', async (_, source) => {
    const text = await agent.createDocument(source);
    expect(fieldsOf(text)).toEqual(JSON.parse(source));
    await expect(agent.verifyDocument(text)).resolves.toBe(true);
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
  });

  test('a document as large as the limit, and no larger', async () => {
    const spare = LIMIT - Buffer.byteLength(stored) - 40;
    const text = await agent.createDocument({ text: 'x'.repeat(spare) });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMIT);
    await expect(agent.getDocument(keyOf(text))).resolves.toBe(text);
    await refusal(agent.createDocument({ text: 'x'.repeat(spare + 200) }), 'JACS_INPUT');
  });

  test('the default limit is 64 MiB', async () => {
    const roomy = (await newAgent()).agent;
    const text = `{"text":"${'x'.repeat(64 * 2 ** 20)}"}`;
    await refusal(roomy.createDocument(text), 'JACS_INPUT');
    const large = await roomy.createDocument({ text: 'x'.repeat(2 ** 20) });
    expect(fieldsOf(large).text).toHaveLength(2 ** 20);
  });
});

describe('keys', () => {
  const [id, version] = [LEAST, LEAST];
  const MALFORMED = {
    'a path': ['../x', `../${id}`, `${id}/${version}`, `${id}:../x`, `${id}:${version}/..`, '/etc/passwd', '.', '..'],
    'upper case': ['67E55044-10B1-426F-9247-BB680E5FE0C8', `${id}:67E55044-10B1-426F-9247-BB680E5FE0C8`],
    'nothing, or white space': ['', ' ', ` ${id}`, `${id} `, `${id}\n`, `${id}\0`],
    'parts too many or too few': [':', `${id}:`, `:${version}`, `${id}:${version}:${version}`, `${id}:${version}:`],
    'another spelling of a UUID': [
      `{${id}}`,
      `urn:uuid:${id}`,
      id.replaceAll('-', ''),
      id.slice(1),
      `${id}0`,
      id.replace('0', 'g'),
    ],
    'a lone surrogate': [`${id}\ud800`],
    'no text': [undefined, null, 1, true, {}, [], [id], Symbol('id'), 1n, () => id],
  };
  const cases = Object.entries(MALFORMED).flatMap(([kind, keys]) => keys.map((key, index) => [kind, index, key]));
  const update = { title: 'changed' };

  describe.each(Object.entries(FORMS))('%s', (_, call) => {
    test.each(cases)('%s [%i]', async (kind, index, key) => {
      await refusal(call(agent, 'getDocument', key), 'JACS_INPUT');
      await refusal(call(agent, 'updateDocument', key, update), 'JACS_INPUT');
      await unharmed();
    });

    test('that name nothing', async () => {
      for (const key of [id, `${id}:${version}`, `${JSON.parse(stored).jacsId}:${version}`]) {
        await refusal(call(agent, 'getDocument', key), 'JACS_NOT_FOUND');
      }
      await refusal(call(agent, 'updateDocument', `${id}:${version}`, update), 'JACS_NOT_FOUND');
      await refusal(call(agent, 'updateDocument', id, { ...update, jacsVersion: version }), 'JACS_NOT_FOUND');
      await unharmed();
    });
  });

  test.each(cases)('of the other verbs: %s [%i]', async (kind, index, key) => {
    await refusal(agent.removeDocument(key), 'JACS_INPUT');
    await refusal(agent.removeDocument(key, { allVersions: true }), 'JACS_INPUT');
    await refusal(agent.versions(key), 'JACS_INPUT');
    await refusal(agent.verifyHistory(key), 'JACS_INPUT');
    // What begins like an object is a text: its report says what is wrong with it.
    const isText = typeof key === 'string' && key.startsWith('{');
    if (!isText) await refusal(agent.inspectDocument(key), 'JACS_INPUT');
    else await expect(agent.inspectDocument(key)).resolves.toMatchObject({ valid: false, code: 'JACS_INPUT' });
    await unharmed();
  });

  test('with a version, where a document is meant', async () => {
    await refusal(agent.versions(keyOf(stored)), 'JACS_INPUT');
    await refusal(agent.verifyHistory(keyOf(stored)), 'JACS_INPUT');
    await unharmed();
  });

  test('of the other verbs, that name nothing', async () => {
    await refusal(agent.removeDocument(`${id}:${version}`), 'JACS_NOT_FOUND');
    await refusal(agent.removeDocument(id, { allVersions: true }), 'JACS_NOT_FOUND');
    await refusal(agent.versions(id), 'JACS_NOT_FOUND');
    await refusal(agent.verifyHistory(id), 'JACS_NOT_FOUND');
    await refusal(agent.inspectDocument(id), 'JACS_NOT_FOUND');
    await refusal(agent.inspectDocument(`${id}:${version}`), 'JACS_NOT_FOUND');
    await unharmed();
  });
});

describe('options', () => {
  const key = () => keyOf(stored);
  const id = () => JSON.parse(stored).jacsId;
  const VERBS = {
    createDocument: [(options) => [{ title: 'x' }, options], 'nosave', 'noSave'],
    updateDocument: [(options) => [key(), { title: 'x' }, options], 'merge', 'merges'],
    getDocument: [(options) => [key(), options], 'onfork', 'onFork'],
    verifyDocument: [(options) => [stored, options], 'signedby', 'signedBy'],
    assertDocument: [(options) => [stored, options], 'minTrust', 'minimumTrust'],
    inspectDocument: [(options) => [key(), options], 'allowunsigned', 'allowUnsigned'],
    verifyHistory: [(options) => [id(), options], 'signedBY', 'signedBy'],
    removeDocument: [(options) => [key(), options], 'allversions', 'allVersions'],
    createDocuments: [(options) => [[{ title: 'x' }], options], 'concurency', 'concurrency'],
  };
  const SYNC = ['createDocument', 'updateDocument', 'getDocument', 'verifyDocument'];
  const forms = Object.keys(VERBS).flatMap((verb) => (SYNC.includes(verb) ? [verb, `${verb}Sync`] : [verb]));
  const run = (verb, options) => VERBS[verb.replace('Sync', '')][0](options);

  test.each(forms)('%s: an unknown one is refused, naming the nearest', async (verb) => {
    const [, unknown, nearest] = VERBS[verb.replace('Sync', '')];
    const error = await refusal((async () => agent[verb](...run(verb, { [unknown]: true })))(), 'JACS_INPUT');
    expect(error.message).toContain(nearest);
    await unharmed();
  });

  test.each(forms.filter((verb) => !verb.startsWith('update')))(
    '%s: a list or a number is no options',
    async (verb) => {
      for (const options of [[], 1, 'text', true]) {
        const second = verb.startsWith('createDocument') && !verb.startsWith('createDocuments');
        if (second && typeof options === 'string') continue; // a schema
        await refusal((async () => agent[verb](...run(verb, options)))(), 'JACS_INPUT');
      }
      await unharmed();
    },
  );

  test('values of another type', async () => {
    await refusal(agent.getDocument(key(), { verify: 'none' }), 'JACS_INPUT');
    await refusal(agent.getDocument(key(), { onFork: 'loser' }), 'JACS_INPUT');
    await refusal(agent.getDocument(key(), { signedBy: '../x' }), 'JACS_INPUT');
    await refusal(agent.getDocument(key(), { signedBy: [1] }), 'JACS_INPUT');
    await refusal(agent.verifyDocument(stored, { minimumTrust: 'full' }), 'JACS_INPUT');
    await refusal(agent.verifyDocument(stored, { allowUnsigned: 'yes' }), 'JACS_INPUT');
    await refusal(agent.removeDocument(key(), { allVersions: 1 }), 'JACS_INPUT');
    await refusal(agent.updateDocument(key(), {}, { merges: 'x' }), 'JACS_INPUT');
    await refusal(agent.updateDocument(key(), {}, { merges: [id()] }), 'JACS_INPUT');
    await unharmed();
  });
});
