'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { filesUnder } = require('../support/folder.js');
const { NOWHERE, lines, parsed, withAgent } = require('./support.js');

const WITHOUT_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const FILES = { 'stored.txt': 'in the storage', 'embedded.txt': 'in the document', 'referenced.txt': 'where it was' };

let template;

/** A workspace with a document whose three files are kept in the three ways; a copy of one that is made once. */
async function withThree() {
  template ??= made();
  const { workspace: original, document } = await template;
  const workspace = await withAgent();
  fs.cpSync(original.folder, workspace.folder, { recursive: true });
  const inStore = workspace.path('jacs_data', 'files', sha256(FILES['stored.txt']));
  return { workspace, document, inStore };
}

async function made() {
  const workspace = await withAgent();
  for (const [name, text] of Object.entries(FILES)) workspace.write(name, text);
  const attach = async (args, input = '{}') => parsed(await workspace.done([...args], { input }));
  const first = await attach(['create', '-', '--attach', 'stored.txt']);
  const second = await attach(['update', first.key, '-', '--attach', 'embedded.txt', '--embed']);
  const document = await attach(['update', second.key, '-', '--attach', 'referenced.txt', '--reference']);
  workspace.write('document.json', document.text);
  return { workspace, document };
}

describe('list', () => {
  test('what, where, and whether it is there; by key, id, file and standard input, without a password', async () => {
    const { workspace, document } = await withThree();
    const line = (name, bytes, where, state) => [name, bytes, 'text/plain', sha256(FILES[name]), where, state];
    const expected = [
      line('stored.txt', '-', 'store', 'present'),
      line('embedded.txt', '15', 'document', 'ok'),
      line('referenced.txt', '-', 'reference', 'present'),
    ];
    for (const [subject, input] of [[document.key], [document.jacsId], ['document.json'], ['-', document.text]]) {
      const text = await workspace.done(['attachments', 'list', subject], { input, ...WITHOUT_PASSWORD });
      expect(text).toBe(expected.map((cells) => `${cells.join('\t')}\n`).join(''));
    }
  });

  test('--json: one a line', async () => {
    const { workspace, document } = await withThree();
    const found = lines(await workspace.done(['attachments', 'list', document.key, '--json']));
    expect(found.map(({ path: name }) => name)).toEqual(Object.keys(FILES));
    expect(found[1]).toEqual({
      path: 'embedded.txt',
      bytes: 15,
      mimetype: 'text/plain',
      sha256: sha256(FILES['embedded.txt']),
      where: 'document',
      present: true,
      ok: true,
    });
  });

  test('--contents reads all of them; a reference from where --base-directory says', async () => {
    const { workspace, document } = await withThree();
    const states = async (...args) => {
      const { code, stdout } = await workspace.run(['attachments', 'list', document.key, ...args]);
      return [code, ...stdout.split('\n').map((line) => line.split('\t').at(-1))].filter((cell) => cell !== '');
    };
    expect(await states('--contents')).toEqual([0, 'ok', 'ok', 'ok']);
    fs.mkdirSync(workspace.path('moved'));
    fs.renameSync(workspace.path('referenced.txt'), workspace.path('moved', 'referenced.txt'));
    expect(await states()).toEqual([0, 'present', 'ok', 'absent']);
    expect(await states('--contents')).toEqual([1, 'ok', 'ok', 'absent']);
    expect(await states('--contents', '--base-directory', 'moved')).toEqual([0, 'ok', 'ok', 'ok']);
    workspace.write('moved/referenced.txt', 'something else');
    expect(await states('--contents', '--base-directory', 'moved')).toEqual([1, 'ok', 'ok', 'FAILED']);
  });

  test('a stored one that is missing: told, and exit code 1', async () => {
    const { workspace, document, inStore } = await withThree();
    fs.rmSync(inStore);
    const { code, stdout, stderr } = await workspace.run(['attachments', 'list', document.key]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^stored\.txt\t.*\tabsent$/m);
  });

  test('bytes that an attacker wrote over a stored one are seen with --contents', async () => {
    const { workspace, document, inStore } = await withThree();
    fs.chmodSync(inStore, 0o600);
    fs.writeFileSync(inStore, 'in the starage');
    await workspace.done(['attachments', 'list', document.key]);
    const { code, stdout } = await workspace.run(['attachments', 'list', document.key, '--contents']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^stored\.txt\t.*\tFAILED$/m);
  });

  test('nothing for a document without attachments', async () => {
    const workspace = await withAgent();
    const { key } = await workspace.create();
    expect(await workspace.done(['attachments', 'list', key])).toBe('');
  });

  test('what nobody signed is not listed', async () => {
    const { workspace, document } = await withThree();
    const input = document.text.replace('stored.txt', 'stared.txt');
    await workspace.refused(['attachments', 'list', '-'], 'JACS_HASH', { input });
    await workspace.refused(['attachments', 'list', document.key, '--signed-by', NOWHERE], 'JACS_UNTRUSTED');
    await workspace.refused(['attachments', 'list', NOWHERE], 'JACS_NOT_FOUND');
    // Not even where it is the key of one that is stored.
    await workspace.refused(['attachments', 'list', '-'], 'JACS_INPUT', { input: document.key });
  });
});

