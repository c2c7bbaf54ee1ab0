'use strict';

const fs = require('node:fs');
const { NOWHERE, parsed, withAgent } = require('./support.js');

const WITHOUT_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

test('a valid document by file, standard input and key, without a password', async () => {
  const workspace = await withAgent();
  const { key, jacsId, text, jacsSignature } = await workspace.create();
  workspace.write('document.json', text);
  for (const [args, input] of [[['document.json']], [['-'], text], [[], text], [[key]], [[jacsId]]]) {
    const report = JSON.parse(await workspace.done(['verify', '--json', ...args], { input, ...WITHOUT_PASSWORD }));
    expect(report).toMatchObject({ valid: true, key, agentId: jacsSignature.agentID });
  }
  const lines = await workspace.done(['verify', key], WITHOUT_PASSWORD);
  expect(lines).toMatch(/^valid\tyes\n/);
  expect(lines).toContain(`signer\t${jacsSignature.agentID}:${jacsSignature.agentVersion}\n`);
  expect(lines).toContain('key source\tself\n');
});

test('an invalid one: exit code 1, and the check that failed', async () => {
  const workspace = await withAgent();
  const { text } = await workspace.create();
  const input = text.replace('My document', 'My documenX');
  const human = await workspace.run(['verify', '-'], { input });
  expect(human).toMatchObject({ code: 1, stderr: '' });
  expect(human.stdout).toMatch(/^valid\tno: JACS_HASH\n/);
  expect(human.stdout).toMatch(/^check\t.*FAILED/m);
  const machine = await workspace.run(['verify', '-', '--json'], { input });
  expect(machine).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(machine.stdout)).toMatchObject({ valid: false, code: 'JACS_HASH' });
});

test('a stored one that was changed', async () => {
  const workspace = await withAgent();
  const document = await workspace.create();
  fs.appendFileSync(workspace.path(workspace.stored(document)), ' {}');
  const { code, stdout } = await workspace.run(['verify', document.key, '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ valid: false, code: 'JACS_HASH' });
});

test('--signed-by', async () => {
  const workspace = await withAgent();
  const { key, jacsSignature } = await workspace.create();
  await workspace.done(['verify', key, '--signed-by', jacsSignature.agentID]);
  const { code, stdout } = await workspace.run(['verify', key, '--signed-by', NOWHERE]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^valid\tno: JACS_UNTRUSTED\n/) });
});

test('a file that holds only a key is no document, whatever is stored under that key', async () => {
  const workspace = await withAgent();
  const { key } = await workspace.create();
  for (const input of [key, ` ${key}`, `\ufeff${key}\n`, `"${key}"`, '[]', '']) {
    await workspace.refused(['verify', '-'], 'JACS_INPUT', { input });
  }
});

test('a name cannot reach standard error or the report as control characters', async () => {
  const workspace = await withAgent();
  const { stderr } = await workspace.run(['verify', 'no\u001b[31m\nsuch file']);
  expect(stderr).toBe(
    'jacs-agent: JACS_INPUT: the file cannot be read: ' +
      "ENOENT: no such file or directory, open 'no\\u001b[31m [path: no\\u001b[31m\\u000asuch file]\n",
  );
});

test('what is not there', async () => {
  const workspace = await withAgent();
  await workspace.refused(['verify', NOWHERE], 'JACS_NOT_FOUND');
  await workspace.refused(['verify', 'none.json'], 'JACS_INPUT');
});

test('--contents reads stored attachments, and referenced ones from --base-directory', async () => {
  const workspace = await withAgent();
  workspace.write('stored.txt', 'in the storage');
  workspace.write('referenced.txt', 'where it was');
  const first = parsed(await workspace.done(['create', '-', '--attach', 'stored.txt'], { input: '{}' }));
  const args = ['update', first.key, '-', '--attach', 'referenced.txt', '--reference'];
  const { key, jacsFilesStored } = parsed(await workspace.done(args, { input: '{}' }));
  const verdict = async (...more) => {
    const { code, stdout } = await workspace.run(['verify', key, ...more]);
    return [code, ...[...stdout.matchAll(/^attachment\t(.*)$/gm)].map(([, line]) => line)];
  };
  const present = 'stored.txt: present (in the storage)';
  const right = 'stored.txt: ok (in the storage)';
  expect(await verdict()).toEqual([0, present, 'referenced.txt: present (referenced)']);
  expect(await verdict('--contents')).toEqual([0, right, 'referenced.txt: ok (referenced)']);

  fs.mkdirSync(workspace.path('moved'));
  fs.renameSync(workspace.path('referenced.txt'), workspace.path('moved', 'referenced.txt'));
  expect(await verdict()).toEqual([0, present, 'referenced.txt: absent (referenced)']);
  expect(await verdict('--contents')).toEqual([1, right, 'referenced.txt: absent (referenced)']);
  const moved = ['--contents', '--base-directory', 'moved'];
  expect(await verdict(...moved)).toEqual([0, right, 'referenced.txt: ok (referenced)']);

  const file = workspace.path('jacs_data', 'files', jacsFilesStored[0]);
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, 'in the starage');
  expect(await verdict()).toEqual([0, present, 'referenced.txt: absent (referenced)']);
  expect(await verdict(...moved)).toEqual([
    1,
    'stored.txt: FAILED (in the storage)',
    'referenced.txt: ok (referenced)',
  ]);
  fs.rmSync(file);
  expect(await verdict()).toEqual([1, 'stored.txt: absent (in the storage)', 'referenced.txt: absent (referenced)']);
});

test('wrong use', async () => {
  await (await withAgent()).misused(['verify', 'a', 'b']);
});
