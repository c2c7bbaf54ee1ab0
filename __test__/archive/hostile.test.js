'use strict';
// Archives that mean harm: each item is refused with its code, all else comes in, and nothing lies outside the layout.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { Agent } = require('../..');
const { forge, forger } = require('../attacks/forge.js');
const support = require('../support/archives.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { archiveOf, documentEntry, entry, newFile, pax, sha256 } = support;

let place;
let good;
let other;
beforeAll(async () => {
  place = await newAgent();
  [good, other] = await Promise.all(
    ['good', 'other'].map((title) => place.agent.createDocument({ title }, { noSave: true })),
  );
});

/** An empty store with the agent's keys in a folder of its own, where nothing else may appear; importing needs no password. */
function empty(settings) {
  const folder = temporaryFolder();
  const data = path.join(folder, 'place', 'jacs_data');
  const config = { jacs_data_directory: data, jacs_key_directory: place.keys, ...settings };
  const take = (file, options) => Agent.importArchive(config, file, { env: {}, ...options });
  return { take, data, folder };
}

const at = (text) => `documents/${keyOf(text).replace(':', '/')}.json`;
const nameOf = (text) => path.basename(at(text));
const [id, version] = ['67e55044-10b1-426f-9247-bb680e5fe0c8', '01890a5d-ac96-774b-bcce-b302099a8057'];
const long = (length) => 'x'.repeat(length);
const sparse = { type: 'S', magic: 'ustar  \0', raw: { 482: '\u0000' } };

describe('an item is refused', () => {
  const altered = () => good.replace('good', 'evil');
  test.each([
    ['an absolute path', () => [entry({ name: `/${at(good)}`, contents: good })]],
    ['a path upwards', () => [entry({ name: `../${at(good)}`, contents: good })]],
    ['a path upwards in the middle', () => [entry({ name: `a/../../../${nameOf(good)}`, contents: good })]],
    ['a path upwards in a record', () => [pax({ path: `../../${at(good)}` }), entry({ name: 'x', contents: good })]],
    [
      'a path upwards in a long name',
      () => [
        entry({ name: '././@LongLink', type: 'L', contents: `../${at(good)}\0` }),
        entry({ name: 'x', contents: good }),
      ],
    ],
    ['an absolute path in a record', () => [pax({ path: '/etc/cron.d/x' }), entry({ name: at(good), contents: good })]],
    ['a backslash', () => [entry({ name: `..\\${at(good)}`, contents: good })]],
    ['a zero byte in a record', () => [pax({ path: `${at(good)}\0x` }), entry({ name: at(good), contents: good })]],
    ['bytes that are no text', () => [entry({ name: Buffer.from([0xff, 0x2f, 0x78]), contents: good })]],
    ['no text in a record', () => [pax({ path: Buffer.from([0xff, 0xfe]) }), entry({ name: 'x', contents: good })]],
    ['a name of a megabyte', () => [pax({ path: `${'x/'.repeat(400_000)}${at(good)}` }), entry({ name: 'x' })]],
    [
      'a part that is too long',
      () => [pax({ path: `${long(256)}/${at(good)}` }), entry({ name: 'x', contents: good })],
    ],
    ['upper case', () => [entry({ name: at(good).toUpperCase(), contents: good })]],
    ['an upper-case id', () => [entry({ name: `documents/${id.toUpperCase()}/${version}.json`, contents: good })]],
    ['another case of the folder', () => [entry({ name: at(good).replace('d', 'D'), contents: good })]],
    ['another end', () => [entry({ name: `${at(good)}.bak`, contents: good })]],
    ['an empty name', () => [entry({ name: '', contents: good })]],
    ['a hard link', () => [entry({ name: at(good), type: '1', link: '/etc/passwd' })]],
    ['a symbolic link', () => [entry({ name: at(good), type: '2', link: '/etc/passwd' })]],
    ['a character device', () => [entry({ name: at(good), type: '3' })]],
    ['a block device', () => [entry({ name: at(good), type: '4' })]],
    ['a named pipe', () => [entry({ name: at(good), type: '6' })]],
    ['an unknown kind', () => [entry({ name: at(good), type: '!', contents: good })]],
    ['a sparse file of the old form', () => [entry({ name: at(good), contents: good, ...sparse })]],
    [
      'a sparse file in records',
      () => [
        pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': at(good) }),
        entry({ name: 'GNUSparseFile.0/x', contents: good }),
      ],
    ],
    ['one name for all that follow', () => [pax({ path: at(good) }, 'g')]],
    ['one size for all that follow', () => [pax({ size: '1' }, 'g')]],
    ['a private key', () => [entry({ name: 'jacs_keys/jacs.private.pem.enc', contents: '{}' })]],
    ['a configuration', () => [entry({ name: 'jacs.config.json', contents: '{"jacs_data_directory":"/"}' })]],
    ['a temporary file', () => [entry({ name: `documents/${id}/.tmp-${version}.json`, contents: good })]],
    ['a document that was altered', () => [documentEntry(good, { contents: altered() })], 'JACS_HASH'],
    ['no document', () => [documentEntry(good, { contents: 'text' })], 'JACS_HASH'],
    ['no UTF-8', () => [documentEntry(good, { contents: Buffer.from([0xff, 0xfe]) })], 'JACS_HASH'],
    ['an empty document', () => [documentEntry(good, { contents: '' })], 'JACS_HASH'],
    ['a document at the place of another', () => [documentEntry(good, { contents: other })], 'JACS_HASH'],
    ['a document among agents', () => [documentEntry(good, { kind: 'agents' })], 'JACS_INPUT'],
    ['an agent among documents', () => [documentEntry(agentText())], 'JACS_INPUT'],
    ['a file that is not its name', () => [entry({ name: `files/${sha256('a')}`, contents: 'b' })], 'JACS_ATTACHMENT'],
    ['a long one, too', () => [entry({ name: `files/${sha256('a')}`, contents: long(3e6) })], 'JACS_ATTACHMENT'],
    ['a document with an unsigned field', () => [documentEntry(unsignedField())], 'JACS_SIGNATURE'],
    ['an agent who is not himself', () => [documentEntry(impostor(), { kind: 'agents' })], 'JACS_HASH'],
  ])('%s', async (_, parts, code = 'JACS_INPUT') => {
    const { take, data, folder } = empty();
    const kept = sha256('kept');
    const report = await take(
      archiveOf([...parts(), documentEntry(other), entry({ name: `files/${kept}`, contents: 'kept' })]),
      { agents: 'any', maxRatio: 2000 },
    );
    expect(report).toMatchObject({ copied: 2, failed: 1, same: 0, conflicts: 0, newAgents: [] });
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]).toMatchObject({ kind: 'refused', code, severity: 'damage', path: expect.any(String) });
    expect(report.failures[0].path.length).toBeLessThanOrEqual(300);
    expect(filesUnder(folder)).toEqual([`place/jacs_data/${at(other)}`, `place/jacs_data/files/${kept}`].sort());
    expect(fs.readFileSync(path.join(data, at(other)), 'utf8')).toBe(other);
  });

  beforeAll(async () => {});
  const agentText = () => {
    const file = path.join(place.keys, 'agents', place.agent.id, `${place.agent.version}.json`);
    return fs.readFileSync(file, 'utf8');
  };
  const impostor = () => agentText().replace(/"jacsPublicKey":"./, '"jacsPublicKey":"A');
  function unsignedField() {
    const document = { ...JSON.parse(good), added: 'later' };
    delete document.jacsSha256;
    const sorted = (value) =>
      value && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(
            Object.keys(value)
              .sort()
              .map((name) => [name, sorted(value[name])]),
          )
        : value;
    const text = JSON.stringify(sorted(document));
    return JSON.stringify(sorted({ ...document, jacsSha256: sha256(text) }));
  }

  test('a document that is too long, and one that is not', async () => {
    const { take, data } = empty({ jacs_max_document_bytes: 100_000 });
    const longer = await place.agent.createDocument({ text: long(100_000) }, { noSave: true });
    const report = await take(archiveOf([documentEntry(longer), documentEntry(good)]));
    expect(report).toMatchObject({ copied: 1, failed: 1, failures: [{ kind: 'refused', code: 'JACS_INPUT' }] });
    expect(filesUnder(data)).toEqual([at(good)]);
  });

  test('a document under the id of an agent, known or new', async () => {
    const { take, data } = empty();
    const [stranger, victim] = [forger(), forger()];
    const planted = [place.agent, victim].map(({ id: taken }) => forge(stranger, { jacsId: taken, title: 'planted' }));
    const agents = [stranger, victim].map(({ text }) => documentEntry(text, { kind: 'agents' }));
    const report = await take(archiveOf([...planted.map((text) => documentEntry(text)), ...agents]));
    expect(report).toMatchObject({ copied: 2, failed: 2 });
    const refused = report.failures.filter(({ kind }) => kind === 'refused');
    expect(refused.map(({ code, key }) => [code, key])).toEqual(planted.map((text) => ['JACS_CONFLICT', keyOf(text)]));
    expect(fs.readdirSync(data)).toEqual(['agents']);
  });
});