describe('save', () => {
  test('writes all below the directory and prints where', async () => {
    const { workspace, document } = await withThree();
    for (const [subject, input] of [[document.key], ['document.json'], ['-', document.text]]) {
      const folder = `out-${subject.slice(0, 4)}`;
      const args = ['attachments', 'save', subject, folder];
      const text = await workspace.done(args, { input, ...WITHOUT_PASSWORD });
      expect(text.trimEnd().split('\n')).toEqual(Object.keys(FILES).map((name) => workspace.path(folder, name)));
      for (const [name, content] of Object.entries(FILES))
        expect(workspace.read(path.join(folder, name))).toBe(content);
    }
  });

  test('never over a file without --overwrite, and then nothing is written', async () => {
    const { workspace, document } = await withThree();
    fs.mkdirSync(workspace.path('out'));
    workspace.write('out/embedded.txt', 'mine');
    const args = ['attachments', 'save', document.key, 'out'];
    const error = await workspace.refused(args, 'JACS_CONFLICT');
    expect(error.path).toMatch(/embedded\.txt$/);
    expect(filesUnder(workspace.path('out'))).toEqual(['embedded.txt']);
    expect(workspace.read('out/embedded.txt')).toBe('mine');
    const { saved } = JSON.parse(await workspace.done([...args, '--overwrite', '--json']));
    expect(saved).toEqual(Object.keys(FILES).map((name) => workspace.path('out', name)));
    expect(workspace.read('out/embedded.txt')).toBe(FILES['embedded.txt']);
  });

  test('a reference comes from where --base-directory says; one that is missing is refused', async () => {
    const { workspace, document } = await withThree();
    fs.mkdirSync(workspace.path('moved'));
    fs.renameSync(workspace.path('referenced.txt'), workspace.path('moved', 'referenced.txt'));
    const args = ['attachments', 'save', document.key, 'out'];
    await workspace.refused(args, 'JACS_ATTACHMENT');
    expect(fs.existsSync(workspace.path('out')) ? filesUnder(workspace.path('out')) : []).toEqual([]);
    await workspace.done([...args, '--base-directory', 'moved']);
    expect(workspace.read('out/referenced.txt')).toBe(FILES['referenced.txt']);
  });

  test('a stored one that was cut short is refused, and nothing is written', async () => {
    const { workspace, document, inStore } = await withThree();
    fs.chmodSync(inStore, 0o600);
    fs.truncateSync(inStore, 3);
    await workspace.refused(['attachments', 'save', document.key, 'out'], 'JACS_ATTACHMENT');
    expect(fs.existsSync(workspace.path('out')) ? filesUnder(workspace.path('out')) : []).toEqual([]);
  });

  test('what is not signed by whom the caller names is refused', async () => {
    const { workspace, document } = await withThree();
    await workspace.refused(['attachments', 'save', document.key, 'out', '--signed-by', NOWHERE], 'JACS_UNTRUSTED');
    await workspace.refused(['attachments', 'save', NOWHERE, 'out'], 'JACS_NOT_FOUND');
  });
});

test.each([
  ['no verb', []],
  ['an unknown verb', ['show', 'x']],
  ['list of two', ['list', 'x', 'y']],
  ['save without a directory', ['save', 'x']],
  ['save --contents, which it does always', ['save', 'x', 'out', '--contents']],
])('wrong use: %s', async (_, args) => {
  const { code, stdout, stderr } = await (await withAgent()).run(['attachments', ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).not.toBe('');
});

test.each(['list', 'save'])('%s --help has examples and the global options', async (verb) => {
  const text = await (await withAgent()).done(['attachments', verb, '--help']);
  expect(text).toMatch(new RegExp(`Examples:\\n(.*\\n)*.*jacs-agent attachments ${verb}`));
  expect(text).toContain('--config <path>');
});
