'use strict';
// updateDocument, rule by rule.

const fs = require('node:fs');
const path = require('node:path');
const {
  FORMS,
  fieldsOf,
  fileOf,
  keyOf,
  newAgent,
  onEmptyStore,
  refusal,
  storedText,
  treeOf,
  unsigned,
} = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { faultsOf, firstVersion, newAuthor, signWithNode, uuidV7 } = require('../support/witness.js');

const ABSENT = '00000000-0000-4000-8000-000000000000';
const MINUTES = 60_000;

let place;
let agent;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
});

const create = (fields = { title: 'first', note: 'kept?' }) => agent.createDocument(fields);
const idOf = (text) => JSON.parse(text).jacsId;
const header = (text) =>
  Object.fromEntries(Object.entries(JSON.parse(text)).filter(([name]) => /^jacs|^\$/.test(name)));

/** Runs what must be refused, and sees that nothing is stored or changed. */
async function refused(attempt, code) {
  const before = treeOf(place.folder);
  const error = await refusal(attempt(), code);
  expect(treeOf(place.folder)).toEqual(before);
  return error;
}

describe.each(Object.entries(FORMS))('%s', (_, call) => {
  const update = (...args) => call(agent, 'updateDocument', ...args);

  test("replaces the author's fields as a whole and chains the versions", async () => {
    const first = await create();
    const second = await update(keyOf(first), { title: 'second' });
    expect(fieldsOf(second)).toEqual({ title: 'second' });
    const [before, after] = [header(first), header(second)];
    expect(after).toMatchObject({
      $schema: before.$schema,
      jacsId: before.jacsId,
      jacsType: 'document',
      jacsLevel: 'artifact',
      jacsOriginalVersion: before.jacsVersion,
      jacsOriginalDate: before.jacsOriginalDate,
      jacsPreviousVersion: before.jacsVersion,
      jacsPreviousSha256: before.jacsSha256,
    });
    expect(after).not.toHaveProperty('jacsMergedVersions');
    expect(after.jacsVersion > before.jacsVersion).toBe(true);
    expect(Date.parse(after.jacsVersionDate)).toBeGreaterThanOrEqual(Date.parse(before.jacsVersionDate));
  });

  test('stores exactly what it returns, signed; the version before stays as it was', async () => {
    const first = await create();
    const second = await update(keyOf(first), { title: 'second' });
    expect(storedText(place.data, keyOf(second))).toBe(second);
    expect(storedText(place.data, keyOf(first))).toBe(first);
    expect(faultsOf(second, agent.publicKey)).toEqual([]);
  });

  test('the original stays the original over many versions', async () => {
    const first = await create({ number: 0 });
    let text = first;
    for (let number = 1; number < 5; number++) {
      const before = header(text);
      text = await update(keyOf(text), { number });
      expect(header(text)).toMatchObject({
        jacsOriginalVersion: header(first).jacsVersion,
        jacsOriginalDate: header(first).jacsOriginalDate,
        jacsPreviousVersion: before.jacsVersion,
        jacsPreviousSha256: before.jacsSha256,
      });
    }
    await expect(agent.getDocument(idOf(first))).resolves.toBe(text);
  });

  describe('the key', () => {
    test('may be a bare id when the text carries the version', async () => {
      const first = await create();
      const { jacsVersion } = header(first);
      const second = await update(idOf(first), { jacsVersion, title: 'second' });
      expect(header(second).jacsPreviousVersion).toBe(jacsVersion);
      const third = await update(idOf(first), JSON.stringify({ jacsVersion: header(second).jacsVersion }));
      expect(header(third).jacsPreviousVersion).toBe(header(second).jacsVersion);
    });

    test('is refused as a bare id when it does not', async () => {
      const first = await create();
      await refused(() => update(idOf(first), { title: 'second' }), 'JACS_INPUT');
      await refused(() => update(idOf(first), { title: 'second', jacsVersion: 'latest' }), 'JACS_INPUT');
      await refused(() => update(idOf(first), { title: 'second', jacsVersion: 1 }), 'JACS_INPUT');
    });

    test('as a bare id with an old version is a conflict', async () => {
      const first = await create();
      const second = await update(keyOf(first), { title: 'second' });
      const attempt = () => update(idOf(first), { jacsVersion: header(first).jacsVersion, title: 'late' });
      expect(await refused(attempt, 'JACS_CONFLICT')).toMatchObject({ current: keyOf(second), heads: [keyOf(second)] });
    });

    test('must name what is stored', async () => {
      const first = await create();
      await refused(() => update(`${ABSENT}:${ABSENT}`, {}), 'JACS_NOT_FOUND');
      await refused(() => update(`${idOf(first)}:${ABSENT}`, {}), 'JACS_NOT_FOUND');
    });
  });

  describe('system fields in the text', () => {
    test('read, change, write back', async () => {
      const first = await create();
      const second = await update(keyOf(first), { ...JSON.parse(first), title: 'changed' });
      const third = await update(keyOf(second), JSON.stringify({ ...JSON.parse(second), title: 'again' }));
      expect(fieldsOf(third)).toEqual({ title: 'again', note: 'kept?' });
      expect(faultsOf(third, agent.publicKey)).toEqual([]);
    });

    test.each([
      ['jacsSignature', { signature: 'none' }],
      ['jacsSha256', 'none'],
      ['jacsVersionDate', 'yesterday'],
    ])('%s is dropped, whatever it is', async (name, value) => {
      const first = await create();
      const second = await update(keyOf(first), { [name]: value, title: 'second' });
      expect(faultsOf(second, agent.publicKey)).toEqual([]);
      expect(JSON.parse(second)[name]).not.toEqual(value);
    });

    test.each([
      ['jacsId', ABSENT],
      ['jacsVersion', ABSENT],
      ['jacsOriginalVersion', ABSENT],
      ['jacsOriginalDate', '2026-01-01T00:00:00Z'],
      ['jacsPreviousVersion', ABSENT],
      ['jacsPreviousSha256', '0'.repeat(64)],
      ['jacsMergedVersions', [ABSENT]],
      ['jacsFilesStored', ['0'.repeat(64)]],
    ])('%s must be that of the replaced version', async (name, value) => {
      const first = await create();
      await refused(() => update(keyOf(first), { [name]: value }), 'JACS_CONFLICT');
      const second = await update(keyOf(first), { number: 2 });
      await refused(() => update(keyOf(second), { ...JSON.parse(second), [name]: value }), 'JACS_CONFLICT');
    });
  });

  describe('what is inherited', () => {
    const own = { $schema: 'https://example.com/invoice.json', jacsType: 'invoice', jacsLevel: 'derived' };

    test('schema, type and level, when the text is silent', async () => {
      const first = await create({ ...own, amount: 5 });
      const second = await update(keyOf(first), { amount: 6 });
      expect(JSON.parse(second)).toMatchObject({ ...own, amount: 6 });
    });

    test('or they are set anew', async () => {
      const first = await create({ ...own, amount: 5 });
      const others = { $schema: 'https://example.com/order.json', jacsType: 'order', jacsLevel: 'config' };
      expect(JSON.parse(await update(keyOf(first), others))).toMatchObject(others);
    });

    test('level raw never changes', async () => {
      const raw = await create({ jacsLevel: 'raw', reading: 5 });
      await refused(() => update(keyOf(raw), { reading: 6 }), 'JACS_INPUT');
      await refused(() => update(keyOf(raw), { jacsLevel: 'artifact' }), 'JACS_INPUT');
      await refused(() => update(keyOf(raw), JSON.parse(raw)), 'JACS_INPUT');
    });

    test('a document may become raw', async () => {
      const first = await create();
      const second = await update(keyOf(first), { jacsLevel: 'raw' });
      await refused(() => update(keyOf(second), { jacsLevel: 'artifact' }), 'JACS_INPUT');
    });

    test.each([{ jacsLevel: 'final' }, { jacsType: 'agent' }, { jacsType: 'config' }, { $schema: 1 }])(
      'not %j',
      async (fields) => {
        const first = await create();
        await refused(() => update(keyOf(first), fields), 'JACS_INPUT');
      },
    );
  });

  describe('the newest alone is replaced', () => {
    test('else a conflict names the newest and the heads', async () => {
      const first = await create();
      const second = await update(keyOf(first), { title: 'second' });
      const third = await update(keyOf(second), { title: 'third' });
      for (const old of [first, second]) {
        const error = await refused(() => update(keyOf(old), { title: 'late' }), 'JACS_CONFLICT');
        expect(error).toMatchObject({ current: keyOf(third), heads: [keyOf(third)] });
      }
    });

    test('after it was verified', async () => {
      const first = await create();
      const file = fileOf(place.data, keyOf(first));
      fs.writeFileSync(file, first.replace('"first"', '"forged"'));
      await refused(() => update(keyOf(first), { title: 'second' }), 'JACS_HASH');
      fs.writeFileSync(file, first);
      await update(keyOf(first), { title: 'second' });
    });
  });

  test('options go along: schema, filename, noSave', async () => {
    const schema = { required: ['amount'] };
    const first = await create();
    await refused(() => update(keyOf(first), { title: 'second' }, { schema }), 'JACS_SCHEMA');
    const unsaved = await update(keyOf(first), { amount: 5 }, { schema, noSave: true });
    expect(fs.existsSync(fileOf(place.data, keyOf(unsaved)))).toBe(false);
    expect(faultsOf(unsaved, agent.publicKey)).toEqual([]);
    const filename = path.join(temporaryFolder(), 'copy.json');
    await refused(() => update(keyOf(first), {}, { noSave: true, filename }), 'JACS_INPUT');
    const second = await update(keyOf(first), { amount: 5 }, { schema, filename });
    expect(fs.readFileSync(filename, 'utf8')).toBe(second);
    await refused(() => update(keyOf(second), { amount: 6 }, { filename }), 'JACS_CONFLICT');
    await expect(agent.getDocument(idOf(first))).resolves.toBe(second);
  });

  test('the options are the last argument', async () => {
    const first = await create();
    await refused(() => update(keyOf(first), {}, { noSave: true }, true), 'JACS_INPUT');
    await update(keyOf(first), { title: 'second' }, null, undefined);
  });
});