describe('an archive is refused as a whole', () => {
  const parts = () => [documentEntry(good), documentEntry(other)];
  const refused = async (file, options, code = 'JACS_INPUT') => {
    const { take, folder } = empty();
    const error = await refusal(take(file, options), code);
    expect(error.path).toBe(file);
    expect(filesUnder(folder)).toEqual([]);
  };
  const cut = (file, length) => {
    fs.truncateSync(file, fs.statSync(file).size - length);
    return file;
  };
  const written = (bytes) => {
    const file = newFile();
    fs.writeFileSync(file, bytes);
    return file;
  };
  const header = (options) => entry({ name: at(good), ...options }).subarray(0, 512);
  const huge = '77777777777\0';

  test.each([
    ['nothing', () => written('')],
    ['text', () => written('text '.repeat(1000))],
    ['an image', () => written(Buffer.from([0x89, 0x50, 0x4e, 0x47]))],
    ['packed text', () => written(zlib.gzipSync('text '.repeat(1000)))],
    ['packed nothing', () => written(zlib.gzipSync(''))],
    ['another packing', () => archiveOf(parts(), { pack: zlib.deflateSync })],
    ['cut short', () => cut(archiveOf(parts()), 100)],
    ['cut short by its last byte', () => cut(archiveOf(parts()), 1)],
    ['unpacked and cut short', () => cut(archiveOf(parts(), { pack: (bytes) => bytes }), 1500)],
    ['without an end', () => archiveOf(parts(), { end: Buffer.alloc(0) })],
    [
      'with something behind its end',
      () => written(Buffer.concat([fs.readFileSync(archiveOf(parts())), Buffer.from('x')])),
    ],
    ['of which a bit is wrong', () => flipped(archiveOf(parts()))],
    ['with a wrong checksum', () => archiveOf([...parts(), Buffer.from(header({})).fill('y', 0, 1)])],
    ['with a size beyond its end', () => archiveOf([...parts(), header({ size: huge })])],
    ['with a size below zero', () => archiveOf([...parts(), header({ size: Buffer.alloc(12, 0xff) })])],
    ['with a size that is no number', () => archiveOf([...parts(), header({ size: 'abcdefghijk\0' })])],
    ['with a record of a size beyond its end', () => archiveOf([...parts(), pax({ size: '99999999999' }), header({})])],
    ['with a name of gigabytes', () => archiveOf([...parts(), header({ type: 'L', size: huge })])],
    ['with records of gigabytes', () => archiveOf([...parts(), header({ type: 'x', size: huge })])],
    ['with records that are none', () => archiveOf([...parts(), entry({ name: 'x', type: 'x', contents: 'none' })])],
  ])('%s', async (_, file) => refused(file()));

  function flipped(file) {
    const bytes = fs.readFileSync(file);
    bytes[bytes.length >> 1] ^= 1;
    return written(bytes);
  }

  test('with more entries than is allowed', async () => {
    await refused(archiveOf(parts()), { maxEntries: 1 });
    const { take } = empty();
    expect(await take(archiveOf(parts()), { maxEntries: 2 })).toMatchObject({ copied: 2 });
  });

  test('with more bytes than is allowed', async () => {
    const file = archiveOf(parts());
    const { length } = zlib.gunzipSync(fs.readFileSync(file));
    await refused(file, { maxBytes: length - 1 });
    const { take } = empty();
    expect(await take(file, { maxBytes: length })).toMatchObject({ copied: 2 });
  });

  test('a bomb, wherever it is', async () => {
    const zeros = Buffer.alloc(40_000_000);
    const hash = sha256(zeros);
    const bombs = [
      [entry({ name: `files/${hash}`, contents: zeros }), ...parts()],
      [...parts(), entry({ name: 'README', contents: zeros })],
      [...parts(), entry({ name: at(good), type: '2', contents: zeros })],
      [...parts(), zeros],
    ];
    for (const bomb of bombs) await refused(archiveOf(bomb));
    const { take, data } = empty();
    const report = await take(archiveOf(bombs[0]), { maxRatio: 2000 });
    expect(report).toMatchObject({ copied: 3, failed: 0 });
    expect(sha256(fs.readFileSync(path.join(data, 'files', hash)))).toBe(hash);
  });
});

test('nothing is written through a link in the store', async () => {
  const { take, data } = empty();
  const outside = temporaryFolder();
  fs.mkdirSync(data, { recursive: true });
  fs.symlinkSync(outside, path.join(data, 'documents'));
  fs.symlinkSync(outside, path.join(data, 'files'));
  const outcome = await take(archiveOf([documentEntry(good), entry({ name: `files/${sha256('x')}`, contents: 'x' })]), {
    agents: 'any',
  }).catch((error) => error);
  expect(outcome.copied ?? 0).toBe(0);
  expect(fs.readdirSync(outside)).toEqual([]);
});
