'use strict';

const fs = require('node:fs');
const { filesUnder } = require('../support/folder.js');
const { PASSWORD, Workspace, withAgent } = require('./support.js');
const { CTRL_C, describeTerminal, onTerminal } = require('./terminal.js');

const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACE = '\u007f';

describeTerminal('on a terminal', () => {
  test('init asks twice and shows nothing of what is typed', async () => {
    const workspace = new Workspace();
    const steps = [
      ['Password for the new key: ', `${PASSWORD}\r`],
      ['Password for the new key, again: ', `${PASSWORD}\r`],
    ];
    const { code, transcript } = await onTerminal(workspace, ['init'], steps);
    expect(code).toBe(0);
    expect(transcript).not.toContain('horse');
    await workspace.create();
  });

  test('init refuses two different passwords and makes nothing', async () => {
    const workspace = new Workspace();
    const steps = [
      ['key: ', `${PASSWORD}\r`],
      ['again: ', `${PASSWORD}x\r`],
    ];
    const { code, transcript } = await onTerminal(workspace, ['init'], steps);
    expect(code).toBe(1);
    expect(transcript).toContain('JACS_PASSWORD: the two passwords differ');
    expect(filesUnder(workspace.folder)).toEqual([]);
  });

  test('both answers may be pasted at once', async () => {
    const workspace = new Workspace();
    const { code } = await onTerminal(workspace, ['init'], [['key: ', `${PASSWORD}\r${PASSWORD}\r`]]);
    expect(code).toBe(0);
    await workspace.create();
  });

  test('backspace takes one character, Ctrl-U all', async () => {
    const workspace = await withAgent();
    workspace.write('in.json', {});
    const typed = `nonsense${CTRL_U}x${BACKSPACE}${BACKSPACE}${PASSWORD}é🔑${BACKSPACE}${BACKSPACE}\r`;
    const { code, transcript } = await onTerminal(workspace, ['create', 'in.json'], [['Password: ', typed]]);
    expect({ code, transcript }).toMatchObject({ code: 0, transcript: expect.stringContaining('"jacsSignature"') });
  });

  test('a wrong password is refused', async () => {
    const workspace = await withAgent();
    workspace.write('in.json', {});
    const { code, transcript } = await onTerminal(workspace, ['create', 'in.json'], [['Password: ', 'wrong\r']]);
    expect({ code, transcript }).toMatchObject({ code: 1, transcript: expect.stringContaining('JACS_PASSWORD: ') });
  });

  test('Ctrl-C at the question interrupts, Ctrl-D gives none', async () => {
    const workspace = await withAgent();
    workspace.write('in.json', {});
    const interrupted = await onTerminal(workspace, ['create', 'in.json'], [['Password: ', `half${CTRL_C}`]]);
    expect(interrupted.code).toBe(130);
    const ended = await onTerminal(workspace, ['create', 'in.json'], [['Password: ', CTRL_D]]);
    expect(ended.code).toBe(1);
    expect(ended.transcript).toContain('JACS_PASSWORD: no password was typed');
  });

  test('the password, then the document, from the same terminal', async () => {
    const workspace = await withAgent();
    const steps = [
      ['Password: ', `${PASSWORD}\r`],
      ['\n', `{"title":"typed"}\n${CTRL_D}`],
    ];
    const { code } = await onTerminal(workspace, ['create', '-', '--output', 'out.json'], steps);
    expect(code).toBe(0);
    expect(JSON.parse(workspace.read('out.json')).title).toBe('typed');
  });

  test('a document that nobody named is not waited for', async () => {
    const workspace = await withAgent();
    for (const args of [['create'], ['update', 'x'], ['save'], ['verify'], ['inspect']]) {
      expect((await onTerminal(workspace, args)).code).toBe(2);
    }
  });

  test('nothing is asked where the configuration is missing already', async () => {
    const { code, transcript } = await onTerminal(new Workspace(), ['create', '-']);
    expect({ code, transcript }).toEqual({ code: 1, transcript: expect.stringMatching(/^jacs-agent: JACS_CONFIG: /) });
  });

  test('nothing is asked where the environment has a password', async () => {
    const workspace = await withAgent();
    const env = { JACS_PRIVATE_KEY_PASSWORD: 'wrong horse 1' };
    const { code, transcript } = await onTerminal(workspace, ['create', '-'], [], env);
    expect({ code, transcript }).toEqual({
      code: 1,
      transcript: expect.stringMatching(/^jacs-agent: JACS_PASSWORD: /),
    });
  });

  test('change-password asks for the present one, then twice for the new one', async () => {
    const workspace = await withAgent();
    const steps = [
      ['Password: ', `${PASSWORD}\r`],
      ['New password: ', 'better horse 2\r'],
      ['New password, again: ', 'better horse 2\r'],
    ];
    const { code, transcript } = await onTerminal(workspace, ['change-password'], steps);
    expect({ code, transcript }).toMatchObject({ code: 0, transcript: expect.not.stringContaining('horse') });
    await workspace.done(['create', '-'], { input: '{}', env: { JACS_PRIVATE_KEY_PASSWORD: 'better horse 2' } });
  });

  test.each([
    ['y\n', 0],
    ['yes\n', 0],
    ['n\n', 1],
    ['\n', 1],
    [CTRL_D, 1],
    [CTRL_C, 130],
  ])('remove asks first: %j is exit code %d', async (answer, expected) => {
    const workspace = await withAgent();
    const document = await workspace.create();
    const env = { JACS_PRIVATE_KEY_PASSWORD: PASSWORD };
    const steps = [[`Remove ${document.key}? [y/N] `, answer]];
    const { code } = await onTerminal(workspace, ['remove', document.key], steps, env);
    expect(code).toBe(expected);
    expect(fs.existsSync(workspace.path(workspace.stored(document)))).toBe(expected !== 0);
  });

  test('list is a table', async () => {
    const workspace = await withAgent();
    const { key, text } = await workspace.create();
    const { transcript } = await onTerminal(workspace, ['list']);
    const [head, row] = transcript.split('\r\n');
    expect(head).toMatch(/^KEY {70} {2} {5}BYTES {2}MODIFIED$/);
    expect(row.slice(0, 87)).toBe(`${key}  ${String(text.length - 1).padStart(10)}  `);
  });
});
