'use strict';

const { once } = require('node:events');
const { filesUnder } = require('../support/folder.js');
const { run } = require('../support/run.js');
const { lines, start, withAgent } = require('./support.js');
const { NOTE, TRANSFERRED, staged } = require('./staged.js');

const WITHOUT_PASSWORD = { JACS_PRIVATE_KEY_PASSWORD: undefined };
const WATCH = ['mirror', 'to.json', '--watch-interval', '1'];

test('what the call is given', async () => {
  const workspace = await withAgent();
  const { env, calls } = staged(workspace, { result: { ...TRANSFERRED, removed: 2 } });
  await workspace.done(['mirror', 'to.json'], { env });
  const all = ['--deep', '--remove-missing', '--keep-invalid', '--checkpoint', 'mine'];
  expect(await workspace.done(['mirror', 'to.json', ...all], { env })).toMatch(/^removed\t2 objects$/m);
  expect(calls()).toMatchObject([
    ['mirror', 'to.json', { sign: false }],
    ['mirror', 'to.json', { deep: true, removeMissing: true, keepInvalid: true, checkpoint: 'mine' }],
  ]);
});

test.each([
  ['no target', ['mirror']],
  ['an interval of nothing', ['mirror', 'to.json', '--watch-interval', '0']],
  ['an interval longer than timers run', ['mirror', 'to.json', '--watch-interval', '2147484']],
  ['to watch without doing anything', [...WATCH, '--dry-run']],
  ['to sign again and again', [...WATCH, '--sign', 'x']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

describe('again and again', () => {
  /** Runs up to the `count`th line on standard output, then Ctrl-C. */
  async function watched(args, plays, count) {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, ...plays);
    const { child, ended } = start(workspace, args, undefined, env);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    while (stdout.split('\n').length <= count) await once(child.stdout, 'data');
    child.kill('SIGINT');
    return { ...(await ended), stdout, calls: calls() };
  }

  const away = { error: { code: 'JACS_UNAVAILABLE', message: 'the server could not be asked', retryable: true } };

  test('one line a round; a storage that is away is told, and asked again; Ctrl-C ends with 130', async () => {
    const plays = [{ steps: [{ finding: NOTE }], result: TRANSFERRED }, away, { result: TRANSFERRED }];
    const { code, stdout, stderr, calls } = await watched(WATCH, plays, 2);
    expect(code).toBe(130);
    expect(calls).toHaveLength(3);
    expect(stdout).toMatch(
      /^(\d{4}-\d\d-\d\dT[\d:.]+Z\tcopied 3 objects, 4\.0 KiB; same 2; conflicts 0; failed 0\n){2}$/,
    );
    const told = stderr.split('\n');
    expect(told[0]).toMatch(/^note\tstray\t/);
    expect(told[1]).toMatch(/^jacs-agent: JACS_UNAVAILABLE: the server could not be asked; /);
    expect(told[2]).toBe('jacs-agent: JACS_ABORTED: interrupted between two rounds, after 3');
  });

  test('--json: an object a round, errors too', async () => {
    const { code, stdout, stderr } = await watched([...WATCH, '--json'], [away, { result: TRANSFERRED }], 2);
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const [failed, done, end] = lines(stdout);
    expect(failed).toMatchObject({ error: { code: 'JACS_UNAVAILABLE', retryable: true } });
    expect(done.report).toMatchObject({ copied: 3 });
    expect(end).toMatchObject({ error: { code: 'JACS_ABORTED' } });
  });

  test('what no further round can mend ends it', async () => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result: TRANSFERRED }, { error: { code: 'JACS_CONFIG', message: 'x' } });
    const { code, stderr } = await workspace.run(WATCH, { env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'jacs-agent: JACS_CONFIG: x\n' });
    expect(calls()).toHaveLength(2);
  });

  test('Ctrl-C in the midst of a round', async () => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: [{ finding: NOTE }, { until: 'abort' }] });
    const { child, ended } = start(workspace, WATCH, undefined, env);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /\njacs-agent: JACS_ABORTED: interrupted: 0 objects are done; what is there stays; for the rest: jacs-agent mirror to\.json --watch-interval 1\n$/,
    );
  });
});

async function withTarget() {
  const workspace = await withAgent();
  const document = await workspace.create();
  workspace.write('to.json', { jacs_default_storage: 'fs', jacs_data_directory: './to' });
  return { workspace, document };
}

describe('for real', () => {
  test('what is new is copied, without a password; the mirror opens', async () => {
    const { workspace } = await withTarget();
    expect(await workspace.done(['mirror', 'to.json'], { env: WITHOUT_PASSWORD })).toMatch(/^copied\t2 objects/);
    await workspace.create();
    const text = await workspace.done(['mirror', 'to.json', '--deep']);
    expect(text).toMatch(/^copied\t1 object, .*\nsame\t2 objects\n[^]*root\t[0-9a-f]{64} on both sides\n$/);
    const { code, stdout } = await run('diff', ['-r', workspace.path('jacs_data'), workspace.path('to')]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  test('what was removed is kept, unless --remove-missing', async () => {
    const { workspace, document } = await withTarget();
    await workspace.create();
    await workspace.done(['mirror', 'to.json']);
    await workspace.done(['remove', document.key, '--yes', '--json']);
    const documents = () => filesUnder(workspace.path('to', 'documents'));
    await workspace.done(['mirror', 'to.json']);
    expect(documents()).toHaveLength(2);
    expect(await workspace.done(['mirror', 'to.json', '--remove-missing'])).toMatch(/^removed\t1 object$/m);
    expect(documents()).toHaveLength(1);
  });

  test('--watch-interval copies what is made meanwhile', async () => {
    const { workspace } = await withTarget();
    const { child, ended } = start(workspace, [...WATCH, '--json']);
    const rounds = [];
    const round = async () => rounds.push(...lines(String((await once(child.stdout, 'data'))[0])));
    await round();
    await workspace.create({ made: 'meanwhile' });
    while (rounds.every(({ report }) => report.same < 2 || report.copied === 0)) await round();
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stderr: '' });
    expect(filesUnder(workspace.path('to', 'documents'))).toHaveLength(2);
  });

  test('into itself is refused', async () => {
    const { workspace } = await withTarget();
    await workspace.refused(['mirror', 'jacs.config.json'], 'JACS_CONFIG');
    await workspace.refused(['mirror', 'none.json'], 'JACS_CONFIG');
  });
});
