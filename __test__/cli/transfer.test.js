'use strict';
// What migrate, export, import, mirror and check have in common, over an agent that plays it.

const { once } = require('node:events');
const { lines, start, withAgent } = require('./support.js');
const { CHECKED, DAMAGE, NOTE, TRANSFERRED, staged } = require('./staged.js');

const VERBS = [
  ['migrate', ['migrate', '--from', 'a.json', '--to', 'b.json'], TRANSFERRED],
  ['export', ['export', 'out.tar.gz'], TRANSFERRED],
  ['import', ['import', 'in.tar.gz'], TRANSFERRED],
  ['mirror', ['mirror', 'b.json'], TRANSFERRED],
  ['check', ['check'], CHECKED],
];
const TRANSFERS = VERBS.slice(0, 4);
const FAILED = { ...TRANSFERRED, copied: 1, failed: 1, failures: [DAMAGE] };

describe.each(VERBS)('%s', (_, args, result) => {
  test('people read each finding on standard error as one line, and a summary on standard output', async () => {
    const workspace = await withAgent();
    const steps = [{ finding: NOTE }, { wait: 20 }, { finding: { ...DAMAGE, repaired: true } }];
    const { env } = staged(workspace, { steps, result });
    const { stdout, stderr } = await workspace.run(args, { env });
    expect(stderr.split('\n')).toEqual([
      'note\tstray\tx\\u000a\\u001b[31m\tno place for it',
      'damage\thash\tdocuments/a/b.json\tits hash is wrong (repaired)',
      '',
    ]);
    expect(stdout).toMatch(/^(copied\t3|checked\t5) objects, 4\.0 KiB\n/);
  });

  test('machines read lines of JSON: findings as they come, then the report without them', async () => {
    const workspace = await withAgent();
    const steps = [{ finding: NOTE }, { progress: { done: 1, bytes: 2, failed: 0 } }, { finding: DAMAGE }];
    const { env } = staged(workspace, { steps, result: { ...result, failures: [NOTE], findings: [DAMAGE] } });
    const { stdout, stderr } = await workspace.run([...args, '--json'], { env });
    expect(stderr).toBe('');
    const report = Object.entries(result).filter(([name]) => !['failures', 'findings'].includes(name));
    expect(lines(stdout)).toEqual([{ finding: NOTE }, { finding: DAMAGE }, { report: Object.fromEntries(report) }]);
  });

  test('what an interrupted call found is told by the one that goes on there, once', async () => {
    const workspace = await withAgent();
    const found = [DAMAGE, NOTE];
    const { env } = staged(workspace, {
      steps: [{ finding: NOTE }],
      result: { ...result, failures: found, findings: found },
    });
    const machine = await workspace.run([...args, '--json'], { env });
    expect(lines(machine.stdout).slice(0, -1)).toEqual([{ finding: NOTE }, { finding: DAMAGE }]);
    const human = await workspace.run(args, { env });
    expect(human.stderr).toMatch(/^note\t.*\ndamage\t.*\n$/);
  });

  test('Ctrl-C: told how far it is, and the command to go on with', async () => {
    const workspace = await withAgent();
    const steps = [
      { progress: { done: 420, total: 1000, bytes: 1, failed: 0 } },
      { finding: NOTE },
      { until: 'abort' },
    ];
    const { env } = staged(workspace, { steps });
    const { child, ended } = start(workspace, [...args, '--config', './jacs.config.json'], undefined, env);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    const [, told] = stderr.split('\n');
    expect(told).toMatch(/^jacs-agent: JACS_ABORTED: interrupted: 420 of 1000 objects are done; /);
    expect(told).toContain(`: jacs-agent ${args.join(' ')} --config ./jacs.config.json`);
  });

  test('a storage that is away: the error, and the command to go on with', async () => {
    const workspace = await withAgent();
    const error = { code: 'JACS_UNAVAILABLE', message: 'the server could not be asked', retryable: true };
    const { env } = staged(workspace, { error });
    const { message } = await workspace.refused(args, 'JACS_UNAVAILABLE', { env });
    expect(message).toMatch(/^the server could not be asked; .*: jacs-agent /);
    const { env: other } = staged(workspace, { error: { ...error, code: 'JACS_CONFIG', retryable: false } });
    expect((await workspace.refused(args, 'JACS_CONFIG', { env: other })).message).toBe(error.message);
  });

  test('the call hears of Ctrl-C, of progress and of findings', async () => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result });
    await workspace.done(args, { env });
    const [[, ...given]] = calls();
    expect(given.at(-1)).toMatchObject({ onFinding: 'function', onProgress: 'function', signal: {} });
  });
});