describe('a fork', () => {
  let elsewhere;

  beforeAll(async () => {
    elsewhere = await Promise.all(Array.from({ length: 4 }, async () => (await onEmptyStore(place)).agent));
  });

  /** One version with so many successors, each made on a store of its own and then saved here; greatest first. */
  async function forked(count) {
    const first = await create();
    const succeed = async (there, number) => {
      await there.saveDocument(first);
      return agent.saveDocument(await there.updateDocument(keyOf(first), { number }));
    };
    const texts = await Promise.all(elsewhere.slice(0, count).map(succeed));
    return { first, heads: texts.map(keyOf).sort().reverse() };
  }

  test('of two is closed by an update of the winner that merges the other', async () => {
    const { first, heads } = await forked(2);
    const merged = await agent.updateDocument(heads[0], { title: 'merged' }, { merges: [heads[1]] });
    expect(header(merged)).toMatchObject({
      jacsPreviousVersion: heads[0].split(':')[1],
      jacsMergedVersions: [heads[1].split(':')[1]],
    });
    expect(faultsOf(merged, agent.publicKey)).toEqual([]);
    await expect(agent.getDocument(idOf(first), { onFork: 'error' })).resolves.toBe(merged);
    await expect(agent.inspectDocument(idOf(first))).resolves.toMatchObject({ heads: [keyOf(merged)] });
    const history = await agent.verifyHistory(idOf(first));
    expect(history).toMatchObject({ valid: true, heads: [keyOf(merged)], gaps: [] });
  });

  test('of four, two of them merged, in their order, still is one', async () => {
    const { first, heads } = await forked(4);
    const merges = [heads[1], heads[3]];
    const merged = await agent.updateDocument(heads[0], {}, { merges });
    const versions = merges.map((key) => key.split(':')[1]);
    expect(header(merged).jacsMergedVersions).toEqual(versions.sort());
    for (const key of heads) expect(header(merged).jacsVersion > key.split(':')[1]).toBe(true);
    const error = await refusal(agent.getDocument(idOf(first), { onFork: 'error' }), 'JACS_CONFLICT');
    expect(error).toMatchObject({ current: keyOf(merged), heads: [keyOf(merged), heads[2]] });
  });

  test('stays open when the winner alone is replaced, and the loser cannot be', async () => {
    const { first, heads } = await forked(2);
    const error = await refused(() => agent.updateDocument(heads[1], {}), 'JACS_CONFLICT');
    expect(error).toMatchObject({ current: heads[0], heads });
    const next = await agent.updateDocument(heads[0], { title: 'next' });
    await expect(agent.inspectDocument(idOf(first))).resolves.toMatchObject({ heads: [keyOf(next), heads[1]] });
    expect(header(next)).not.toHaveProperty('jacsMergedVersions');
  });

  test('jacsMergedVersions is not inherited, and may stand in the text that is written back', async () => {
    const { heads } = await forked(2);
    const merged = await agent.updateDocument(heads[0], {}, { merges: [heads[1]] });
    const next = await agent.updateDocument(keyOf(merged), { ...JSON.parse(merged), title: 'next' });
    expect(header(next)).not.toHaveProperty('jacsMergedVersions');
    expect(faultsOf(next, agent.publicKey)).toEqual([]);
  });

  test('what is no other head of the document is not merged', async () => {
    const { first, heads } = await forked(2);
    const other = await create();
    const merging = (merges) => () => agent.updateDocument(heads[0], {}, { merges });
    for (const key of [keyOf(first), heads[0], `${idOf(first)}:${ABSENT}`])
      await refused(merging([key]), 'JACS_CONFLICT');
    await refused(merging([keyOf(other)]), 'JACS_INPUT');
    await refused(merging([`${idOf(first)}:../x`]), 'JACS_INPUT');
    await refused(merging([heads[1], 1]), 'JACS_INPUT');
  });
});

