'use strict';
// The type of an attachment: what was said, else by its content, else by the extension of its name.

const { gzipSync } = require('node:zlib');
const { newAgent } = require('../support/agents.js');
const { entriesOf, inNewFolder, written } = require('../support/attachments.js');

const here = inNewFolder();
let agent;

beforeAll(async () => {
  ({ agent } = await newAgent());
});

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
const PDF = Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1');
const JPEG = Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex');
const OTHER = 'application/octet-stream';

const TYPES = [
  ['report.pdf', PDF, 'application/pdf'],
  ['picture.png', PNG, 'image/png'],
  // The content knows better than the name.
  ['picture.txt', PNG, 'image/png'],
  ['no-extension', JPEG, 'image/jpeg'],
  ['archive.pdf', gzipSync('x'), 'application/gzip'],
  // Text has no marks: the name says what it is.
  ['notes.txt', 'some text', 'text/plain'],
  ['data.json', '{"a":1}', 'application/json'],
  ['DATA.JSON', '{"a":1}', 'application/json'],
  ['table.csv', 'a,b\n', 'text/csv'],
  ['empty.txt', '', 'text/plain'],
  ['a.b/unknown', 'text', OTHER],
  ['unknown.qqq', 'text', OTHER],
  ['.txt', 'x', OTHER],
  ['empty', '', OTHER],
];

describe.each([undefined, true, false])('embed %p', (embed) => {
  test.each(TYPES)('%s', async (name, bytes, expected) => {
    written(here.folder, { [name]: bytes });
    const [entry] = entriesOf(await agent.createDocument({}, { attachments: name, embed }));
    expect(entry.mimetype).toBe(expected);
  });
});

test.each(TYPES)('of bytes: %s', async (name, bytes, expected) => {
  async function* stream() {
    // One byte at a time: what the type is found by comes in several pieces.
    for (const byte of Buffer.from(bytes)) yield Uint8Array.of(byte);
  }
  for (const embed of [undefined, true]) {
    for (const contents of [Buffer.from(bytes), stream()]) {
      const [entry] = entriesOf(await agent.createDocument({}, { attachments: { path: name, contents }, embed }));
      expect(entry.mimetype).toBe(expected);
    }
  }
});

test('what is said counts, for each file of a folder too', async () => {
  written(here.folder, { 'f/1.png': PNG, 'f/2.txt': 'text' });
  const attachments = [
    { path: 'f', mimetype: 'application/x-own; v="1"' },
    { path: 'x', contents: PNG, mimetype: 'a/b' },
  ];
  for (const embed of [undefined, true]) {
    const entries = entriesOf(await agent.createDocument({}, { attachments, embed }));
    expect(entries.map((entry) => entry.mimetype)).toEqual([
      'application/x-own; v="1"',
      'application/x-own; v="1"',
      'a/b',
    ]);
  }
});
