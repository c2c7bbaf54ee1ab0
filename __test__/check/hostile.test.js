'use strict';
// Stores that somebody else filled: names, numbers, folders, links, planted agents. A check comes to its end, quickly, and
// follows nothing out of the store.

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, forge, forger, plant } = require('../attacks/forge.js');
const { loadAgain, refusal, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { unprivilegedNode } = require('../support/unprivileged.js');
const { copied, found, madeStore, pathOf } = require('./store.js');

let store;

beforeAll(async () => {
  store = await madeStore({ documents: 30, storedHistories: 2 });
}, 60_000);

const at = (copy, name) => path.join(copy.data, name);

test('ten thousand strays, in every folder', async () => {
  const copy = await copied(store, { mirrored: false });
  const id = copy.single().split(':')[0];
  const folders = ['', 'documents/', 'files/', 'agents/', `documents/${id}/`];
  for (let n = 0; n < 10_000; n++) fs.writeFileSync(at(copy, `${folders[n % 5]}stray ${n}`), '');
  let heard = 0;
  const report = await copy.agent.check({ maxFindings: 10, onFinding: ({ kind }) => (heard += kind === 'stray') });
  expect(heard).toBe(10_000);
  expect(report).toMatchObject({ damaged: 0, complete: true });
  expect(report.findings).toHaveLength(10);
});

test('names that no terminal should see, and such that are no text', async () => {
  const copy = await copied(store, { mirrored: false });
  const names = ['\u001b[2J\u0007', 'new\nline', ' ', '..\\..\\x', '\u202eexe', `${'long'.repeat(60)}`];
  for (const name of names) fs.writeFileSync(at(copy, name), '', { mode: 0o600 });
  fs.writeFileSync(Buffer.concat([Buffer.from(`${copy.data}/documents/`), Buffer.of(0xff, 0xfe)]), '', { mode: 0o600 });
  const report = await copy.agent.check();
  expect(found(report)).toEqual([...names.map((name) => `stray ${name}`), 'stray documents/\ufffd\ufffd'].sort());
});

test('links lead nowhere, pipes hold nothing up, and folders may be deep', async () => {
  const copy = await copied(store, { mirrored: false });
  const outside = temporaryFolder();
  const secret = forge(copy.stranger, { secret: 'outside' });
  plant(outside, secret);
  const [id] = JSON.parse(secret).jacsId.split(':');
  fs.symlinkSync(path.join(outside, 'documents', id), at(copy, `documents/${id}`));
  fs.symlinkSync('/', at(copy, 'root'));
  fs.symlinkSync('.', at(copy, 'documents/loop'));
  const version = crypto.randomUUID();
  const folder = copy.single().split(':')[0];
  execFileSync('mkfifo', [at(copy, `documents/${folder}/${version}.json`), at(copy, 'agents/pipe')]);
  fs.mkdirSync(at(copy, `documents/${folder}/${crypto.randomUUID()}.json/${'a/'.repeat(200)}`), { recursive: true });
  const before = treeOf(outside, { times: true });
  const report = await copy.agent.check();
  expect(
    found(report)
      .map((it) => it.replace(/[0-9a-f-]{36}/g, '*'))
      .sort(),
  ).toEqual(
    [
      'not-a-file documents/*',
      'not-a-file documents/*/*.json',
      'not-a-file documents/*/*.json',
      'stray agents/pipe',
      'stray documents/loop',
      'stray root',
    ].sort(),
  );
  expect(JSON.stringify(report)).not.toContain('secret');
  expect(treeOf(outside, { times: true })).toEqual(before);
});

test.each(['documents', 'agents', 'files'])('a link in the place of %s', async (name) => {
  const copy = await copied(store);
  const outside = temporaryFolder();
  fs.renameSync(at(copy, name), path.join(outside, 'moved'));
  fs.symlinkSync(path.join(outside, 'moved'), at(copy, name));
  const report = await copy.agent.check(copy.repair);
  expect(found(report)).toContain(`not-a-file ${name}`);
  expect(fs.lstatSync(at(copy, name)).isSymbolicLink()).toBe(true);
  expect(fs.existsSync(path.join(outside, 'moved'))).toBe(true);
  const top = report.findings.find(({ kind }) => kind === 'not-a-file');
  expect(top).toMatchObject({ repaired: false, severity: 'damage' });
});

test('a store that is not there is not told to be sound, and one that is a file is refused', async () => {
  const copy = await copied(store, { mirrored: false });
  fs.rmSync(copy.data, { recursive: true });
  await refusal(copy.agent.check(), 'JACS_NOT_FOUND');
  fs.mkdirSync(copy.data);
  expect(await copy.agent.check()).toMatchObject({ scanned: 0, findings: [], complete: true });
  fs.rmdirSync(copy.data);
  fs.writeFileSync(copy.data, '');
  await refusal(copy.agent.check(), 'JACS_CONFIG');
});

test('a document of the size limit, and one byte more', async () => {
  const copy = await copied(store, { mirrored: false });
  const limit = 8 << 20;
  const agent = await loadAgain({ ...store.place, data: copy.data }, { jacs_max_document_bytes: limit });
  const text = forge(copy.stranger, { text: '' });
  const whole = forge(copy.stranger, { text: 'x'.repeat(limit - Buffer.byteLength(text)) });
  expect(Buffer.byteLength(whole)).toBe(limit);
  plant(copy.data, whole);
  const longer = pathOf(
    plant(copy.data, forge(copy.stranger, { text: 'x'.repeat(limit + 1 - Buffer.byteLength(text)) })),
  );
  expect(found(await agent.check())).toEqual([`malformed ${longer}`]);
});

test('thousands of versions of one document', async () => {
  const copy = await copied(store, { mirrored: false });
  let text = forge(copy.stranger);
  plant(copy.data, text);
  const versions = 3000;
  const keys = [];
  for (let n = 1; n < versions; n++) {
    text = forge(copy.stranger, { ...after(text), n });
    keys.push(plant(copy.data, text));
  }
  const report = await copy.agent.check();
  expect(report).toMatchObject({ findings: [], complete: true });
  expect(report.scanned).toBeGreaterThan(versions);
  fs.rmSync(at(copy, pathOf(keys[1500])));
  fs.appendFileSync(at(copy, pathOf(keys[700])), 'x');
  expect(found(await copy.agent.check())).toEqual(
    [`malformed ${pathOf(keys[700])}`, `missing-predecessor ${pathOf(keys[1500])}`].sort(),
  );
}, 60_000);

test('a thousand planted agents change nothing about others', async () => {
  const copy = await copied(store, { mirrored: false });
  for (let n = 0; n < 1000; n++) {
    const agent = forger();
    plant(copy.data, agent.text, 'agents');
    if (n < 50) plant(copy.data, forge(agent));
  }
  expect(await copy.agent.check()).toMatchObject({ findings: [], complete: true });
}, 60_000);

test('a damaged agent document makes the keys of its versions unknown, not their documents damaged', async () => {
  const copy = await copied(store, { mirrored: false });
  const name = pathOf(`${copy.stranger.id}:${copy.stranger.version}`, 'agents');
  fs.appendFileSync(at(copy, name), 'x');
  const report = await copy.agent.check();
  expect(report.damaged).toBe(1);
  expect(new Set(report.findings.map(({ kind }) => kind))).toEqual(new Set(['malformed', 'key']));
});

describeWith(['setpriv'], 'as another user', () => {
  test('what may not be read is told, and the rest is looked at', async () => {
    const copy = await copied(store, { mirrored: false });
    const opened = (folder) => {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true, recursive: true })) {
        fs.chmodSync(path.join(entry.parentPath ?? entry.path, entry.name), entry.isDirectory() ? 0o755 : 0o644);
      }
      fs.chmodSync(folder, 0o755);
    };
    opened(copy.data);
    const keys = temporaryFolder({ readable: true });
    fs.cpSync(store.place.keys, keys, { recursive: true });
    opened(keys);
    fs.chmodSync(copy.folder, 0o755);
    const [file, folder] = [pathOf(copy.single()), `documents/${copy.single().split(':')[0]}/`];
    const attachment = `files/${copy.file().hash}`;
    for (const name of [file, folder, attachment]) fs.chmodSync(at(copy, name), 0);
    const script = `(async () => {
    const { Agent } = require('jacs-agent');
    const agent = new Agent();
    const config = { jacs_data_directory: ${JSON.stringify(copy.data)}, jacs_key_directory: ${JSON.stringify(keys)} };
    await agent.load(config, { readOnly: true, env: {} });
    console.log(JSON.stringify(await agent.check()));
  })()`;
    const { stdout, stderr } = await unprivilegedNode(script);
    expect(stderr).toBe('');
    const report = JSON.parse(stdout);
    const unreadable = report.findings.filter(({ kind }) => kind !== 'permissions');
    expect(found({ findings: unreadable })).toEqual(
      [file, folder, attachment].map((name) => `unreadable ${name}`).sort(),
    );
    expect(new Set(unreadable.map(({ code }) => code))).toEqual(new Set(['JACS_PERMISSION']));
    expect(report).toMatchObject({ damaged: 3, complete: true });
  });
});

test('permissions are told of folders and files, and by whose they are', async () => {
  const copy = await copied(store, { mirrored: false });
  fs.chmodSync(copy.data, 0o777);
  expect(found(await copy.agent.check())).toEqual(['permissions .']);
  fs.chmodSync(copy.data, 0o755);
  expect(found(await copy.agent.check())).toEqual([]);
});
