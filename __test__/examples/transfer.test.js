'use strict';
// The blocks of docs/migrate.md, docs/backup.md and docs/check.md run as they stand, with other names for what lies outside.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { cli, run, succeed } = require('../support/run.js');

const env = { JACS_PRIVATE_KEY_PASSWORD: 'correct Horse battery 9' };

/** The blocks of a page: `{ kind, name, text }`. */
function blocksOf(page) {
  const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8');
  return [...text.matchAll(/^```(\w+) ?(\S*)\n([^]*?)^```$/gm)].map(([, kind, name, body]) => ({
    kind,
    name,
    text: body,
  }));
}

const pages = Object.fromEntries(['migrate', 'backup', 'check'].map((name) => [name, blocksOf(`${name}.md`)]));
const script = (page, name) => pages[page].find((block) => block.kind === 'bash' && block.name === name).text;

/** A folder with an agent, two documents (one with an attachment and two versions), and configurations of empty folders. */
async function place() {
  const cwd = temporaryFolder();
  fs.mkdirSync(path.join(cwd, 'node_modules'));
  fs.symlinkSync(root, path.join(cwd, 'node_modules', 'jacs-agent'), 'dir');
  const done = async (args, input) => {
    const { code, stdout, stderr } = await cli(args, { cwd, env, input });
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  };
  await done(['init']);
  fs.writeFileSync(path.join(cwd, 'terms.txt'), 'thirty days');
  const { jacsId, jacsVersion } = JSON.parse(await done(['create', '-'], '{"order":1042}'));
  await done(['update', `${jacsId}:${jacsVersion}`, '-'], '{"order":1043}');
  await done(['create', '-', '--attach', 'terms.txt'], '{"order":1044}');
  for (const name of ['new', 'backup']) storage(cwd, `${name}.config.json`, `./${name}_data`);
  fs.copyFileSync(path.join(cwd, 'jacs.config.json'), path.join(cwd, 'old.config.json'));
  return { cwd, id: jacsId, key: `${jacsId}:${jacsVersion}`, done };
}

function storage(cwd, name, folder) {
  const settings = { jacs_default_storage: 'fs', jacs_data_directory: folder };
  fs.writeFileSync(path.join(cwd, name), JSON.stringify(settings));
}

/** Runs a block for bash; `names` are the page's names for what is elsewhere here. */
async function shell(cwd, text, names = {}, more = {}) {
  const renamed = Object.entries(names).reduce((result, [from, to]) => result.replaceAll(from, to), text);
  const prelude = `set -euo pipefail\njacs-agent() { node ${JSON.stringify(path.join(root, 'cli', 'main.js'))} "$@"; }\n`;
  return succeed('bash', ['-c', prelude + renamed], { cwd, env: { ...env, ...more } });
}

const same = async (one, two) => expect(await run('diff', ['-r', one, two])).toMatchObject({ code: 0, stdout: '' });

test('migrate.md: the command, the root by other means, and the calls one after the other', async () => {
  const { cwd } = await place();
  const told = await shell(cwd, script('migrate', 'migrate'));
  await same(path.join(cwd, 'jacs_data'), path.join(cwd, 'new_data'));
  const [{ text: program }] = pages.migrate.filter(({ name }) => name === 'root.mjs');
  fs.writeFileSync(path.join(cwd, 'root.mjs'), program);
  const rootOf = async (...args) => (await succeed(process.execPath, ['root.mjs', ...args], { cwd })).trim();
  expect(told).toContain(`root\t${await rootOf()} on both sides\n`);
  expect(await rootOf('./new_data')).toBe(await rootOf());

  // The agent who signs again is another.
  fs.rmSync(path.join(cwd, 'new_data'), { recursive: true });
  const other = { jacs_data_directory: './new_data', jacs_key_directory: './new_keys' };
  fs.writeFileSync(path.join(cwd, 'new.config.json'), JSON.stringify(other));
  await succeed(process.execPath, [path.join(root, 'cli', 'main.js'), 'init', '--config', 'new.config.json'], {
    cwd,
    env,
  });
  // The attachment must be there first.
  const recipe = {
    ...JSON.parse(fs.readFileSync(path.join(cwd, 'old.config.json'))),
    jacs_data_directory: './recipe_data',
  };
  for (const name of ['jacsSignature', 'jacsSha256']) delete recipe[name];
  fs.writeFileSync(path.join(cwd, 'recipe.config.json'), JSON.stringify(recipe));
  fs.cpSync(path.join(cwd, 'jacs_data', 'files'), path.join(cwd, 'recipe_data', 'files'), { recursive: true });
  const blocks = pages.migrate.filter(({ kind, name }) => kind === 'js' && name === '').map(({ text }) => text);
  fs.writeFileSync(
    path.join(cwd, 'blocks.mjs'),
    `${blocks.join('')}await oldAgent.close();\nawait newAgent.close();\n`,
  );
  expect(await succeed(process.execPath, ['blocks.mjs'], { cwd, env })).toBe('0 0 true\n2\n');
  expect(filesUnder(path.join(cwd, 'recipe_data', 'documents'))).toHaveLength(2);
}, 60_000);

