'use strict';
// The two forms of embedded files: plain, and that of `jacs`, which is base64 of gzip with the hash of that text.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { createGzip, gunzipSync, gzipSync } = require('node:zlib');
const { root } = require('../support/addon.js');
const { FORMS, keyOf, newAgent, refusal } = require('../support/agents.js');
const support = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { newAuthor } = require('../support/witness.js');
const { bytesOf, embedded, entriesOf, foreign, gzipped, inNewFolder, noise, outcomeOf, sha256, written } = support;

const here = inNewFolder();
let place;
let agent;
let author;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  author = newAuthor();
  await agent.saveDocument(author.document);
  written(here.folder, { 'a.txt': 'hello\n', 'folder/b.bin': noise(100_000), 'folder/empty': '' });
});

const read = (text, name) => bytesOf(agent.readAttachment(text, name));
const EXPECTED = { 'a.txt': Buffer.from('hello\n'), 'folder/b.bin': noise(100_000), 'folder/empty': Buffer.alloc(0) };

describe.each(Object.entries(FORMS))('%s', (_, call) => {
  test('the form of jacs: gunzip of what it holds is the file, and the hash is of the text', async () => {
    const options = { attachments: ['a.txt', 'folder'], embed: true, attachmentForm: 'jacs' };
    const text = await call(agent, 'createDocument', { title: 'x' }, options);
    const entries = entriesOf(text);
    expect(entries.map((entry) => entry.path)).toEqual(Object.keys(EXPECTED));
    for (const { path: name, contents, sha256: hash, embed } of entries) {
      expect([embed, hash]).toEqual([true, sha256(contents)]);
      expect(gunzipSync(Buffer.from(contents, 'base64')).equals(EXPECTED[name])).toBe(true);
      expect((await read(keyOf(text), name)).equals(EXPECTED[name])).toBe(true);
    }
    expect(JSON.parse(text)).not.toHaveProperty('jacsFilesStored');
    await expect(call(agent, 'verifyDocument', text)).resolves.toBe(true);
    const target = temporaryFolder();
    await agent.saveAttachments(text, target);
    for (const [name, bytes] of Object.entries(EXPECTED)) {
      expect(fs.readFileSync(path.join(target, name)).equals(bytes)).toBe(true);
    }
  });

  test('the plain form is the default, and may be said', async () => {
    const [one, two] = [undefined, 'plain'].map((attachmentForm) => ({
      attachments: 'a.txt',
      embed: true,
      attachmentForm,
    }));
    const texts = [await call(agent, 'createDocument', {}, one), await call(agent, 'createDocument', {}, two)];
    const expected = { ...embedded('a.txt', 'hello\n'), mimetype: 'text/plain' };
    for (const text of texts) expect(entriesOf(text)).toEqual([expected]);
    const stored = await call(agent, 'createDocument', {}, { attachments: 'a.txt', attachmentForm: 'plain' });
    expect(entriesOf(stored)).toMatchObject([{ embed: false }]);
  });

  test('an update may have both, each as it is', async () => {
    const attachments = 'a.txt';
    const first = await call(agent, 'createDocument', {}, { attachments, embed: true, attachmentForm: 'jacs' });
    const second = await call(agent, 'updateDocument', keyOf(first), {}, { attachments: 'folder', embed: true });
    expect(entriesOf(second)).toEqual(expect.arrayContaining(entriesOf(first)));
    for (const [name, bytes] of Object.entries(EXPECTED)) expect((await read(second, name)).equals(bytes)).toBe(true);
    await expect(call(agent, 'verifyDocument', second)).resolves.toBe(true);
  });
});

