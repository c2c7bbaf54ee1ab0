'use strict';
// What each call with attachments asks of a server: requests cost time and money, so their number is part of the promise.
// With the cache off, after a first write that published the agent.

const { randomBytes } = require('node:crypto');
const path = require('node:path');
const { keyOf } = require('../support/agents.js');
const { LARGE, newSource, outcomeOf, PART, SMALL } = require('../support/attached.js');
const { BACKENDS } = require('../support/faulty.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');

const settings = { jacs_cache_bytes: 0 };

/** What a request is for: documents, files, or the steps of an upload in parts. */
function named({ method, path: url }) {
  if (url.includes('list-type=2')) return 'LIST';
  if (/[?&]uploads/.test(url)) return 'initiate';
  if (url.includes('partNumber=')) return 'part';
  if (url.includes('uploadId=')) return method === 'POST' ? 'complete' : 'abort';
  const kind = url.includes('/files') ? 'file' : 'document';
  return `${method} ${kind}`;
}

/** Equal ones that follow each other, once, with their number: `HEAD file, 2 part, PUT document`. */
function counted(names) {
  const runs = [];
  for (const name of names) {
    if (runs.at(-1)?.name === name) runs.at(-1).count++;
    else runs.push({ name, count: 1 });
  }
  return runs.map(({ name, count }) => (count === 1 ? name : `${count} ${name}`)).join(', ');
}

const small = newSource(SMALL, 'small.bin');
const large = newSource(LARGE, 'large.bin');
const withFile = (agent, attachments) => agent.createDocument({ title: 'one' }, { attachments });

/** Calls to count; each gets what the ones before left in `state`. */
const CALLS = {
  'create with a small file': async (state) => {
    state.small = await withFile(state.agent, small.path);
  },
  'create with a large file': async (state) => {
    state.large = await withFile(state.agent, large.path);
  },
  'create with a file of just a part': ({ agent }) =>
    withFile(agent, { path: 'part.bin', contents: randomBytes(PART) }),
  'create with an empty file': ({ agent }) => withFile(agent, { path: 'empty', contents: Buffer.alloc(0) }),
  'create with a stream': ({ agent }) =>
    withFile(agent, { path: 'stream.bin', contents: new Blob([randomBytes(SMALL)]).stream() }),
  'create with a small file that is there': ({ agent }) => withFile(agent, small.path),
  'create with a large file that is there': ({ agent }) => withFile(agent, large.path),
  'create with an embedded file': ({ agent }) => agent.createDocument({}, { attachments: small.path, embed: true }),
  'update that inherits': async (state) => {
    state.second = await state.agent.updateDocument(keyOf(state.small), { title: 'two' });
  },
  'update that adds one': ({ agent, second }) =>
    agent.updateDocument(keyOf(second), { title: 'three' }, { attachments: newSource(SMALL, 'new.bin').path }),
  'get the document': ({ agent, large }) => agent.getDocument(keyOf(large)),
  'read by the text': ({ agent, large: text }) => outcomeOf(agent.readAttachment(text, large.name)),
  'read by the key': ({ agent, large: text }) => outcomeOf(agent.readAttachment(keyOf(text), large.name)),
  save: ({ agent, large: text }) => agent.saveAttachments(text, path.join(temporaryFolder(), 'saved')),
  verify: ({ agent, large: text }) => agent.verifyDocument(text),
  'verify with contents': ({ agent, large: text }) => agent.verifyDocument(text, { contents: true }),
};

/** What a call asked for. */
async function asked({ proxy }, call) {
  const before = proxy.requests.length;
  const outcome = await call();
  expect(outcome?.error).toBeUndefined();
  return counted(proxy.requests.slice(before).map(named));
}

/** The same of every call of the table. */
async function counts(place) {
  const state = { agent: place.agent };
  const found = {};
  for (const [name, call] of Object.entries(CALLS)) found[name] = await asked(place, () => call(state));
  return found;
}

