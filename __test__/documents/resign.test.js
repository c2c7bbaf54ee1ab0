'use strict';
// The migration recipe of the description: a document without signature and hash is signed again as the same version.

const canonicalize = require('canonicalize');
const fs = require('node:fs');
const {
  FORMS,
  all,
  anotherOn,
  fileOf,
  keyOf,
  newAgent,
  onEmptyStore,
  refusal,
  storedText,
  treeOf,
  unsigned,
} = require('../support/agents.js');
const { faultsOf, uuidV7 } = require('../support/witness.js');

const RECIPE = ['jacsId', 'jacsVersion', 'jacsVersionDate', 'jacsOriginalVersion', 'jacsOriginalDate'];

let source;
let text;
let second;

beforeAll(async () => {
  source = await newAgent();
  text = await source.agent.createDocument({ title: 'first', jacsType: 'letter', jacsLevel: 'raw' });
  const first = await source.agent.createDocument({ number: 1 });
  second = await source.agent.updateDocument(keyOf(first), { number: 2 });
});

/** What must be refused, and leaves the store as it was. */
async function refused(place, attempt, code) {
  const before = treeOf(place.data);
  const error = await refusal(attempt(), code);
  expect(treeOf(place.data)).toEqual(before);
  return error;
}

/** The fields but signature and hash, in one form. */
const content = (signed) => canonicalize(unsigned(signed));

describe.each(Object.entries(FORMS))('%s', (_, call) => {
  const create = (place, ...args) => call(place.agent, 'createDocument', ...args);

  describe('(a) the store holds no version of that id', () => {
    test('it is stored under the same id and version, all other fields unchanged', async () => {
      const target = await onEmptyStore(source);
      for (const one of [text, second]) {
        const again = await create(target, JSON.stringify(unsigned(one)));
        expect(keyOf(again)).toBe(keyOf(one));
        expect(content(again)).toBe(content(one));
        expect(again).not.toBe(one);
        expect(storedText(target.data, keyOf(one))).toBe(again);
        expect(faultsOf(again, source.agent.publicKey)).toEqual([]);
        await expect(target.agent.getDocument(keyOf(one))).resolves.toBe(again);
      }
    });

    test('by another agent, who then is the signer', async () => {
      const other = await newAgent();
      const again = await create(other, unsigned(text));
      expect(content(again)).toBe(content(text));
      expect(JSON.parse(again).jacsSignature).toMatchObject({
        agentID: other.agent.id,
        agentVersion: other.agent.version,
      });
      expect(faultsOf(again, other.agent.publicKey)).toEqual([]);
      await expect(other.agent.getDocument(JSON.parse(text).jacsId)).resolves.toBe(again);
    });

    test('the author may have changed it meanwhile', async () => {
      const target = await onEmptyStore(source);
      const again = await create(target, { ...unsigned(text), title: 'changed' });
      expect(JSON.parse(again)).toMatchObject({ title: 'changed', jacsVersion: JSON.parse(text).jacsVersion });
    });
  });

  describe('(b) it holds that key, and the texts differ only in signature and hash', () => {
    test('the stored text is returned: the recipe may run twice', async () => {
      const target = await onEmptyStore(source);
      const again = await create(target, unsigned(text));
      const before = treeOf(target.data, { times: true });
      await expect(create(target, unsigned(text))).resolves.toBe(again);
      await expect(create(target, unsigned(again), { resign: true })).resolves.toBe(again);
      expect(treeOf(target.data, { times: true })).toEqual(before);
    });

    test('also where it came from', async () => {
      await expect(create(source, unsigned(text))).resolves.toBe(text);
      await expect(create(source, unsigned(second))).resolves.toBe(second);
    });

    test('also when another agent signed it', async () => {
      const other = await anotherOn(source);
      await expect(create(other, unsigned(text))).resolves.toBe(text);
    });

    test('in another spelling', async () => {
      const spelled = JSON.stringify(unsigned(text), null, 2).replace('"title"', '"\\u0074itle"');
      await expect(create(source, spelled)).resolves.toBe(text);
    });
  });

  describe('(c) otherwise it is a conflict', () => {
    test('another content under that key, resign or not', async () => {
      const changed = { ...unsigned(text), title: 'changed' };
      for (const options of [{}, { resign: true }]) {
        const error = await refused(source, () => create(source, changed, options), 'JACS_CONFLICT');
        expect(error.key).toBe(keyOf(text));
      }
    });

    test('what is stored under that key is not valid', async () => {
      const target = await onEmptyStore(source);
      const again = await create(target, unsigned(text));
      fs.writeFileSync(fileOf(target.data, keyOf(again)), again.replace('"first"', '"forged"'));
      await refused(target, () => create(target, unsigned(text)), 'JACS_CONFLICT');
      await refused(target, () => create(target, unsigned(text), { resign: true }), 'JACS_CONFLICT');
    });

    test('another version of that id is stored, unless resign', async () => {
      const target = await onEmptyStore(source);
      await target.agent.saveDocument(second);
      const [first] = await source.agent.versions(JSON.parse(second).jacsId);
      const input = unsigned(storedText(source.data, first.key));
      await refused(target, () => create(target, input), 'JACS_CONFLICT');
      await refused(target, () => create(target, input, { resign: false }), 'JACS_CONFLICT');
      const again = await create(target, input, { resign: true });
      expect(storedText(target.data, first.key)).toBe(again);
      await expect(target.agent.getDocument(JSON.parse(second).jacsId)).resolves.toBeDefined();
    });
  });

  describe('what is no recipe', () => {
    test.each(RECIPE)('%s is missing', async (name) => {
      const target = await onEmptyStore(source);
      const input = unsigned(text);
      delete input[name];
      await refused(target, () => create(target, input), 'JACS_INPUT');
      await refused(target, () => create(target, input, { resign: true }), 'JACS_INPUT');
    });

    test.each(['jacsSignature', 'jacsSha256'])('%s is there', async (name) => {
      const target = await onEmptyStore(source);
      const input = { ...unsigned(text), [name]: JSON.parse(text)[name] };
      await refused(target, () => create(target, input), 'JACS_INPUT');
      await refused(target, () => create(target, input, { resign: true }), 'JACS_INPUT');
    });

    test.each([
      ['an id in upper case', { jacsId: '67E55044-10B1-426F-9247-BB680E5FE0C8' }],
      ['an id that is a path', { jacsId: '../../x' }],
      ['a version that is none', { jacsVersion: '1' }],
      ['a version from the far future', { jacsVersion: uuidV7(Date.now() + 3_600_000) }],
      ['a date that is none', { jacsVersionDate: 'yesterday' }],
      ['a number for a date', { jacsOriginalDate: 1 }],
      ['a previous version that is none', { jacsPreviousVersion: 'x' }],
      ['the type agent', { jacsType: 'agent' }],
      ['the type config', { jacsType: 'config' }],
      ['no type', { jacsType: '' }],
      ['an unknown level', { jacsLevel: 'final' }],
      ['an agreement', { jacsAgreement: {} }],
      ['a registration', { jacsRegistration: {} }],
    ])('%s', async (name, fields) => {
      const target = await onEmptyStore(source);
      await refused(target, () => create(target, { ...unsigned(text), ...fields }), 'JACS_INPUT');
    });

    test('an attachment that is not in this store', async () => {
      const target = await onEmptyStore(source);
      const sha256 = 'a'.repeat(64);
      const jacsFiles = [{ mimetype: 'text/plain', path: 'a.txt', embed: false, sha256 }];
      const input = { ...unsigned(text), jacsFiles, jacsFilesStored: [sha256] };
      await refused(target, () => create(target, input), 'JACS_ATTACHMENT');
    });
  });

  test('a schema is checked here too', async () => {
    const target = await onEmptyStore(source);
    await refused(target, () => create(target, unsigned(text), { schema: { required: ['amount'] } }), 'JACS_SCHEMA');
    await create(target, unsigned(text), { schema: { required: ['title'] } });
  });

  test('noSave signs and stores nothing', async () => {
    const target = await onEmptyStore(source);
    const again = await create(target, unsigned(text), { noSave: true });
    expect(content(again)).toBe(content(text));
    expect(faultsOf(again, source.agent.publicKey)).toEqual([]);
    expect(fs.existsSync(target.data)).toBe(false);
  });
});

