'use strict';

const fs = require('node:fs');
const { filesUnder } = require('../support/folder.js');
const { run, succeed } = require('../support/run.js');
const { Workspace, lines, withAgent } = require('./support.js');
const { TRANSFERRED, staged } = require('./staged.js');

const WITHOUT_PASSWORD = { JACS_PRIVATE_KEY_PASSWORD: undefined };

describe('what the call is given', () => {
  test('the options', async () => {
    const workspace = await withAgent();
    const { env, calls } = staged(workspace, { result: { ...TRANSFERRED, newAgents: ['someone'] } });
    const limits = ['--max-entries', '1', '--max-bytes', '2', '--max-ratio', '3'];
    const text = await workspace.done(['import', 'in.tar.gz', '--agents', 'known', ...limits], { env });
    expect(text).toMatch(/^new agent\tsomeone$/m);
    expect(calls()).toMatchObject([
      ['importArchive', 'in.tar.gz', { agents: 'known', maxEntries: 1, maxBytes: 2, maxRatio: 3 }],
    ]);
  });

  test('--restore loads no agent and needs no password, unless it signs', async () => {
    const workspace = new Workspace();
    const { env, calls } = staged(workspace, { result: { ...TRANSFERRED, signed: '{}' } });
    const file = workspace.write('password', 'of the agent 1');
    const args = ['import', 'in.tar.gz', '--restore', '--config', 'new.json', '--password-file', file];
    await workspace.done(args, { env: { ...env, ...WITHOUT_PASSWORD } });
    await workspace.done([...args, '--sign', 'signed.json'], { env: { ...env, ...WITHOUT_PASSWORD } });
    const [first, second] = calls();
    expect(first.slice(0, 3)).toEqual(['static importArchive', 'new.json', 'in.tar.gz']);
    expect(first[3].password).toBeUndefined();
    expect(second[3]).toMatchObject({ sign: true, password: 'of the agent 1' });
  });
});

test.each([
  ['no file', ['import']],
  ['whose documents, otherwise', ['import', 'x', '--agents', 'all']],
  ['a limit that is no number', ['import', 'x', '--max-bytes', '1GiB']],
])('wrong use: %s', async (_, args) => {
  await (await withAgent()).misused(args);
});

/** A workspace with an exported document in `out.tar.gz`. */
async function withArchive() {
  const workspace = await withAgent();
  const document = await workspace.create();
  await workspace.done(['export', 'out.tar.gz']);
  return { workspace, document, archive: workspace.path('out.tar.gz') };
}

describe('for real', () => {
  test('what was removed comes back, and twice is the same', async () => {
    const { workspace, document } = await withArchive();
    await workspace.done(['remove', document.key, '--yes', '--json']);
    await workspace.refused(['get', document.key], 'JACS_NOT_FOUND');
    expect(await workspace.done(['import', 'out.tar.gz'])).toMatch(/^copied\t1 object, .*\nsame\t1 object\n/);
    expect(await workspace.done(['get', document.key])).toBe(document.text);
    expect(await workspace.done(['import', 'out.tar.gz'])).toMatch(/^copied\t0 objects, 0 B\nsame\t2 objects\n/);
  });

  test('--restore: into the empty storage of a configuration, without an agent; of any agent', async () => {
    const { workspace, archive } = await withArchive();
    const other = new Workspace();
    other.write('jacs.config.json', { jacs_default_storage: 'fs', jacs_data_directory: './jacs_data' });
    const restored = await other.run(['import', archive, '--restore'], { env: WITHOUT_PASSWORD });
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringMatching(/^note\tnew-agent\t.*\n$/) });
    expect(restored.stdout).toMatch(/^copied\t2 objects/);
    const { code, stdout } = await run('diff', ['-r', workspace.path('jacs_data'), other.path('jacs_data')]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(fs.readdirSync(other.folder).sort()).toEqual(['jacs.config.json', 'jacs_data']);
  });

  test("a stranger's documents: refused where others are known, unless asked for; the agent is named", async () => {
    const { document, archive } = await withArchive();
    const other = new Workspace();
    await other.done(['init']);
    await other.create();
    const refused = await other.run(['import', archive]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`damage\trefused\t`);
    await other.refused(['get', document.key], 'JACS_NOT_FOUND');
    const stranger = document.jacsSignature.agentID;
    expect(refused.stdout).toMatch(new RegExp(`^new agent\t${stranger}$`, 'm'));
    const { code, stdout } = await other.run(['import', archive, '--agents', 'any', '--json']);
    expect(code).toBe(0);
    expect(lines(stdout).at(-1).report).toMatchObject({ copied: 2, failed: 0, newAgents: [stranger] });
    expect(await other.done(['get', document.key])).toBe(document.text);
  });

  test('keys and configurations stay outside; what is told of a name is printable', async () => {
    const { workspace } = await withArchive();
    fs.writeFileSync(workspace.path('jacs_data', 'no\u001b[31mte'), 'x');
    const folders = ['jacs_data', 'jacs_keys', 'jacs.config.json'];
    await succeed('tar', ['-czf', 'all.tar.gz', ...folders], { cwd: workspace.folder });
    const other = new Workspace();
    other.write('new.json', { jacs_default_storage: 'fs', jacs_data_directory: './jacs_data' });
    const args = ['import', workspace.path('all.tar.gz'), '--restore', '--config', 'new.json'];
    const { code, stderr } = await other.run(args);
    expect(code).toBe(1);
    for (const name of ['jacs_keys/jacs.private.pem.enc', 'jacs.config.json', 'jacs_data/no\\u001b[31mte']) {
      expect(stderr).toContain(`damage\trefused\t${name}\t`);
    }
    expect(filesUnder(other.folder).filter((name) => !/^jacs_data\/(agents|documents)\//.test(name))).toEqual([
      'new.json',
    ]);
  });

  test('what is no archive, or over a limit, is refused, and nothing is stored', async () => {
    const { workspace, document } = await withArchive();
    await workspace.done(['remove', document.key, '--yes', '--json']);
    workspace.write('no.tar.gz', 'no archive');
    await workspace.refused(['import', 'no.tar.gz'], 'JACS_INPUT');
    await workspace.refused(['import', 'none.tar.gz'], 'JACS_INPUT');
    await workspace.refused(['import', 'out.tar.gz', '--max-entries', '1'], 'JACS_INPUT');
    await workspace.refused(['import', 'out.tar.gz', '--max-bytes', '1000'], 'JACS_INPUT');
    expect(await workspace.done(['list'])).toBe('');
  });

  test('--dry-run stores nothing; the password is needed to store', async () => {
    const { workspace, document } = await withArchive();
    await workspace.done(['remove', document.key, '--yes', '--json']);
    expect(await workspace.done(['import', 'out.tar.gz', '--dry-run'])).toMatch(/^dry run\t.*\ncopied\t1 object,/);
    expect(await workspace.done(['list'])).toBe('');
    await workspace.refused(['import', 'out.tar.gz'], 'JACS_PASSWORD', { env: WITHOUT_PASSWORD });
  });
});
