'use strict';
// Import: archives by plain tar in all its forms, by python and by ourselves come in as they are; again they change nothing.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { Agent } = require('../..');
const support = require('../support/archives.js');
const { fileOf, keyOf, loadAgain, newAgent, onEmptyStore, refusal, treeOf } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');
const { archiveOf, documentEntry, expectSame, filledStore, newFile, packed, rootOf } = support;

const PYTHON = `
import os, sys, tarfile
with tarfile.open(sys.argv[1], 'w:gz', format=getattr(tarfile, sys.argv[3])) as archive:
    archive.add(sys.argv[2], 'jacs_data')
`;
const AS_PYTHON = ['USTAR_FORMAT', 'GNU_FORMAT', 'PAX_FORMAT'];
const EVERYTHING = { agents: 'any' };

let place;
let archive;
let names;
beforeAll(async () => {
  place = await filledStore();
  archive = newFile();
  await place.agent.exportArchive(archive);
  names = filesUnder(place.data);
});

const clean = (more = {}) => ({
  copied: names.length,
  same: 0,
  conflicts: 0,
  failed: 0,
  removed: 0,
  resigned: 0,
  bytes: names.reduce((sum, name) => sum + fs.statSync(path.join(place.data, name)).size, 0),
  failures: expect.any(Array),
  createOnce: 'atomic',
  root: { from: rootOf(place.data, names), to: rootOf(place.data, names) },
  newAgents: [place.other.agent.id],
  ...more,
});
const kinds = ({ failures }) => [...new Set(failures.map(({ kind }) => kind))].sort();

describe('an archive', () => {
  const parent = () => path.dirname(place.data);
  /** In an order in which nothing is where it is needed. */
  const shuffled = () => names.map((name) => `jacs_data/${name}`).sort((one, other) => (one < other ? 1 : -1));

  test.each([
    ['of ours', () => archive],
    ['of the folder', () => packed('-C', parent(), 'jacs_data')],
    ['of what is in the folder', () => packed('-C', place.data, '.')],
    ['with a leading ./', () => packed('-C', parent(), './jacs_data')],
    ['of an absolute path', () => packed(place.data)],
    ['without directories, in another order', () => packed('-C', parent(), ...shuffled())],
    ...['pax', 'posix', 'ustar', 'gnu', 'oldgnu', 'v7'].map((form) => [
      `in the form ${form}`,
      () => packed(`--format=${form}`, '-C', parent(), 'jacs_data'),
    ]),
    [
      'with owners, times and attributes',
      () => packed('--format=pax', '--xattrs', '--acls', '--selinux', '-C', parent(), 'jacs_data'),
    ],
    ...AS_PYTHON.map((form) => [
      `by python, ${form}`,
      async () => {
        const file = newFile();
        await succeed('python3', ['-c', PYTHON, file, place.data, form]);
        return file;
      },
    ]),
    ['that is not packed', async () => gunzipped(await packed('-C', parent(), 'jacs_data'))],
    [
      'of two that were joined',
      async () => {
        const halves = [names.slice(0, 5), names.slice(5)].map((half) => packed('-C', place.data, ...half));
        const file = newFile();
        fs.writeFileSync(file, Buffer.concat((await Promise.all(halves)).map((half) => fs.readFileSync(half))));
        return file;
      },
    ],
    ['with zeros behind its end', async () => appended(archive, Buffer.alloc(20_000))],
  ])('%s comes in', async (_, make) => {
    const { agent, data } = await onEmptyStore(place);
    const report = await agent.importArchive(await make());
    expect(report).toEqual(clean());
    expect(kinds(report)).toEqual(['new-agent']);
    await expectSame(place.data, data);
    for (const [key, text] of Object.entries(place.texts)) expect(await agent.getDocument(key)).toBe(text);
  });

  function gunzipped(file) {
    const plain = newFile('archive.tar');
    fs.writeFileSync(plain, zlib.gunzipSync(fs.readFileSync(file)));
    return plain;
  }

  function appended(file, bytes) {
    const longer = newFile();
    fs.writeFileSync(longer, Buffer.concat([fs.readFileSync(file), bytes]));
    return longer;
  }

  test('with the mode of what is private comes in as such', async () => {
    const { agent, data } = await onEmptyStore(place);
    await agent.importArchive(await packed('--mode=a+rwx', '-C', parent(), 'jacs_data'));
    for (const [name, trace] of Object.entries(treeOf(data)))
      expect([name, trace.split(' ')[0]]).toEqual([name, /\.json$|^files\/./.test(name) ? '100600' : '40700']);
  });
});