describe.each(['ed25519', 'pq2025'])('a document that jacs made, %s', (name) => {
  const vector = path.join(root, '__test__', 'vectors', `jacs-0.15-${name}`);
  const text = fs.readFileSync(path.join(vector, 'documents', 'embedded-attachment.json'), 'utf8');
  let reader;
  beforeAll(async () => {
    const { jacsId, jacsVersion } = JSON.parse(fs.readFileSync(path.join(vector, 'agent.json'), 'utf8'));
    const folder = temporaryFolder();
    fs.cpSync(path.join(vector, 'keys'), path.join(folder, 'jacs_keys'), { recursive: true });
    written(folder, {
      [`jacs_data/agent/${jacsId}:${jacsVersion}.json`]: fs.readFileSync(path.join(vector, 'agent.json')),
      'jacs.config.json': fs.readFileSync(path.join(vector, 'jacs.config.json')),
    });
    const { Agent } = require('../../index.js');
    reader = new Agent();
    await reader.load(path.join(folder, 'jacs.config.json'), { readOnly: true, env: {} });
  });
  afterAll(() => reader.close());

  test('gives the bytes of its file', async () => {
    expect((await bytesOf(reader.readAttachment(text, 'note.txt'))).toString()).toBe('hello attachment\n');
    const target = path.join(temporaryFolder(), 'saved');
    await expect(reader.saveAttachments(text, target)).resolves.toEqual([path.join(target, 'note.txt')]);
    expect(fs.readFileSync(path.join(target, 'note.txt'), 'utf8')).toBe('hello attachment\n');
  });
});

test('bytes that happen to be gzip come back as they are', async () => {
  const bytes = gzipSync('inside');
  const text = foreign(author, [embedded('plain.gz', bytes), gzipped('twice.gz', bytes)]);
  await agent.saveDocument(text);
  expect(await read(keyOf(text), 'plain.gz')).toEqual(bytes);
  expect(await read(keyOf(text), 'twice.gz')).toEqual(bytes);
});

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
/** Two bits of its last character mean nothing: another text for the same bytes. */
const loose = (text) => text.replace(/A(=+)$/, 'B$1');

/** Entries that are wrong: none is read, verified, written or saved. */
const HOSTILE = {
  'gzip with a byte behind it': () => gzipped('x', '', base64(Buffer.concat([gzipSync('hello'), Buffer.of(0)]))),
  'gzip with text behind it': () => gzipped('x', '', base64(Buffer.concat([gzipSync('hello'), Buffer.from('more')]))),
  'two gzip members': () => gzipped('x', '', base64(Buffer.concat([gzipSync('hello'), gzipSync(' you')]))),
  'gzip cut short': () => gzipped('x', '', base64(gzipSync('hello').subarray(0, -1))),
  'gzip without its trailer': () => gzipped('x', '', base64(gzipSync('hello').subarray(0, -8))),
  'gzip with another checksum': () => gzipped('x', '', base64(altered(gzipSync('hello'), -8))),
  'gzip with another length': () => gzipped('x', '', base64(altered(gzipSync('hello'), -4))),
  'gzip of an unknown method': () => gzipped('x', '', base64(altered(gzipSync('hello'), 2))),
  'no gzip in the form of jacs': () => gzipped('x', '', base64('hello')),
  'the hash of what is in the gzip': () => ({ ...gzipped('x', 'hello'), sha256: sha256('hello') }),
  'base64 without padding': () => ({ ...embedded('x', 'hell'), contents: base64('hell').replace(/=/g, '') }),
  'base64 for addresses': () => ({ ...embedded('x', Buffer.of(251, 255)), contents: '-_8=' }),
  'base64 with a line break': () => ({ ...embedded('x', 'hello'), contents: `${base64('hello')}\n` }),
  'base64 with a space within': () => ({ ...embedded('x', 'hello'), contents: base64('hello').replace('G', 'G ') }),
  'base64 with loose bits': () => ({ ...embedded('x', Buffer.of(0)), contents: loose(base64(Buffer.of(0))) }),
  'base64 that goes on after its padding': () => ({ ...embedded('x', 'a'), contents: `${base64('a')}${base64('b')}` }),
  'base64 as an address of data': () => ({ ...embedded('x', 'a'), contents: `data:;base64,${base64('a')}` }),
  'gzip in base64 with a line break': () => gzipped('x', '', `${base64(gzipSync('hello'))}\n`),
  'gzip in base64 without padding': () => gzipped('x', '', base64(gzipSync('hello')).replace(/=/g, '')),
  'another hash': () => ({ ...embedded('x', 'hello'), sha256: sha256('other') }),
  'the hash of the text of plain bytes': () => ({ ...embedded('x', 'hello'), sha256: sha256(base64('hello')) }),
  'a hash in capitals': () => ({ ...embedded('x', 'hello'), sha256: sha256('hello').toUpperCase() }),
  'embedded without contents': () => ({ ...embedded('x', 'hello'), contents: undefined }),
  'contents that are not embedded': () => ({ ...embedded('x', 'hello'), embed: false }),
};

