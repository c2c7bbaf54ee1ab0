'use strict';
// createDocument: argument forms, what is signed and where it is stored, noSave, filename, schema.

const canonicalize = require('canonicalize');
const fs = require('node:fs');
const path = require('node:path');
const {
  FORMS,
  fieldsOf,
  fileOf,
  keyOf,
  loadAgain,
  newAgent,
  refusal,
  storedText,
  treeOf,
} = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { faultsOf } = require('../support/witness.js');

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const RFC3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$/;
const ORDER = { title: 'Order', items: [{ count: 12, price: 3.45 }], paid: false, note: null };
const NEEDS_AMOUNT = { type: 'object', required: ['amount'], properties: { amount: { type: 'number', minimum: 0 } } };

let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
});

const isStored = (text) => fs.existsSync(fileOf(place.data, keyOf(text)));

/** Runs what must be refused, and sees that the folder is as it was. */
async function refused(promise, code) {
  const before = treeOf(place.folder);
  const error = await refusal(promise(), code);
  expect(treeOf(place.folder)).toEqual(before);
  return error;
}

describe.each(Object.entries(FORMS))('%s: argument forms', (_, call) => {
  const create = (...args) => call(agent, 'createDocument', ...args);

  test.each([
    ['the document alone', []],
    ['undefined in every place', [undefined, undefined, undefined, undefined, undefined]],
    ['null in every place', [null, null, null, null, null]],
    ['no options', [{}]],
    ['options that are null', [{ schema: null, filename: null, noSave: null, overwrite: null, resign: undefined }]],
    ['options and nothing behind them', [{}, null, undefined]],
    ['a flag that is false', [null, null, false]],
    ['a flag that is false in the options', [{ noSave: false }]],
  ])('%s: stored', async (name, rest) => {
    const text = await create(ORDER, ...rest);
    expect(isStored(text)).toBe(true);
    expect(fieldsOf(text)).toEqual(ORDER);
  });

  test.each([
    ['in fourth place', [null, null, true]],
    ['in the options', [{ noSave: true }]],
  ])('noSave %s: not stored', async (name, rest) => {
    expect(isStored(await create(ORDER, ...rest))).toBe(false);
  });

  test('a text and an object give the same fields', async () => {
    expect(fieldsOf(await create(JSON.stringify(ORDER)))).toEqual(fieldsOf(await create(ORDER)));
  });

  test.each([
    ['something behind the options', [{ noSave: true }, 'copy.json']],
    ['a flag behind the options', [{}, null, true]],
    ['a list in second place', [[]]],
    ['a number in second place', [1]],
    ['a flag in second place', [true]],
    ['a number for the filename', [null, 1]],
    ['text for noSave', [null, null, 'true']],
    ['text for noSave in the options', [{ noSave: 'true' }]],
    ['a number for overwrite', [{ overwrite: 1 }]],
    ['an object for the filename', [{ filename: {} }]],
    ['an empty filename', [null, '']],
    ['a filename with a zero character', [null, 'a\0b']],
    ['a number for the schema', [{ schema: 1 }]],
    ['a function for an option', [{ schema: () => true }]],
  ])('%s: refused', async (name, rest) => {
    await refused(() => create(ORDER, ...rest), 'JACS_INPUT');
  });

  test('an unknown option is refused, naming the nearest', async () => {
    const error = await refused(() => create(ORDER, { nosave: true }), 'JACS_INPUT');
    expect(error.message).toContain('noSave');
  });
});