describe('whatever the clocks say', () => {
  test('an update of a version from a clock four minutes ahead is the newest', async () => {
    const author = newAuthor();
    await agent.saveDocument(author.document);
    const at = Date.now() + 4 * MINUTES;
    const ahead = signWithNode(firstVersion({ title: 'ahead' }, { at }), author, { iat: Math.floor(at / 1000) });
    await agent.saveDocument(ahead);
    let text = ahead;
    for (let number = 0; number < 3; number++) {
      const before = header(text).jacsVersion;
      text = await agent.updateDocument(keyOf(text), { number });
      expect(header(text).jacsVersion > before).toBe(true);
      expect(header(text).jacsVersion.slice(0, 13)).toBe(uuidV7(at).slice(0, 13));
      await expect(agent.getDocument(idOf(ahead))).resolves.toBe(text);
      expect(faultsOf(text, agent.publicKey)).toEqual([]);
    }
  });
});

describe('attachments', () => {
  const vector = path.join(__dirname, '..', 'vectors', 'jacs-0.15-ed25519', 'documents', 'embedded-attachment.json');
  const [entry] = JSON.parse(fs.readFileSync(vector, 'utf8')).jacsFiles;
  const another = { ...entry, path: 'another.txt' };

  /** A document with attachments in the form of `jacs`: the vector, signed again with a level that may change. */
  const withFiles = (jacsFiles) => {
    const id = { jacsId: crypto.randomUUID() };
    const input = { ...unsigned(fs.readFileSync(vector, 'utf8')), ...id, jacsLevel: 'artifact', jacsFiles };
    return agent.createDocument(input);
  };

  test('are inherited when the text is silent', async () => {
    const first = await withFiles([entry, another]);
    const second = await agent.updateDocument(keyOf(first), { report: 'second' });
    expect(JSON.parse(second).jacsFiles).toEqual([entry, another]);
    expect(faultsOf(second, agent.publicKey)).toEqual([]);
    const { valid, attachments } = await agent.inspectDocument(second);
    expect(valid).toBe(true);
    expect(attachments.map(({ path: name, where, ok }) => [name, where, ok])).toEqual([
      ['note.txt', 'document', true],
      ['another.txt', 'document', true],
    ]);
  });

  test('are kept when the text lists them, as in read, change, write back', async () => {
    const first = await withFiles([entry]);
    const second = await agent.updateDocument(keyOf(first), { ...JSON.parse(first), report: 'second' });
    expect(JSON.parse(second).jacsFiles).toEqual([entry]);
  });

  test('an empty list drops them', async () => {
    const first = await withFiles([entry, another]);
    const second = await agent.updateDocument(keyOf(first), { jacsFiles: [] });
    expect(JSON.parse(second).jacsFiles ?? []).toEqual([]);
    const third = await agent.updateDocument(keyOf(second), {});
    expect(JSON.parse(third).jacsFiles ?? []).toEqual([]);
  });

  test('listing fewer drops some', async () => {
    const first = await withFiles([entry, another]);
    const second = await agent.updateDocument(keyOf(first), { jacsFiles: [another] });
    expect(JSON.parse(second).jacsFiles).toEqual([another]);
  });

  test.each([
    ['new', [{ ...entry, path: 'new.txt' }]],
    ['changed', [{ ...entry, mimetype: 'text/html' }]],
    ['no list', 'note.txt'],
    ['null', null],
  ])('%s: refused', async (_, jacsFiles) => {
    const first = await withFiles([entry]);
    await refused(() => agent.updateDocument(keyOf(first), { jacsFiles }), 'JACS_INPUT');
  });
});