const twice = () => {
  const contents = randomBytes(SMALL);
  return ['a', 'b'].map((name) => ({ path: name, contents }));
};
const nothing = () => ({ path: 'nothing.bin', contents: new Blob([]).stream() });

describeWith(['rgw'], 'S3', () => {
  let place;
  beforeAll(async () => {
    place = await BACKENDS.find(({ name }) => name === 'aws').start({ settings });
  });

  test('a large file is ended once', async () => {
    const attachments = { path: 'large.bin', contents: randomBytes(LARGE) };
    expect(await asked(place, () => withFile(place.agent, attachments))).not.toContain('2 complete');
  });

  test('the same bytes under two names are sent once', async () => {
    expect(await asked(place, () => withFile(place.agent, twice()))).toBe('HEAD file, PUT file, PUT document');
  });

  test('every call', async () => {
    expect(await counts(place)).toEqual({
      'create with a small file': 'HEAD file, PUT file, PUT document',
      'create with a large file': 'HEAD file, initiate, 2 part, complete, HEAD file, PUT document',
      'create with a file of just a part': 'HEAD file, PUT file, PUT document',
      'create with an empty file': 'HEAD file, PUT file, PUT document',
      'create with a stream': 'HEAD file, PUT file, PUT document',
      'create with a small file that is there': 'HEAD file, PUT document',
      'create with a large file that is there': 'HEAD file, PUT document',
      'create with an embedded file': 'PUT document',
      'update that inherits': 'LIST, GET document, PUT document',
      // Whether it replaces the newest is known before the upload, and certain after it.
      'update that adds one': 'LIST, 2 GET document, HEAD file, PUT file, LIST, 2 GET document, PUT document',
      'get the document': 'GET document',
      'read by the text': 'GET file',
      'read by the key': 'GET document, GET file',
      save: 'GET file',
      verify: 'HEAD file',
      'verify with contents': 'GET file',
    });
  });

  test('an empty stream is an empty file, which is there by now', async () => {
    expect(await asked(place, () => withFile(place.agent, nothing()))).toBe('HEAD file, PUT document');
  });
});

describeWith(['dav'], 'WebDAV', () => {
  let place;
  beforeAll(async () => {
    place = await BACKENDS.find(({ name }) => name === 'hai').start({ settings });
    await withFile(place.agent, { path: 'first', contents: Buffer.from('first') });
  });

  test('the same bytes under two names are sent once', async () => {
    const expected = 'PROPFIND file, PUT file, MKCOL document, PUT document';
    expect(await asked(place, () => withFile(place.agent, twice()))).toBe(expected);
  });

  test('every call', async () => {
    expect(await counts(place)).toEqual({
      // The collection of files is there; that of the document is missing each time.
      'create with a small file': 'PROPFIND file, PUT file, MKCOL document, PUT document',
      'create with a large file': 'PROPFIND file, PUT file, MKCOL document, PUT document',
      'create with a file of just a part': 'PROPFIND file, PUT file, MKCOL document, PUT document',
      'create with an empty file': 'PROPFIND file, PUT file, MKCOL document, PUT document',
      'create with a stream': 'PROPFIND file, PUT file, MKCOL document, PUT document',
      'create with a small file that is there': 'PROPFIND file, MKCOL document, PUT document',
      'create with a large file that is there': 'PROPFIND file, MKCOL document, PUT document',
      'create with an embedded file': 'MKCOL document, PUT document',
      'update that inherits': 'PROPFIND document, GET document, PUT document',
      'update that adds one':
        'PROPFIND document, 2 GET document, PROPFIND file, PUT file, PROPFIND document, 2 GET document, PUT document',
      'get the document': 'GET document',
      'read by the text': 'GET file',
      'read by the key': 'GET document, GET file',
      save: 'GET file',
      verify: 'PROPFIND file',
      'verify with contents': 'GET file',
    });
  });
});
