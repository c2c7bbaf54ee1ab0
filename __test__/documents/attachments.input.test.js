'use strict';
// Arguments about attachments that are refused before anything is read, signed or stored. Both forms of each verb.

const fs = require('node:fs');
const { Readable } = require('node:stream');
const { FORMS, keyOf, newAgent, refusal, treeOf } = require('../support/agents.js');
const { entriesOf, inNewFolder, noise, sha256, storedOf, written } = require('../support/attachments.js');
const { filesUnder } = require('../support/folder.js');

const LIMIT = 65_536;
const here = inNewFolder();
const hash = '0'.repeat(64);

let place;
let agent;
let stored;
let before;

beforeAll(async () => {
  place = await newAgent({ settings: { jacs_max_document_bytes: LIMIT } });
  agent = place.agent;
  stored = await agent.createDocument({ title: 'stored' });
  written(here.folder, { 'a.txt': 'a', 'folder/b.txt': 'b' });
});

beforeEach(() => {
  before = treeOf(place.folder, { times: true });
});

async function refused(promise, code = 'JACS_INPUT') {
  const error = await refusal(promise, code);
  expect(treeOf(place.folder, { times: true })).toEqual(before);
  return error;
}

const cycle = [];
cycle.push(cycle);
const throwing = Object.defineProperty({}, 'path', {
  enumerable: true,
  get() {
    throw new RangeError('mine');
  },
});

/** Attachments that are none. */
const WRONG = {
  'a number': 1,
  true: true,
  false: false,
  'a symbol': Symbol('a'),
  'a bigint': 1n,
  'a function': () => 'a.txt',
  'an object without path': {},
  'an object whose path is no text': { path: 1 },
  'a path that is null': { path: null },
  'bytes without a name': Buffer.from('a'),
  'a stream without a name': Readable.from([]),
  'a URL': new URL('file:///a.txt'),
  'a promise': Promise.resolve('a.txt'),
  'a map': new Map([['path', 'a.txt']]),
  'a boxed text': new String('a.txt'),
  'a list with null': [null],
  'a list with undefined': ['a.txt', undefined],
  'a list with a hole': [, 'a.txt'], // eslint-disable-line no-sparse-arrays
  'a list in a list': [['a.txt']],
  'a list of itself': cycle,
  'a list with a number': ['a.txt', 7],
  'another name of a member': { path: 'a.txt', mimeType: 'text/plain' },
  'embed within': { path: 'a.txt', embed: true },
  'sha256 within': { path: 'a.txt', sha256: hash },
  'an entry of jacsFiles': { mimetype: 'text/plain', path: 'a.txt', embed: false, sha256: hash },
  'a getter that throws': throwing,
  'a lone surrogate in a path': 'a\ud800.txt',
  'a lone surrogate in a name': { path: 'a\udc00', contents: Buffer.from('a') },
  'contents that are text': { path: 'x', contents: 'text' },
  'contents that are a number': { path: 'x', contents: 7 },
  'contents that are true': { path: 'x', contents: true },
  'contents that are an object': { path: 'x', contents: {} },
  'contents that are a list of numbers': { path: 'x', contents: [1, 2] },
  'contents that are numbers of two bytes': { path: 'x', contents: new Uint16Array(2) },
  'contents that are a promise': { path: 'x', contents: Promise.resolve(Buffer.from('a')) },
  'contents without a name': { contents: Buffer.from('a') },
  'a type that is no text': { path: 'a.txt', mimetype: 7 },
  'an empty type': { path: 'a.txt', mimetype: '' },
  'a type of two lines': { path: 'a.txt', mimetype: 'text/plain\r\nX: y' },
  'a type without a slash': { path: 'a.txt', mimetype: 'text' },
};

