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
const ZIP = Buffer.from('504b0304140000000000', 'hex');
const OTHER = 'application/octet-stream';

const TYPES = [
  ['report.pdf', PDF, 'application/pdf'],
  ['picture.png', PNG, 'image/png'],
  // The content knows better than the name.
  ['picture.txt', PNG, 'image/png'],
  ['no-extension', JPEG, 'image/jpeg'],
  ['archive', gzipSync('x'), 'application/gzip'],
  // Of a file that holds others the name says more.
  ['table.xlsx', ZIP, 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['archive.zip', ZIP, 'application/zip'],
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

/** The type of bytes and of a stream, stored and embedded. */
async function typesOf(name, bytes, contentsOf) {
  const types = [];
  for (const embed of [undefined, true]) {
    const attachments = { path: name, contents: contentsOf(Buffer.from(bytes)) };
    types.push(entriesOf(await agent.createDocument({}, { attachments, embed }))[0].mimetype);
  }
  return types;
}

/** What the type is found by comes in several pieces. */
async function* byteByByte(bytes) {
  for (const byte of bytes) yield Uint8Array.of(byte);
}

test.each(TYPES)('of bytes: %s', async (name, bytes, expected) => {
  expect(await typesOf(name, bytes, (buffer) => buffer)).toEqual([expected, expected]);
});

test.each(TYPES.filter(([, bytes]) => bytes.length > 0))('of a stream: %s', async (name, bytes, expected) => {
  expect(await typesOf(name, bytes, byteByByte)).toEqual([expected, expected]);
});

test.each(TYPES.filter(([, bytes]) => bytes.length === 0))('of an empty stream: %s', async (name, bytes, expected) => {
  expect(await typesOf(name, bytes, byteByByte)).toEqual([expected, expected]);
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
