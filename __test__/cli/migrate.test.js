'use strict';

const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { filesUnder } = require('../support/folder.js');
const { run } = require('../support/run.js');
const { PASSWORD, Workspace, lines, start, withAgent } = require('./support.js');
const { TRANSFERRED, staged } = require('./staged.js');
const { describeTerminal, onTerminal } = require('./terminal.js');

const MIGRATE = ['migrate', '--from', 'jacs.config.json', '--to', 'to.json'];
const CHECKPOINT = 'jacs-migrate.checkpoint';
const WITHOUT_PASSWORD = { JACS_PRIVATE_KEY_PASSWORD: undefined };

describe('what the call is given', () => {
  const given = async (args, more = {}) => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result: { ...TRANSFERRED, resigned: 2, signed: '{}' } });
    const stdout = await workspace.done([...MIGRATE, ...args], { env: { ...env, ...more } });
    return { options: calls()[0][1], stdout };
  };

  test('both configurations, and a checkpoint here', async () => {
    const { options } = await given([]);
    expect(options).toMatchObject({ from: 'jacs.config.json', to: 'to.json', checkpoint: `./${CHECKPOINT}` });
    expect(options.resign).toBeUndefined();
  });

  test.each([
    [['--checkpoint', 'mine'], 'mine'],
    [['--no-checkpoint'], undefined],
    [['--dry-run'], undefined],
    [['--dry-run', '--checkpoint', 'mine'], 'mine'],
  ])('%j: checkpoint %j', async (args, expected) => {
    expect((await given(args)).options.checkpoint).toBe(expected);
  });

  test('--keep-invalid, --resign and the password in a file', async () => {
    const workspace = new Workspace();
    const file = workspace.path(workspace.write('password', `${PASSWORD}\n`));
    const args = ['--keep-invalid', '--resign', '--password-file', file];
    const { options, stdout } = await given(args, WITHOUT_PASSWORD);
    expect(options).toMatchObject({ keepInvalid: true, resign: true, password: PASSWORD });
    expect(stdout).toMatch(/^signed again\t2$/m);
  });
});