test('the same recipe by many at once stores one text, and all get it', async () => {
  const target = await onEmptyStore(source);
  const input = JSON.stringify(unsigned(text));
  const texts = await Promise.all(Array.from({ length: 16 }, () => target.agent.createDocument(input)));
  expect(new Set(texts)).toEqual(new Set([storedText(target.data, keyOf(text))]));
});

describe("the description's migration", () => {
  /** "Read all documents", as the description leaves it to its reader. */
  const read = async (agent) => {
    const entries = await all(agent.listDocuments());
    return Promise.all(entries.map(({ key }) => agent.getDocument(key)));
  };

  /** As it stands there, in JavaScript. */
  async function migrate(documents, agent) {
    for (const docJson of documents) {
      const doc = JSON.parse(docJson);
      // Remove existing signatures for re-signing
      delete doc.jacsSignature;
      delete doc.jacsSha256;
      await agent.createDocument(JSON.stringify(doc));
    }
  }

  test.each(['fs', 'memory'])(
    'to %s: the newest of every document, verified, and again without harm',
    async (storage) => {
      const from = await newAgent();
      const texts = await from.agent.createDocuments(
        Array.from({ length: 30 }, (_, number) => ({ number, title: 'é\u{1f600}' })),
      );
      await from.agent.updateDocument(keyOf(texts[0]), { number: 'updated' });
      const documents = await read(from.agent);
      const target = await onEmptyStore(from, { jacs_default_storage: storage });
      await migrate(documents, target.agent);
      const migrated = await read(target.agent);
      expect(migrated.map(content)).toEqual(documents.map(content));
      for (const one of migrated) expect(faultsOf(one, from.agent.publicKey)).toEqual([]);
      await migrate(documents, target.agent);
      await expect(read(target.agent)).resolves.toEqual(migrated);
    },
  );
});
