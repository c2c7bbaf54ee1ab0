'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { root } = require('../support/addon.js');
const { filesUnder } = require('../support/folder.js');
const { PASSWORD, start, withAgent } = require('./support.js');
const { CTRL_C, describeTerminal, onTerminal } = require('./terminal.js');

const GIB = 2 ** 30;
const BAR = /\[=*-*\] \d+% {2}[\d.]+ (B|KiB|MiB) of 30\.0 MiB {2}[\d.]+ MiB\/s {2}0:\d\d left {2}\d of 3 files/;
const PASSWORD_GIVEN = { JACS_PRIVATE_KEY_PASSWORD: PASSWORD };

/** The environment in which an agent takes its time: `steps` of 100 ms, each a mebibyte of thirty. */
function withSlowAgent(workspace, steps, { sized = true } = {}) {
  const slow = `
    const { Agent } = require(${JSON.stringify(path.join(root, 'index.js'))});
    const work = async (answer, { onProgress }) => {
      for (let step = 1; step <= ${steps}; step++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        onProgress({ done: Math.floor(step / 10), total: 3, bytes: step << 20, ${sized ? 'totalBytes: 30 << 20,' : ''} failed: 0 });
      }
      return answer;
    };
    Agent.prototype.createDocument = (text, options) => work('{"made":true}', options);
    Agent.prototype.updateDocument = (key, text, options) => work('{"made":true}', options);
    Agent.prototype.saveAttachments = (key, directory, options) => work(['/out/a'], options);`;
  workspace.write('slow.js', slow);
  workspace.write('in.json', '{}');
  return { ...PASSWORD_GIVEN, NODE_OPTIONS: `--require ${JSON.stringify(workspace.path('slow.js'))}` };
}

const VERBS = [
  ['create', ['create', 'in.json', '--attach', 'x'], '{"made":true}'],
  ['update', ['update', 'x', 'in.json', '--attach', 'x'], '{"made":true}'],
  ['attachments save', ['attachments', 'save', 'in.json', 'out'], '/out/a'],
];

describeTerminal('a bar on a terminal', () => {
  test.each(VERBS)('%s: amount, rate, time that is left; at the end it is gone', async (_, args, answer) => {
    const workspace = await withAgent();
    const { code, transcript } = await onTerminal(workspace, args, [], withSlowAgent(workspace, 12));
    expect(code).toBe(0);
    expect(transcript).toMatch(BAR);
    // The last thing before the answer is a line that was cleared.
    expect(transcript.endsWith(`\u001b[1G\u001b[2K${answer}\r\n`)).toBe(true);
  });

  test('without a size: amount and rate', async () => {
    const workspace = await withAgent();
    const env = withSlowAgent(workspace, 12, { sized: false });
    const { transcript } = await onTerminal(workspace, VERBS[0][1], [], env);
    expect(transcript).toMatch(/[\d.]+ MiB {2}[\d.]+ MiB\/s {2}\d of 3 files/);
    expect(transcript).not.toMatch(/%|left/);
  });

  test('none for what takes no time', async () => {
    const workspace = await withAgent();
    const { transcript } = await onTerminal(workspace, VERBS[0][1], [], withSlowAgent(workspace, 0));
    expect(transcript).toBe('{"made":true}\r\n');
  });

  test('none where the terminal has no cursor to move', async () => {
    const workspace = await withAgent();
    const env = { ...withSlowAgent(workspace, 8), TERM: 'dumb' };
    const { transcript } = await onTerminal(workspace, VERBS[0][1], [], env);
    expect(transcript).toBe('{"made":true}\r\n');
  });

  test('Ctrl-C takes it away, and stops: nothing was made', async () => {
    const workspace = await withAgent();
    fs.truncateSync(workspace.path(workspace.write('huge.bin', '')), 16 * GIB);
    workspace.write('in.json', '{}');
    const args = ['create', 'in.json', '--attach', 'huge.bin', '--reference'];
    const { code, transcript } = await onTerminal(workspace, args, [['of 16.0 GiB', CTRL_C]], PASSWORD_GIVEN);
    expect(code).toBe(130);
    expect(transcript).toMatch(/jacs-agent: JACS_ABORTED: interrupted: no document was signed or stored.*\r\n$/);
    expect(await workspace.done(['list'])).toBe('');
  });
});

test.each(VERBS)('%s shows nothing where standard error is no terminal', async (_, args, answer) => {
  const workspace = await withAgent();
  const env = withSlowAgent(workspace, 8);
  expect(await workspace.done(args, { env })).toBe(`${answer}\n`);
});

test('Ctrl-C in the midst of many: no document, no half file, and what is in the storage is said', async () => {
  const workspace = await withAgent();
  workspace.write('in.json', '{}');
  workspace.write('small.txt', 'small');
  fs.truncateSync(workspace.path(workspace.write('huge.bin', '')), 3 * GIB);
  const args = ['create', 'in.json', '--attach', 'small.txt', '--attach', 'huge.bin'];
  const { child, ended } = start(workspace, args);
  const files = () => under(workspace, 'jacs_data').filter((name) => !name.startsWith('agents/'));
  while (files().length === 0 && child.exitCode === null) await sleep(20);
  await sleep(200);
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(
    /^jacs-agent: JACS_ABORTED: .*no document was signed; of its attachments at least 1 of 2 are in the storage\n$/,
  );
  expect(files()).toEqual([expect.stringMatching(/^files\/[0-9a-f]{64}$/)]);
});

test('Ctrl-C while attachments are saved: none of them is there', async () => {
  const workspace = await withAgent();
  workspace.write('in.json', '{}');
  for (const name of ['small.bin', 'huge.bin']) workspace.write(name, 'as it was');
  const args = ['create', 'in.json', '--attach', 'small.bin', '--attach', 'huge.bin', '--reference'];
  workspace.write('document.json', await workspace.done(args));
  // That it is another by now is seen only at its end.
  fs.truncateSync(workspace.path('huge.bin'), 8 * GIB);
  const { child, ended } = start(workspace, ['attachments', 'save', 'document.json', 'out']);
  while (!fs.existsSync(workspace.path('out')) && child.exitCode === null) await sleep(20);
  await sleep(200);
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: 'jacs-agent: JACS_ABORTED: interrupted: no file was written\n',
  });
  expect(under(workspace, 'out')).toEqual([]);
});

function under(workspace, name) {
  const folder = workspace.path(name);
  return fs.existsSync(folder) ? filesUnder(folder) : [];
}