function altered(bytes, at) {
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes;
}

async function refusedEverywhere(text) {
  const before = filesUnder(place.data);
  await expect(agent.verifyDocument(text)).resolves.toBe(false);
  await refusal(agent.assertDocument(text), 'JACS_ATTACHMENT');
  await refusal(agent.saveDocument(text), 'JACS_ATTACHMENT');
  expect(await outcomeOf(agent.readAttachment(text, 'x'))).toMatchObject({ error: { code: 'JACS_ATTACHMENT' } });
  const target = path.join(temporaryFolder(), 'saved');
  await refusal(agent.saveAttachments(text, target), 'JACS_ATTACHMENT');
  expect(fs.existsSync(target)).toBe(false);
  expect(filesUnder(place.data)).toEqual(before);
}

test('what is signed here is good: the refusals below have no other reason', async () => {
  const text = foreign(author, [embedded('x', 'hello'), gzipped('y', 'you')]);
  await expect(agent.verifyDocument(text, { contents: true })).resolves.toBe(true);
  expect([await read(text, 'x'), await read(text, 'y')].map(String)).toEqual(['hello', 'you']);
});

test.each(Object.entries(HOSTILE))('refused: %s', async (_, entry) => {
  await refusedEverywhere(foreign(author, [JSON.parse(JSON.stringify(entry()))]));
});

describe('what inflates to more than there may be', () => {
  // Documents may name as much as they like in one stream, or in many.
  const LIMIT = 256 << 20;

  /** The gzip of so many zeros; they are never held at once. */
  async function zeros(length) {
    const gzip = createGzip({ level: 9 });
    const all = bytesOf(gzip);
    const block = Buffer.alloc(1 << 22);
    for (let left = length; left > 0; left -= block.length) {
      if (!gzip.write(block.subarray(0, Math.min(left, block.length)))) {
        await new Promise((resolve) => {
          gzip.once('drain', resolve);
        });
      }
    }
    gzip.end();
    return base64(await all);
  }

  test('is refused, in one entry and in several', async () => {
    const [over, half] = await Promise.all([zeros(LIMIT + 1), zeros(LIMIT / 2 + 1)]);
    const bomb = foreign(author, [gzipped('x', '', over)]);
    expect(bomb.length).toBeLessThan(1 << 20);
    await refusal(agent.assertDocument(bomb), 'JACS_ATTACHMENT');
    const before = process.memoryUsage().rss;
    expect(await outcomeOf(agent.readAttachment(bomb, 'x'))).toMatchObject({ error: { code: 'JACS_ATTACHMENT' } });
    // Nothing like the bytes that it would be.
    expect(process.memoryUsage().rss - before).toBeLessThan(LIMIT / 2);
    const twice = foreign(author, [gzipped('x', '', half), gzipped('y', '', half)]);
    await expect(agent.verifyDocument(twice)).resolves.toBe(false);
  }, 120_000);

  test('many bytes in little text are read where they are not too many', async () => {
    const text = foreign(author, [gzipped('x', '', await zeros(20 << 20))]);
    const hash = createHash('sha256');
    let most = 0;
    for await (const chunk of agent.readAttachment(text, 'x')) {
      hash.update(chunk);
      most = Math.max(most, chunk.length);
    }
    expect(hash.digest('hex')).toBe(sha256(Buffer.alloc(20 << 20)));
    expect(most).toBeGreaterThan(0);
  });
});