describe('what is signed', () => {
  test('the system sets its fields', async () => {
    const document = JSON.parse(await agent.createDocument(ORDER));
    expect(document).toMatchObject({
      ...ORDER,
      $schema: 'https://hai.ai/schemas/header/v1/header.schema.json',
      jacsId: expect.stringMatching(UUID_V4),
      jacsVersion: expect.stringMatching(UUID_V7),
      jacsVersionDate: expect.stringMatching(RFC3339_UTC),
      jacsOriginalVersion: document.jacsVersion,
      jacsOriginalDate: document.jacsVersionDate,
      jacsType: 'document',
      jacsLevel: 'artifact',
      jacsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const system = Object.keys(document).filter((name) => !(name in ORDER));
    expect(system).toHaveLength(10);
  });

  test('the signature names agent, time and key', async () => {
    const { jacsSignature: signature } = JSON.parse(await agent.createDocument(ORDER));
    expect(signature).toMatchObject({
      agentID: agent.id,
      agentVersion: agent.version,
      date: expect.stringMatching(RFC3339_UTC),
      jti: expect.stringMatching(UUID_V7),
      signingAlgorithm: 'ring-Ed25519',
      signatureContentVersion: 'jacs-signature-v2',
    });
    expect(Math.abs(Date.now() / 1000 - signature.iat)).toBeLessThan(30);
    expect(Number.isInteger(signature.iat)).toBe(true);
  });

  test.each([
    ['plain', ORDER],
    ['empty', {}],
    ['of many fields', Object.fromEntries(Array.from({ length: 2000 }, (_, number) => [`field ${number}`, number]))],
    [
      'with names beyond ASCII',
      { ﬀ: 1, '\u{1f600}': 2, '\ue000': 3, é: 4, 'e\u0301': 5, '': 6, '\u0000': 7, '\u2028': 8 },
    ],
  ])('node:crypto verifies a document that is %s', async (_, fields) => {
    expect(faultsOf(await agent.createDocument(fields), agent.publicKey)).toEqual([]);
  });

  test('names that JavaScript gives a meaning are fields like others', async () => {
    const source = '{"__proto__":{"a":1},"constructor":2,"toString":null,"length":[]}';
    const text = await agent.createDocument(source);
    expect(canonicalize(fieldsOf(text))).toBe(canonicalize(JSON.parse(source)));
    expect(faultsOf(text, agent.publicKey)).toEqual([]);
  });

  test('the author may set schema, type and level', async () => {
    const own = { $schema: 'https://example.com/invoice.json', jacsType: 'invoice', jacsLevel: 'derived' };
    const text = await agent.createDocument({ ...own, amount: 5 });
    expect(JSON.parse(text)).toMatchObject(own);
    expect(faultsOf(text, agent.publicKey)).toEqual([]);
  });

  test.each(['raw', 'config', 'artifact', 'derived'])('level %s is known', async (jacsLevel) => {
    expect(JSON.parse(await agent.createDocument({ jacsLevel }))).toMatchObject({ jacsLevel });
  });

  test.each([
    [{ jacsLevel: 'final' }],
    [{ jacsLevel: 1 }],
    [{ jacsType: 'agent' }],
    [{ jacsType: 'config' }],
    [{ jacsType: 1 }],
    [{ jacsType: null }],
    [{ $schema: 1 }],
    [{ $schema: {} }],
  ])('%j is refused', async (fields) => {
    await refused(() => agent.createDocument(fields), 'JACS_INPUT');
  });

  test('every document has an id and a version of its own', async () => {
    const texts = await Promise.all(Array.from({ length: 20 }, () => agent.createDocument(ORDER)));
    for (const name of ['jacsId', 'jacsVersion']) {
      expect(new Set(texts.map((text) => JSON.parse(text)[name])).size).toBe(20);
    }
  });
});

describe('canonical form', () => {
  test.each([
    ['white space', ' {\n"b" : [ 1 , 2 ] ,\t"a":1 }\r\n', '"a":1,"b":[1,2]'],
    ['negative zero', '{"a":-0,"b":-0.0,"c":-0e5,"d":-1e-400}', '"a":0,"b":0,"c":0,"d":0'],
    ['numbers', '{"a":1E2,"b":1.50,"c":0.000001,"d":1e-7,"e":1.0e0}', '"a":100,"b":1.5,"c":0.000001,"d":1e-7,"e":1'],
    [
      'escapes',
      '{"a":"\\u0041\\/\\u00e9\\u2028\\u007f","b":"\\u001F\\u0008\\u000a"}',
      '"a":"A/é\u2028\u007f","b":"\\u001f\\b\\n"',
    ],
    ['names by UTF-16', '{"\ufb00":1,"\u{1f600}":2,"a":3}', '"a":3,'],
    ['escaped names', '{"\\u0062":1,"\\u0061":2}', '"a":2,"b":1'],
    ['nested names', '{"a":[{"z":1,"y":{"b":1,"a":2}}]}', '"a":[{"y":{"a":2,"b":1},"z":1}]'],
  ])('%s', async (_, source, expected) => {
    const text = await agent.createDocument(source);
    expect(text).toBe(canonicalize(JSON.parse(text)));
    expect(text).toContain(expected);
    expect(fieldsOf(text)).toEqual(JSON.parse(source, (name, value) => (Object.is(value, -0) ? 0 : value)));
  });

  test('names beyond the basic plane stand before those at its end', async () => {
    const text = await agent.createDocument('{"\ufb00":1,"\u{1f600}":2}');
    expect(text.lastIndexOf('\u{1f600}')).toBeLessThan(text.lastIndexOf('\ufb00'));
    const { fields } = JSON.parse(text).jacsSignature;
    expect(fields.indexOf('\u{1f600}')).toBeGreaterThan(fields.indexOf('\ufb00'));
  });

  test('a negative zero in an object becomes zero', async () => {
    expect(Object.is(JSON.parse(await agent.createDocument({ a: -0 })).a, 0)).toBe(true);
  });
});

describe('where it is stored', () => {
  test('the returned text is what is stored, byte for byte', async () => {
    const text = await agent.createDocument(ORDER);
    expect(storedText(place.data, keyOf(text))).toBe(text);
    expect(text).toBe(canonicalize(JSON.parse(text)));
  });

  test.each([0o000, 0o022, 0o777])('private modes under umask %i', async (mask) => {
    const fresh = await newAgent();
    const before = process.umask(mask);
    try {
      fresh.agent.createDocumentSync(ORDER);
    } finally {
      process.umask(before);
    }
    const modes = Object.entries(treeOf(fresh.data)).map(([name, trace]) => [name, trace.split(' ')[0]]);
    expect(modes).toHaveLength(6);
    for (const [name, mode] of modes) expect([name, mode]).toEqual([name, name.endsWith('.json') ? '100600' : '40700']);
    expect(fs.statSync(fresh.data).mode & 0o777).toBe(0o700);
  });

  test('no file but those of the layout', async () => {
    const fresh = await newAgent();
    const texts = await Promise.all(Array.from({ length: 5 }, () => fresh.agent.createDocument(ORDER)));
    const documents = texts.map((text) => `documents/${keyOf(text).replace(':', '/')}.json`);
    const agents = `agents/${fresh.agent.id}/${fresh.agent.version}.json`;
    expect(filesUnder(fresh.data)).toEqual([agents, ...documents.sort()]);
  });
});

describe('noSave', () => {
  test.each(['fs', 'memory'])('touches nothing: %s', async (storage) => {
    const fresh = await newAgent({ storage });
    const before = treeOf(fresh.folder, { times: true });
    const text = await fresh.agent.createDocument(ORDER, { noSave: true, schema: { type: 'object' } });
    const other = fresh.agent.createDocumentSync(ORDER, null, null, true);
    await fresh.agent.createDocuments([ORDER, ORDER], { noSave: true });
    expect(treeOf(fresh.folder, { times: true })).toEqual(before);
    expect(fs.existsSync(fresh.data)).toBe(false);
    for (const one of [text, other]) {
      await refusal(fresh.agent.getDocument(keyOf(one)), 'JACS_NOT_FOUND');
      await expect(fresh.agent.verifyDocument(one)).resolves.toBe(true);
    }
  });

  test('touches nothing where documents are', async () => {
    await agent.createDocument(ORDER);
    const before = treeOf(place.folder, { times: true });
    await agent.createDocument(ORDER, { noSave: true });
    expect(treeOf(place.folder, { times: true })).toEqual(before);
  });

  test('needs no place to store', async () => {
    const fresh = await newAgent();
    fs.writeFileSync(fresh.data, 'a file in the place of the data directory');
    const text = await fresh.agent.createDocument(ORDER, { noSave: true });
    expect(faultsOf(text, fresh.agent.publicKey)).toEqual([]);
  });
});

describe('filename', () => {
  let folder;
  const inFolder = (name) => path.join(folder, name);

  beforeEach(() => {
    folder = temporaryFolder();
  });

  /** Refused before anything is stored, and the folder is as it was. */
  async function refusedCopy(filename, code, options = {}) {
    const before = treeOf(folder);
    const error = await refused(() => agent.createDocument(ORDER, { filename, ...options }), code);
    expect(treeOf(folder)).toEqual(before);
    return error;
  }

  test.each([
    ['in third place', (filename) => [null, filename]],
    ['in the options', (filename) => [{ filename }]],
  ])('%s: a copy of the stored bytes, 0600', async (_, args) => {
    const text = await agent.createDocument(ORDER, ...args(inFolder('copy.json')));
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe(text);
    expect(storedText(place.data, keyOf(text))).toBe(text);
    expect(fs.statSync(inFolder('copy.json')).mode & 0o777).toBe(0o600);
    expect(filesUnder(folder)).toEqual(['copy.json']);
  });

  test('is relative to the working directory', async () => {
    const text = agent.createDocumentSync(ORDER, null, path.relative(process.cwd(), inFolder('copy.json')));
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe(text);
  });

  test('is meant as it was when the call was made', async () => {
    const before = process.cwd();
    process.chdir(folder);
    const creating = agent.createDocument(ORDER, null, 'copy.json');
    process.chdir(before);
    const text = await creating;
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe(text);
  });

  test('never over a file: nothing is stored', async () => {
    fs.writeFileSync(inFolder('copy.json'), 'precious');
    const error = await refusedCopy(inFolder('copy.json'), 'JACS_CONFLICT');
    expect(error.path).toBe(inFolder('copy.json'));
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe('precious');
  });

  test('never through a link', async () => {
    fs.symlinkSync(inFolder('elsewhere.json'), inFolder('copy.json'));
    await refusedCopy(inFolder('copy.json'), 'JACS_CONFLICT');
    expect(filesUnder(folder)).toEqual(['copy.json']);
  });

  test('over a file with overwrite, whole and 0600', async () => {
    fs.writeFileSync(inFolder('copy.json'), 'old', { mode: 0o644 });
    const text = await agent.createDocument(ORDER, { filename: inFolder('copy.json'), overwrite: true });
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe(text);
    expect(fs.statSync(inFolder('copy.json')).mode & 0o777).toBe(0o600);
    expect(filesUnder(folder)).toEqual(['copy.json']);
  });

  test('overwrite replaces a link, not what it points to', async () => {
    fs.writeFileSync(inFolder('precious'), 'precious');
    fs.symlinkSync(inFolder('precious'), inFolder('copy.json'));
    const text = await agent.createDocument(ORDER, { filename: inFolder('copy.json'), overwrite: true });
    expect(fs.readFileSync(inFolder('precious'), 'utf8')).toBe('precious');
    expect(fs.lstatSync(inFolder('copy.json')).isFile()).toBe(true);
    expect(fs.readFileSync(inFolder('copy.json'), 'utf8')).toBe(text);
  });

  test('in a folder that does not exist', async () => {
    await refusedCopy(inFolder('missing/copy.json'), 'JACS_INPUT');
  });

  test.each([true, false])('that names a folder, overwrite %s', async (overwrite) => {
    fs.mkdirSync(inFolder('copy.json'));
    await refusedCopy(inFolder('copy.json'), 'JACS_INPUT', { overwrite });
  });

  test('with noSave', async () => {
    await refusedCopy(inFolder('copy.json'), 'JACS_INPUT', { noSave: true });
    await refused(() => agent.createDocument(ORDER, null, inFolder('copy.json'), true), 'JACS_INPUT');
  });

  test('of one name by many at once has one winner, and the others can be saved', async () => {
    const filename = inFolder('copy.json');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => agent.createDocument(ORDER, { filename })),
    );
    const won = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
    expect(won).toEqual([fs.readFileSync(filename, 'utf8')]);
    const lost = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    expect(lost.map(({ code }) => code)).toEqual(Array(7).fill('JACS_CONFLICT'));
    for (const { document } of lost.filter(({ document }) => document)) {
      await expect(agent.saveDocument(document)).resolves.toBe(document);
    }
  });

  test('is not written when the document cannot be stored', async () => {
    const broken = await newAgent();
    await broken.agent.createDocument(ORDER);
    fs.rmSync(path.join(broken.data, 'documents'), { recursive: true });
    fs.writeFileSync(path.join(broken.data, 'documents'), 'a file in the place of a directory');
    const outcome = broken.agent.createDocument(ORDER, { filename: inFolder('copy.json') });
    const error = await outcome.catch((reason) => reason);
    expect(error.code).toMatch(/^JACS_/);
    expect(fs.readdirSync(folder)).toEqual([]);
    expect(faultsOf(error.document, broken.agent.publicKey)).toEqual([]);
    expect(error.key).toBe(keyOf(error.document));
  });
});