describe.each(TRANSFERS)('%s', (_, args) => {
  test.each([
    ['all is there', { result: TRANSFERRED }, 0],
    ['notes', { steps: [{ finding: NOTE }], result: TRANSFERRED }, 0],
    ['something failed', { steps: [{ finding: DAMAGE }], result: FAILED }, 1],
    ['a conflict', { result: { ...TRANSFERRED, conflicts: 1 } }, 1],
    ['damage that was copied', { steps: [{ finding: DAMAGE }], result: TRANSFERRED }, 1],
  ])('exit code: %s', async (__, play, expected) => {
    const workspace = await withAgent();
    const { env } = staged(workspace, play);
    for (const more of [[], ['--json']]) expect((await workspace.run([...args, ...more], { env })).code).toBe(expected);
  });

  test('the summary', async () => {
    const workspace = await withAgent();
    const root = { from: 'aa', to: 'aa' };
    const { env } = staged(workspace, { result: { ...TRANSFERRED, root } });
    const summary = 'copied\t3 objects, 4.0 KiB\nsame\t2 objects\nconflicts\t0 objects\nfailed\t0 objects\n';
    expect(await workspace.done(args, { env })).toBe(`${summary}root\taa on both sides\n`);
    staged(workspace, { result: { ...FAILED, root: { from: 'aa', to: 'bb' } } });
    const { stdout } = await workspace.run(args, { env });
    expect(stdout).toMatch(/^copied\t1 object, [^]*\nfailed\t1 object\nroot from\taa\nroot to\tbb\n$/);
  });

  test('--dry-run and --concurrency', async () => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result: TRANSFERRED });
    const text = await workspace.done([...args, '--dry-run', '--concurrency', '3'], { env });
    expect(text).toMatch(/^dry run\tnothing was written/);
    expect(calls()[0].at(-1)).toMatchObject({ dryRun: true, concurrency: 3, sign: false });
  });

  test('--sign writes a document to a new file, exactly its bytes, for nobody else to read', async () => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result: { ...TRANSFERRED, signed: '{"signed":true}' } });
    const text = await workspace.done([...args, '--sign', 'signed.json'], { env });
    expect(text).toMatch(/^signed\tsigned\.json\n/m);
    expect(calls()[0].at(-1)).toMatchObject({ sign: true });
    expect(workspace.read('signed.json')).toBe('{"signed":true}');
    expect(workspace.modeOf('signed.json')).toBe(0o600);
  });

  test('--sign never replaces a file, and is refused before anything is done', async () => {
    const workspace = await withAgent();
    workspace.write('signed.json', 'mine');
    const { env, calls } = staged(workspace, { result: TRANSFERRED });
    await workspace.refused([...args, '--sign', 'signed.json'], 'JACS_CONFLICT', { env });
    expect(workspace.read('signed.json')).toBe('mine');
    expect(calls).toThrow('ENOENT');
  });

  test('a signed document that cannot be written is handed over', async () => {
    const workspace = await withAgent();
    const signed = '{"signed":true}';
    const { env } = staged(workspace, { result: { ...TRANSFERRED, signed } });
    const human = await workspace.run([...args, '--sign', 'no/such/folder.json'], { env });
    expect(human).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${signed}\njacs-agent: JACS_UNAVAILABLE: `),
    });
    const machine = await workspace.run([...args, '--sign', 'no/such/folder.json', '--json'], { env });
    expect(lines(machine.stdout)).toMatchObject([{ report: { signed } }, { error: { code: 'JACS_UNAVAILABLE' } }]);
  });

  test.each([
    ['a number that is none', ['--concurrency', 'x']],
    ['a dry run that is signed', ['--dry-run', '--sign', 'signed.json']],
  ])('wrong use: %s', async (__, more) => {
    await (await withAgent()).misused([...args, ...more]);
  });
});