describe.each(Object.entries(FORMS))('%s', (form, call) => {
  test.each(Object.entries(WRONG))('attachments that are %s', async (_, attachments) => {
    for (const embed of [undefined, true]) {
      await refused(call(agent, 'createDocument', { title: 'x' }, { attachments, embed }));
      await refused(call(agent, 'updateDocument', keyOf(stored), { title: 'x' }, { attachments, embed }));
    }
    await refused(call(agent, 'createDocument', { title: 'x' }, null, null, false, attachments));
  });

  test.each(['', 'true', 0, 1, {}, []])('embed that is %j', async (embed) => {
    await refused(call(agent, 'createDocument', {}, { attachments: 'a.txt', embed }));
    await refused(call(agent, 'createDocument', {}, null, null, false, 'a.txt', embed));
    await refused(call(agent, 'updateDocument', keyOf(stored), {}, 'a.txt', embed));
  });

  test.each(['', 'JACS', 'gzip', true, 1, {}, null])('attachmentForm that is %j', async (attachmentForm) => {
    // As with every option, null is not given.
    if (attachmentForm === null) return;
    await refused(call(agent, 'createDocument', {}, { attachments: 'a.txt', embed: true, attachmentForm }));
  });

  test.each([
    ['embed true without attachments', { embed: true }],
    ['embed false without attachments', { embed: false }],
    ['attachmentForm without attachments', { attachmentForm: 'jacs' }],
    ['attachmentForm and embed without attachments', { attachmentForm: 'jacs', embed: true }],
    ['the form of jacs for stored files', { attachments: 'a.txt', attachmentForm: 'jacs' }],
    ['the form of jacs for references', { attachments: 'a.txt', embed: false, attachmentForm: 'jacs' }],
    ['noSave of files that would have to be stored', { attachments: 'a.txt', noSave: true }],
    ['noSave with embed null', { attachments: 'a.txt', noSave: true, embed: null }],
    ['a reference to bytes', { attachments: { path: 'a.txt', contents: Buffer.from('a') }, embed: false }],
    ['a reference to bytes in a list', { attachments: ['a.txt', { path: 'x', contents: noise(3) }], embed: false }],
    ['onProgress that is no function', { attachments: 'a.txt', onProgress: 'call me' }],
  ])('%s', async (_, options) => {
    await refused(call(agent, 'createDocument', { title: 'x' }, options));
    await refused(call(agent, 'updateDocument', keyOf(stored), { title: 'x' }, options));
  });

  test('embed in its place without attachments', async () => {
    await refused(call(agent, 'createDocument', {}, null, null, false, null, true));
    await refused(call(agent, 'updateDocument', keyOf(stored), {}, null, true));
  });

  test('what the document itself says of attachments', async () => {
    const jacsFiles = [{ mimetype: 'text/plain', path: 'a.txt', embed: false, sha256: sha256('a') }];
    for (const fields of [{ jacsFiles }, { jacsFilesStored: [hash] }, { jacsFiles: [] }]) {
      await refused(call(agent, 'createDocument', fields, { attachments: 'a.txt' }));
    }
    await refused(call(agent, 'updateDocument', keyOf(stored), { jacsFiles }, { attachments: 'a.txt' }));
  });

  test('a document that is wrong: no file is stored for it', async () => {
    const schema = { required: ['amount'] };
    await refused(call(agent, 'createDocument', '{"a":1,"a":2}', { attachments: 'a.txt' }));
    await refused(call(agent, 'createDocument', { jacsType: 'agent' }, { attachments: 'a.txt' }));
    await refused(call(agent, 'createDocument', { title: 'x' }, { attachments: 'a.txt', schema }), 'JACS_SCHEMA');
    const update = (fields, options) => call(agent, 'updateDocument', keyOf(stored), fields, options);
    await refused(update({ title: 'x' }, { attachments: 'a.txt', schema }), 'JACS_SCHEMA');
    await refused(
      update({ jacsId: '00000000-0000-4000-8000-000000000000' }, { attachments: 'a.txt' }),
      'JACS_CONFLICT',
    );
    await refused(update({ title: 'x' }, { attachments: 'a.txt', merges: [keyOf(stored)] }), 'JACS_CONFLICT');
  });

  test('a schema sees the attachments', async () => {
    const items = { properties: { path: { pattern: '\\.pdf$' } } };
    const schema = { properties: { jacsFiles: { items } } };
    await refused(call(agent, 'createDocument', { title: 'x' }, { attachments: 'a.txt', schema }), 'JACS_SCHEMA');
    written(here.folder, { 'b.pdf': 'pdf' });
    const text = await call(agent, 'createDocument', { title: 'x' }, { attachments: 'b.pdf', schema });
    expect(storedOf(text)).toEqual([sha256('pdf')]);
  });

  test('embedded files over the limit of a document: stored they are taken', async () => {
    const half = noise(LIMIT / 2);
    const big = { path: 'big', contents: half };
    const twice = [big, { path: 'again', contents: half }];
    for (const attachments of [{ path: 'big', contents: noise(LIMIT) }, twice]) {
      const error = await refused(call(agent, 'createDocument', {}, { attachments, embed: true }));
      expect(error.message).toMatch(/embed/);
    }
    const error = await refused(call(agent, 'updateDocument', keyOf(stored), {}, { attachments: twice, embed: true }));
    expect(error.message).toMatch(/embed/);
    const text = await call(agent, 'createDocument', {}, { attachments: twice });
    expect(storedOf(text)).toEqual([sha256(half)]);
  });

  test('a file that is too large to embed is not read to its end first', async () => {
    // Sparse: reading it whole would take long, and as base64 more memory than there is.
    fs.closeSync(fs.openSync('sparse.bin', 'w'));
    fs.truncateSync('sparse.bin', 2 ** 40);
    await refused(call(agent, 'createDocument', {}, { attachments: 'sparse.bin', embed: true }));
    fs.rmSync('sparse.bin');
  });

  test('an update of what is not there, and of a level that never changes', async () => {
    const key = '00000000-0000-4000-8000-000000000000:00000000-0000-4000-8000-000000000000';
    await refused(call(agent, 'updateDocument', key, {}, 'a.txt'), 'JACS_NOT_FOUND');
    const { agent: other, data } = await newAgent();
    const raw = await other.createDocument({ jacsLevel: 'raw' });
    const [files, own] = [filesUnder(data), keyOf(raw)];
    await refusal(call(other, 'updateDocument', own, {}, { attachments: 'a.txt' }), 'JACS_INPUT');
    expect(filesUnder(data)).toEqual(files);
  });
});