test('backup.md: there and back by archive, by tar and by mirror', async () => {
  const { cwd, id, key, done } = await place();
  const at = (name) => path.join(cwd, name);
  fs.cpSync(at('jacs_data'), at('kept'), { recursive: true });
  await shell(cwd, script('backup', 'export'));
  await shell(cwd, script('backup', 'mirror'));
  await same(at('kept'), at('backup_data'));
  await done(['remove', id, '--all-versions', '--yes', '--json']);
  await shell(cwd, script('backup', 'import'));
  await same(at('kept'), at('jacs_data'));
  await done(['get', key]);

  await shell(cwd, script('backup', 'restore'));
  await same(at('kept'), at('new_data'));
  fs.rmSync(at('new_data'), { recursive: true });
  const [block] = pages.backup.filter(({ kind }) => kind === 'js');
  fs.writeFileSync(at('block.mjs'), block.text);
  expect(await succeed(process.execPath, ['block.mjs'], { cwd, env })).toBe('0\n');
  await same(at('kept'), at('new_data'));

  await shell(cwd, script('backup', 'tar'));
  const [archive] = fs.readdirSync(cwd).filter((name) => /^jacs_backup_\d{8}\.tar\.gz$/.test(name));
  fs.mkdirSync(at('location'));
  await shell(cwd, script('backup', 'untar'), { 'jacs_backup.tar.gz': archive, '/new/location': at('location') });
  await same(at('kept'), at('location/jacs_data'));
  // An archive of tar comes in as well.
  fs.rmSync(at('new_data'), { recursive: true });
  await shell(cwd, script('backup', 'restore'), { 'jacs_backup.tar.gz': archive });
  await same(at('kept'), at('new_data'));
  expect(await shell(cwd, script('backup', 'check'))).toMatch(/^damaged\t0 objects$/m);
}, 60_000);

describeWith(['rsync'], 'backup.md', () => {
  test('a copy of rsync is complete, and opens', async () => {
    const { cwd, key, done } = await place();
    const copy = path.join(cwd, 'copy', 'jacs_data');
    fs.mkdirSync(path.dirname(copy));
    await shell(cwd, script('backup', 'rsync'), { '/backup/jacs_data': copy });
    await same(path.join(cwd, 'jacs_data'), copy);
    fs.rmSync(path.join(cwd, 'jacs_data'), { recursive: true });
    fs.renameSync(copy, path.join(cwd, 'jacs_data'));
    await done(['get', key]);
  });
});

test('check.md: the command, the call, and the repair', async () => {
  const { cwd, id } = await place();
  expect(await shell(cwd, script('check', 'check'))).toMatch(/^complete\tyes$/m);
  const [block] = pages.check.filter(({ kind }) => kind === 'js');
  fs.writeFileSync(path.join(cwd, 'block.mjs'), `${block.text}console.log(findings.length);\nawait agent.close();\n`);
  expect(await succeed(process.execPath, ['block.mjs'], { cwd })).toBe('0 true\n0\n');
  await shell(cwd, script('backup', 'mirror'));
  fs.rmSync(path.join(cwd, 'jacs_data', 'files'), { recursive: true });
  const [name] = fs.readdirSync(path.join(cwd, 'jacs_data', 'documents', id));
  fs.truncateSync(path.join(cwd, 'jacs_data', 'documents', id, name), 100);
  expect(await shell(cwd, script('check', 'repair'))).toMatch(/^damaged\t2 objects\nrepaired\t2 objects$/m);
  await same(path.join(cwd, 'backup_data'), path.join(cwd, 'jacs_data'));
}, 60_000);

test('check.md explains every kind of finding, with its severity', () => {
  const source = fs.readFileSync(path.join(root, 'src', 'transfer', 'finding.rs'), 'utf8');
  const kinds = [...source.matchAll(/^ {4}\w+ = "([a-z-]+)", (Damage|Note),/gm)].map(([, kind, severity]) => [
    kind,
    severity.toLowerCase(),
  ]);
  expect(kinds.length).toBeGreaterThan(20);
  const page = fs.readFileSync(path.join(root, 'docs', 'check.md'), 'utf8');
  const [damage, note, transfers] = page.split(/^\| kind \|/m).slice(1);
  const rows = (text) =>
    [...text.matchAll(/^\| `([a-z-]+)` \|(?: `(\w+)` \|)?/gm)].map(([, kind, severity]) => [kind, severity]);
  const explained = [
    ...rows(damage).map(([kind]) => [kind, 'damage']),
    ...rows(note).map(([kind]) => [kind, 'note']),
    ...rows(transfers),
  ];
  expect(explained.sort()).toEqual(kinds.sort());
});