describe('an import', () => {
  test('of what is there already changes nothing', async () => {
    const before = treeOf(place.data, { times: true });
    const report = await place.agent.importArchive(archive);
    expect(report).toEqual(clean({ copied: 0, same: names.length, bytes: 0, newAgents: [], failures: [] }));
    expect(treeOf(place.data, { times: true })).toEqual(before);
  });

  test('without a loaded agent restores into an empty store', async () => {
    const folder = temporaryFolder();
    const config = { jacs_data_directory: path.join(folder, 'data'), jacs_key_directory: path.join(folder, 'keys') };
    const report = await Agent.importArchive(config, archive, { env: {} });
    expect(report).toEqual(clean({ newAgents: [place.agent.id, place.other.agent.id].sort() }));
    await expectSame(place.data, path.join(folder, 'data'));
    expect(fs.readdirSync(folder)).toEqual(['data']);
    // As the disaster's own configuration, with the keys that were kept elsewhere.
    const again = await loadAgain({ ...place, data: path.join(folder, 'data') });
    for (const [key, text] of Object.entries(place.texts)) expect(await again.getDocument(key)).toBe(text);
  });

  test('without a loaded agent signs with that of the configuration', async () => {
    const { data } = await onEmptyStore(place);
    const config = { ...JSON.parse(fs.readFileSync(place.config, 'utf8')), jacs_data_directory: data };
    const settings = Object.fromEntries(Object.entries(config).filter(([name]) => /^jacs_/.test(name)));
    const object = { ...settings, jacs_key_directory: place.keys };
    const options = { env: {}, sign: true };
    await refusal(Agent.importArchive(object, archive, { ...options, password: 'Wrong-6203-x' }), 'JACS_PASSWORD');
    expect(fs.existsSync(data)).toBe(false);
    const { signed, root } = await Agent.importArchive(object, archive, { ...options, password: place.password });
    expect(JSON.parse(signed)).toMatchObject({ transfer: 'import', report: { root } });
    expect(await place.agent.verifyDocument(signed)).toBe(true);
  });

  test('that is only tried stores nothing and says the same', async () => {
    const { agent, data } = await onEmptyStore(place);
    const tried = await agent.importArchive(archive, { dryRun: true });
    expect(fs.existsSync(data)).toBe(false);
    // What is not there has no root.
    const { root, ...report } = await agent.importArchive(archive);
    expect(root.from).toBe(root.to);
    expect(report).toEqual(tried);
    expect(await agent.importArchive(archive, { dryRun: true })).toMatchObject({ copied: 0, same: names.length });
  });

  test('never replaces what is there', async () => {
    const { agent, data } = await onEmptyStore(place);
    const key = Object.keys(place.texts)[0];
    const file = names.find((name) => name.startsWith('files/'));
    const changed = [path.relative(data, fileOf(data, key)), file];
    for (const name of changed) {
      fs.mkdirSync(path.dirname(path.join(data, name)), { recursive: true });
      fs.writeFileSync(path.join(data, name), 'of somebody else');
    }
    const report = await agent.importArchive(archive, EVERYTHING);
    expect(report).toMatchObject({ conflicts: 2, failed: 0, copied: names.length - 2 });
    const found = report.failures.filter(({ kind }) => kind === 'conflict');
    expect(found.map(({ code, severity, path: at }) => [code, severity, at]).sort()).toEqual(
      changed.map((name) => ['JACS_CONFLICT', 'damage', `jacs_data/${name}`]).sort(),
    );
    for (const name of changed) expect(fs.readFileSync(path.join(data, name), 'utf8')).toBe('of somebody else');
    expect(report.root.from).toBe(rootOf(place.data, names));
    expect(report.root.to).toBe(rootOf(data, filesUnder(data)));
  });

  test('takes documents of agents that are known, or of any', async () => {
    const { agent, data } = await onEmptyStore(place);
    await agent.createDocument({ title: 'not empty' });
    const before = filesUnder(data);
    const report = await agent.importArchive(archive);
    const ofOther = Object.entries(place.texts).filter(
      ([, text]) => JSON.parse(text).jacsSignature.agentID === place.other.agent.id,
    );
    expect(report).toMatchObject({ newAgents: [place.other.agent.id], failed: 2, same: 1 });
    const refused = report.failures.filter(({ kind }) => kind === 'refused');
    expect(refused.map(({ code, key }) => [code, key]).sort()).toEqual(
      [...ofOther.map(([key]) => key), `${place.other.agent.id}:${place.other.agent.version}`]
        .map((key) => ['JACS_UNTRUSTED', key])
        .sort(),
    );
    expect(filesUnder(data).filter((name) => name.includes(place.other.agent.id))).toEqual([]);
    const second = await agent.importArchive(archive, EVERYTHING);
    expect(second).toMatchObject({ copied: 2, failed: 0, newAgents: [place.other.agent.id] });
    expect(filesUnder(data)).toEqual([...new Set([...before, ...names])].sort());
    expect(await agent.importArchive(archive)).toMatchObject({ same: names.length, failed: 0, newAgents: [] });
  });

  test('brings in a document without its file, and says that it is missing', async () => {
    const { agent } = await onEmptyStore(place);
    const file = names.find((name) => name.startsWith('files/'));
    const report = await agent.importArchive(await packed('--exclude', path.basename(file), '-C', place.data, '.'));
    expect(report).toMatchObject({ copied: names.length - 1, failed: 0 });
    const missing = report.failures.filter(({ kind }) => kind === 'attachment-missing');
    expect(missing.length).toBeGreaterThan(0);
    for (const finding of missing) expect(finding).toMatchObject({ code: 'JACS_ATTACHMENT', path: file });
    expect(await agent.importArchive(archive)).toMatchObject({ copied: 1, same: names.length - 1 });
  });

  test('takes the versions of an agent in whatever order they come', async () => {
    const { agent } = await newAgent();
    const text = fs.readFileSync(fileOf(place.data, `${place.agent.id}:${place.agent.version}`, 'agents'), 'utf8');
    const of = documentEntry(text, { kind: 'agents' });
    // Twice the same entry is twice the same object.
    const report = await agent.importArchive(archiveOf([of, of]), EVERYTHING);
    expect(report).toMatchObject({ copied: 1, same: 1, newAgents: [place.agent.id] });
  });

  test('tells how far it is, with the whole known', async () => {
    const { agent } = await onEmptyStore(place);
    const heard = [];
    const findings = [];
    const options = { onProgress: (now) => heard.push(now), onFinding: (finding) => findings.push(finding) };
    const report = await agent.importArchive(archive, options);
    expect(heard.at(-1)).toEqual({ done: names.length, total: names.length, bytes: report.bytes, failed: 0 });
    expect(findings).toEqual(report.failures);
  });

  test('that was aborted is finished by another', async () => {
    const { agent, data } = await onEmptyStore(place);
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort(), concurrency: 1 };
    await refusal(agent.importArchive(archive, { signal: AbortSignal.abort() }), 'JACS_ABORTED');
    expect(fs.existsSync(data)).toBe(false);
    await agent.importArchive(archive, options).catch(({ code }) => expect(code).toBe('JACS_ABORTED'));
    const report = await agent.importArchive(archive, EVERYTHING);
    expect(report).toMatchObject({ failed: 0, conflicts: 0 });
    expect(report.copied + report.same).toBe(names.length);
    await expectSame(place.data, data);
  });

  test('needs an agent that may write, a file and right options', async () => {
    const reader = await loadAgain(place, {}, { readOnly: true });
    await refusal(reader.importArchive(archive), 'JACS_PERMISSION');
    for (const [file, options] of [
      ['', {}],
      [undefined, {}],
      [newFile(), {}],
      [temporaryFolder(), {}],
      ['/dev/null', {}],
      [archive, { agents: 'all' }],
      [archive, { maxBytes: 0 }],
      [archive, { maxEntries: -1 }],
      [archive, { maxRatio: '3' }],
      [archive, { password: 'x' }],
      [archive, { overwrite: true }],
    ])
      await refusal(place.agent.importArchive(file, options), 'JACS_INPUT');
    await refusal(Agent.importArchive(newFile('none.json'), archive, { env: {} }), 'JACS_CONFIG');
  });

  test('into a store that is in use loses nothing of either', async () => {
    const { agent, data } = await onEmptyStore(place);
    const importing = agent.importArchive(archive, EVERYTHING);
    const made = await Promise.all(Array.from({ length: 50 }, (_, n) => agent.createDocument({ n })));
    expect(await importing).toMatchObject({ failed: 0, conflicts: 0 });
    for (const text of [...made, ...Object.values(place.texts)])
      expect(await agent.getDocument(keyOf(text))).toBe(text);
    expect(filesUnder(data).filter((name) => !/^(agents|documents|files)\/[^.]/.test(name))).toEqual([]);
  });
});
