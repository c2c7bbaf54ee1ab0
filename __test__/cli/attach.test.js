'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { filesUnder } = require('../support/folder.js');
const { parsed, withAgent } = require('./support.js');

const REPORT = Buffer.from('%PDF-1.7\nMonthly Report\n');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const EMPTY = { input: '{}' };

/** A workspace with `report.pdf`, and a folder `terms` of two files. */
async function withFiles() {
  const workspace = await withAgent();
  workspace.write('report.pdf', REPORT);
  fs.mkdirSync(workspace.path('terms'));
  workspace.write('terms/b.txt', 'second');
  workspace.write('terms/a.txt', 'first');
  return workspace;
}

const attached = async (workspace, ...args) => parsed(await workspace.done(['create', '-', ...args], EMPTY));

/** What is in the data directory, but for agents. */
function inStorage(workspace) {
  const data = workspace.path('jacs_data');
  return fs.existsSync(data) ? filesUnder(data).filter((name) => !name.startsWith('agents/')) : [];
}

const stored = (workspace) => inStorage(workspace).filter((name) => name.startsWith('files/'));

test('--attach: the bytes go to the storage, path and hash into the document', async () => {
  const workspace = await withFiles();
  const document = await attached(workspace, '--attach', 'report.pdf');
  const hash = sha256(REPORT);
  expect(document.jacsFiles).toEqual([{ mimetype: 'application/pdf', path: 'report.pdf', embed: false, sha256: hash }]);
  expect(document.jacsFilesStored).toEqual([hash]);
  expect(fs.readFileSync(workspace.path('jacs_data', 'files', hash))).toEqual(REPORT);
});

test('--embed: the bytes go into the document', async () => {
  const workspace = await withFiles();
  const { jacsFiles, jacsFilesStored } = await attached(workspace, '--attach', 'report.pdf', '--embed');
  expect(jacsFiles).toMatchObject([{ embed: true, contents: REPORT.toString('base64'), sha256: sha256(REPORT) }]);
  expect(jacsFilesStored).toBeUndefined();
  expect(stored(workspace)).toEqual([]);
});

test('--attachment-form jacs: hash of the text, as that package has it', async () => {
  const workspace = await withFiles();
  const args = ['--attach', 'report.pdf', '--embed', '--attachment-form', 'jacs'];
  const [{ contents, sha256: hash }] = (await attached(workspace, ...args)).jacsFiles;
  expect(hash).toBe(sha256(contents));
});

test('--reference: path and hash alone', async () => {
  const workspace = await withFiles();
  const { jacsFiles, jacsFilesStored } = await attached(workspace, '--attach', './report.pdf', '--reference');
  expect(jacsFiles).toMatchObject([{ path: 'report.pdf', embed: false, sha256: sha256(REPORT) }]);
  expect(jacsFiles[0]).not.toHaveProperty('contents');
  expect(jacsFilesStored).toBeUndefined();
  expect(stored(workspace)).toEqual([]);
});

test('several, and folders, in the order of the options', async () => {
  const workspace = await withFiles();
  const { jacsFiles } = await attached(workspace, '--attach', 'terms', '--attach', 'report.pdf');
  expect(jacsFiles.map(({ path }) => path)).toEqual(['terms/a.txt', 'terms/b.txt', 'report.pdf']);
  expect(stored(workspace)).toHaveLength(3);
});

test('update keeps what is there, adds, and replaces under the same path', async () => {
  const workspace = await withFiles();
  const first = await attached(workspace, '--attach', 'terms');
  workspace.write('terms/b.txt', 'changed');
  const args = ['update', first.key, '-', '--attach', 'report.pdf', '--attach', 'terms/b.txt', '--embed'];
  const { jacsFiles } = parsed(await workspace.done(args, EMPTY));
  const found = Object.fromEntries(jacsFiles.map((file) => [file.path, [file.embed, file.sha256]]));
  expect(found).toEqual({
    'terms/a.txt': [false, sha256('first')],
    'terms/b.txt': [true, sha256('changed')],
    'report.pdf': [true, sha256(REPORT)],
  });
});

test('a file that is missing: nothing is stored, and the file is named', async () => {
  const workspace = await withFiles();
  const args = ['create', '-', '--attach', 'report.pdf', '--attach', 'none.pdf'];
  const error = await workspace.refused(args, 'JACS_ATTACHMENT', EMPTY);
  expect(error.path).toMatch(/none\.pdf$/);
  expect(inStorage(workspace)).toEqual(stored(workspace));
});

test('--no-save has nowhere to put the bytes, unless they are embedded', async () => {
  const workspace = await withFiles();
  const args = ['create', '-', '--no-save', '--attach', 'report.pdf'];
  await workspace.refused(args, 'JACS_INPUT', EMPTY);
  await workspace.done([...args, '--embed'], EMPTY);
  expect(stored(workspace)).toEqual([]);
});

test.each([
  ['--embed and --reference', ['--attach', 'report.pdf', '--embed', '--reference']],
  ['--embed alone', ['--embed']],
  ['--reference alone', ['--reference']],
  ['--attachment-form alone', ['--attachment-form', 'jacs']],
  ['an unknown form', ['--attach', 'report.pdf', '--embed', '--attachment-form', 'zip']],
  ['standard input as an attachment', ['--attach', '-']],
  ['--attach without a path', ['--attach']],
])('wrong use: %s', async (_, args) => {
  const workspace = await withFiles();
  await workspace.misused(['create', '-', ...args], EMPTY);
  await workspace.misused(['update', 'x', '-', ...args], EMPTY);
});

test('wrong use: --attach for several documents', async () => {
  await (await withFiles()).misused(['create', 'a', 'b', '--attach', 'report.pdf']);
});