describe('schema', () => {
  let file;

  beforeAll(() => {
    file = path.join(temporaryFolder(), 'amount.schema.json');
    fs.writeFileSync(file, JSON.stringify(NEEDS_AMOUNT));
  });

  const forms = [
    ['a path', () => [file]],
    ['a relative path', () => [path.relative(process.cwd(), file)]],
    ['a text', () => [JSON.stringify(NEEDS_AMOUNT)]],
    ['a path in the options', () => [{ schema: file }]],
    ['a text in the options', () => [{ schema: JSON.stringify(NEEDS_AMOUNT) }]],
    ['an object in the options', () => [{ schema: NEEDS_AMOUNT }]],
  ];

  test.each(forms)('as %s: what satisfies it is stored', async (_, args) => {
    const text = await agent.createDocument({ amount: 5 }, ...args());
    expect(isStored(text)).toBe(true);
  });

  test.each(forms)('as %s: what violates it is refused, and nothing is stored', async (_, args) => {
    await refused(() => agent.createDocument({ amount: -5 }, ...args()), 'JACS_SCHEMA');
    await refused(() => agent.createDocument({}, ...args()), 'JACS_SCHEMA');
    await refused(async () => agent.createDocumentSync({}, ...args()), 'JACS_SCHEMA');
  });

  test('is checked with noSave too', async () => {
    await refused(() => agent.createDocument({}, file, null, true), 'JACS_SCHEMA');
    await refused(() => agent.createDocument({}, { schema: NEEDS_AMOUNT, noSave: true }), 'JACS_SCHEMA');
  });

  test('a violation leaves no copy', async () => {
    const filename = path.join(temporaryFolder(), 'copy.json');
    await refused(() => agent.createDocument({}, file, filename), 'JACS_SCHEMA');
    expect(fs.readdirSync(path.dirname(filename))).toEqual([]);
  });

  test('a built-in one is named by its address', async () => {
    expect(isStored(await agent.createDocument(ORDER, 'https://hai.ai/schemas/header/v1/header.schema.json'))).toBe(
      true,
    );
    const ofAgents = 'https://hai.ai/schemas/agent/v1/agent.schema.json';
    await refused(() => agent.createDocument(ORDER, ofAgents), 'JACS_SCHEMA');
  });

  test('sees the document as it will be signed', async () => {
    const system = ['$schema', 'jacsId', 'jacsVersion', 'jacsVersionDate', 'jacsOriginalVersion', 'jacsOriginalDate'];
    const properties = { jacsType: { const: 'document' }, jacsLevel: { const: 'artifact' } };
    await agent.createDocument(ORDER, { schema: { required: [...system, 'jacsType', 'jacsLevel'], properties } });
    await refused(
      () => agent.createDocument(ORDER, { schema: { properties: { jacsId: { const: 'x' } } } }),
      'JACS_SCHEMA',
    );
  });

  test('may refer to itself and to what is built in', async () => {
    const schema = {
      allOf: [{ $ref: 'https://hai.ai/schemas/header/v1/header.schema.json' }, { $ref: '#/$defs/amount' }],
      $defs: { amount: NEEDS_AMOUNT },
    };
    await agent.createDocument({ amount: 5 }, { schema });
    await refused(() => agent.createDocument({ amount: -5 }, { schema }), 'JACS_SCHEMA');
  });

  test.each([
    ['of another site', () => 'https://example.com/amount.schema.json'],
    ['of this machine by URL', () => `file://${file}`],
    ['of this machine by path', () => file],
    ['unknown, under the built-in address', () => 'https://hai.ai/schemas/unknown/v1/unknown.schema.json'],
  ])('a reference %s is not followed', async (_, address) => {
    await refused(() => agent.createDocument({ amount: 5 }, { schema: { $ref: address() } }), 'JACS_SCHEMA');
  });

  test.each([
    ['an address that is not built in', 'https://example.com/amount.schema.json'],
    ['an address like a built-in one', 'https://hai.ai/schemas/header/v2/header.schema.json'],
    ['a file that is missing', './missing.schema.json'],
    ['a text that is not JSON', '{"type":'],
    ['an empty text', ''],
  ])('%s is refused', async (_, schema) => {
    await refused(() => agent.createDocument({ amount: 5 }, schema), 'JACS_INPUT');
  });

  test('a schema that is none is refused', async () => {
    await refused(() => agent.createDocument({ amount: 5 }, { schema: { type: 'quantity' } }), 'JACS_SCHEMA');
  });
});

test('an agent that may only read creates nothing', async () => {
  const reader = await loadAgain(place, {}, { readOnly: true });
  await refused(() => reader.createDocument(ORDER), 'JACS_PERMISSION');
  await refused(() => reader.createDocument(ORDER, { noSave: true }), 'JACS_PERMISSION');
});