test('null and undefined are no attachments', async () => {
  for (const attachments of [null, undefined]) {
    expect(entriesOf(await agent.createDocument({}, { attachments }))).toEqual([]);
    expect(entriesOf(await agent.createDocument({}, null, null, false, attachments, null))).toEqual([]);
    expect(entriesOf(agent.createDocumentSync({}, { attachments, embed: null }))).toEqual([]);
  }
});

test('the sync form takes bytes, and refuses every stream', async () => {
  const contents = noise(10);
  const text = agent.createDocumentSync({}, { attachments: ['a.txt', { path: 'x', contents }] });
  expect(storedOf(text)).toEqual([sha256('a'), sha256(contents)].sort());
  async function* chunks() {
    yield contents;
  }
  before = treeOf(place.folder, { times: true });
  for (const stream of [Readable.from([contents]), new ReadableStream(), chunks()]) {
    const attachments = { path: 's', contents: stream };
    await refused(FORMS.sync(agent, 'createDocument', {}, { attachments }));
    await refused(FORMS.sync(agent, 'updateDocument', keyOf(stored), {}, { attachments }));
  }
});

test('a stream that is too long to embed', async () => {
  async function* chunks() {
    for (let n = 0; n < 16; n++) yield noise(LIMIT / 16);
  }
  await refused(agent.createDocument({}, { attachments: { path: 's', contents: chunks() }, embed: true }));
  expect(storedOf(await agent.createDocument({}, { attachments: { path: 's', contents: chunks() } }))).toHaveLength(1);
});

test('a batch takes none', async () => {
  for (const options of [{ attachments: 'a.txt' }, { embed: true }, { attachmentForm: 'jacs' }]) {
    await refused(agent.createDocuments([{ n: 1 }], options));
  }
});

describe('reading', () => {
  let text;
  beforeAll(async () => {
    text = await agent.createDocument({}, { attachments: 'a.txt' });
  });

  const BAD_PATHS = [undefined, null, 1, {}, [], ['a.txt'], Symbol('a'), 1n];
  test.each(BAD_PATHS)('a path that is %p: the stream fails, nothing is thrown', async (name) => {
    await refused(agent.readAttachment(text, name).getReader().read());
  });

  test.each([
    ['no text', 7, 'JACS_INPUT'],
    ['no key', '../x', 'JACS_INPUT'],
    ['no document', '{}', 'JACS_INPUT'],
    ['not stored', '00000000-0000-4000-8000-000000000000', 'JACS_NOT_FOUND'],
  ])('of what is %s', async (_, from, code) => {
    await refused(agent.readAttachment(from, 'a.txt').getReader().read(), code);
    await refused(agent.saveAttachments(from, 'saved'), code);
    expect(fs.existsSync('saved')).toBe(false);
  });

  test.each([
    ['an unknown option', { base: '.' }],
    ['contents', { contents: true }],
    ['a list', []],
    ['a text', 'text'],
    ['a base that is no text', { baseDirectory: 7 }],
    ['a base with NUL', { baseDirectory: 'a\0b' }],
    ['a signal that is none', { signal: {} }],
  ])('options: %s', async (_, options) => {
    await refused(agent.readAttachment(text, 'a.txt', options).getReader().read());
    await refused(agent.saveAttachments(text, 'saved', options));
    expect(fs.existsSync('saved')).toBe(false);
  });

  test.each(['range', 'start', 'end', 'offset', 'length'])('%s: parts are not read', async (name) => {
    await refused(
      agent
        .readAttachment(text, 'a.txt', { [name]: 1 })
        .getReader()
        .read(),
      'JACS_UNSUPPORTED',
    );
  });

  test.each([undefined, null, 7, {}, '', 'a\0b', Symbol('a')])('a directory that is %p', async (directory) => {
    await refused(agent.saveAttachments(text, directory));
  });

  test.each([{ contents: 1 }, { contents: 'true' }, { baseDirectory: 7 }])('verification: %j', async (options) => {
    for (const verb of ['verifyDocument', 'assertDocument', 'inspectDocument'])
      await refused(agent[verb](text, options));
  });
});