test.each([
  ['no source', ['migrate', '--to', 'b']],
  ['no target', ['migrate', '--from', 'a']],
  ['an argument', [...MIGRATE, 'x']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

describeTerminal('on a terminal', () => {
  test('the password is asked for, and only where something is signed', async () => {
    const workspace = await withAgent();
    const refused = { error: { code: 'JACS_PASSWORD', message: 'no password' } };
    const { env, calls } = staged(workspace, refused, { result: { ...TRANSFERRED, resigned: 1 } });
    const steps = [['Password: ', `${PASSWORD}\r`]];
    const without = { ...env, ...WITHOUT_PASSWORD };
    const { code } = await onTerminal(workspace, [...MIGRATE, '--resign'], steps, without);
    expect(code).toBe(0);
    expect(calls().map(([, { password }]) => password)).toEqual([undefined, PASSWORD]);
    staged(workspace, refused);
    const unasked = await onTerminal(workspace, MIGRATE, [], without);
    expect(unasked).toMatchObject({ code: 1, transcript: expect.stringMatching(/^jacs-agent: JACS_PASSWORD: /) });
  });
});

/** A workspace with documents, and the configuration of an empty folder. */
async function withTarget(count = 3) {
  const workspace = await withAgent();
  const names = Array.from({ length: count }, (_, n) => workspace.write(`${n}.json`, { n }));
  const [first] = lines(await workspace.done(['create', ...names]));
  workspace.write('attached.txt', 'attached');
  await workspace.done(['update', `${first.jacsId}:${first.jacsVersion}`, '0.json', '--attach', 'attached.txt']);
  workspace.write('to.json', { jacs_default_storage: 'fs', jacs_data_directory: './to' });
  return { workspace, objects: filesUnder(workspace.path('jacs_data')).length };
}

const difference = (workspace) => run('diff', ['-r', workspace.path('jacs_data'), workspace.path('to')]);

describe('for real', () => {
  test('all arrives, byte for byte; a second time all is the same; the checkpoint is gone', async () => {
    const { workspace, objects } = await withTarget();
    const first = await workspace.done(MIGRATE, { env: WITHOUT_PASSWORD });
    expect(first).toMatch(new RegExp(`^copied\t${objects} objects, .*\nsame\t0 objects\n`));
    expect(first).toMatch(/\nroot\t[0-9a-f]{64} on both sides\n$/);
    expect(await difference(workspace)).toMatchObject({ code: 0, stdout: '' });
    expect(fs.existsSync(workspace.path(CHECKPOINT))).toBe(false);
    const [{ report }] = lines(await workspace.done([...MIGRATE, '--json']));
    expect(report).toMatchObject({ copied: 0, same: objects, conflicts: 0, failed: 0, bytes: 0, createOnce: 'atomic' });
  });

  test('--dry-run writes nothing', async () => {
    const { workspace, objects } = await withTarget();
    const before = filesUnder(workspace.folder);
    const [{ report }] = lines(await workspace.done([...MIGRATE, '--dry-run', '--json']));
    expect(report).toMatchObject({ copied: objects, failed: 0 });
    expect(filesUnder(workspace.folder)).toEqual(before);
  });

  test('a damaged document is told, not copied, and exit code 1; --keep-invalid copies it', async () => {
    const { workspace } = await withTarget();
    const [name] = filesUnder(workspace.path('jacs_data', 'documents'));
    const file = workspace.path('jacs_data', 'documents', name);
    const text = fs.readFileSync(file, 'utf8').replace(/"n":\d/, '"n":9');
    fs.rmSync(file);
    fs.writeFileSync(file, text, { mode: 0o600 });
    const { code, stdout, stderr } = await workspace.run(MIGRATE);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`damage\thash\tdocuments/${name}\t`) });
    expect(stdout).toMatch(/^failed\t1 object$/m);
    expect(fs.existsSync(workspace.path('to', 'documents', name))).toBe(false);
    const kept = await workspace.run([...MIGRATE, '--keep-invalid', '--no-checkpoint']);
    expect(kept).toMatchObject({ code: 1, stderr: expect.stringContaining('damage\thash') });
    expect(workspace.read(`to/documents/${name}`)).toBe(text);
  });

  test('interrupted, then the same command: it goes on, and nothing is missing', async () => {
    const { workspace } = await withTarget(300);
    const { child, ended } = start(workspace, [...MIGRATE, '--concurrency', '1']);
    const arrived = () => (fs.existsSync(workspace.path('to')) ? filesUnder(workspace.path('to')).length : 0);
    while (arrived() < 20 && child.exitCode === null) await sleep(5);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^jacs-agent: JACS_ABORTED: interrupted: \d+ (of \d+ )?objects? (is|are) done; to go on there: /,
    );
    expect(stderr).toContain(`: jacs-agent ${MIGRATE.join(' ')} --concurrency 1 [path: ${workspace.path(CHECKPOINT)}]`);
    await workspace.done(MIGRATE);
    expect(await difference(workspace)).toMatchObject({ code: 0, stdout: '' });
  });

  test('what another migration left is in the way, and it is said how to go round it', async () => {
    const { workspace } = await withTarget();
    const [name] = filesUnder(workspace.path('jacs_data', 'documents'));
    fs.truncateSync(workspace.path('jacs_data', 'documents', name), 100);
    expect((await workspace.run(MIGRATE)).code).toBe(1);
    workspace.write('other.json', { jacs_default_storage: 'fs', jacs_data_directory: './other' });
    const args = ['migrate', '--from', 'jacs.config.json', '--to', 'other.json'];
    const error = await workspace.refused(args, 'JACS_INPUT');
    expect(error).toMatchObject({ path: workspace.path(CHECKPOINT), message: expect.stringContaining('--checkpoint') });
    expect(fs.existsSync(workspace.path('other'))).toBe(false);
    expect((await workspace.run([...args, '--checkpoint', 'mine'])).code).toBe(1);
    expect(fs.existsSync(workspace.path('other'))).toBe(true);
  });

  test('--resign --sign: successors by the agent of the target, and a signed report', async () => {
    const { workspace } = await withTarget();
    const other = new Workspace();
    await other.done(['init']);
    const to = other.path('jacs.config.json');
    const args = ['migrate', '--from', 'jacs.config.json', '--to', to, '--resign', '--sign', 'report.json'];
    expect(await workspace.done(args)).toMatch(/^signed again\t3$/m);
    const keys = lines(await other.done(['list', '--json'])).map(({ key }) => key);
    const signers = await Promise.all(
      keys.map(async (key) => JSON.parse(await other.done(['get', key])).jacsSignature.agentID),
    );
    const { id } = JSON.parse(await other.done(['doctor', '--json'])).agent;
    expect(signers).toEqual([id, id, id]);
    await other.done(['verify', workspace.path('report.json'), '--signed-by', id]);
  });

  test('into itself, and without a configuration, is refused', async () => {
    const { workspace } = await withTarget();
    await workspace.refused(['migrate', '--from', 'jacs.config.json', '--to', 'jacs.config.json'], 'JACS_CONFIG');
    await workspace.refused(['migrate', '--from', 'jacs.config.json', '--to', 'none.json'], 'JACS_CONFIG');
  });
});
