'use strict';
// saveAttachments: below the directory and nowhere else, whatever a document says and whatever lies there already.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { keyOf, newAgent, refusal, treeOf } = require('../support/agents.js');
const support = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { newAuthor } = require('../support/witness.js');
const { bytesOf, embedded, foreign, inNewFolder, noise, outcomeOf, referenced, sha256, written } = support;

const here = inNewFolder();
let place;
let agent;
let author;
let text;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  author = newAuthor();
  await agent.saveDocument(author.document);
  written(here.folder, { 'a.txt': 'a', 'in/deep/b.bin': noise(2 << 20), 'in/c.txt': 'c' });
  text = await agent.createDocument({}, { attachments: ['in', 'a.txt'] });
});

const NAMES = ['in/c.txt', 'in/deep/b.bin', 'a.txt'];
const modes = (folder) =>
  fs
    .readdirSync(folder, { recursive: true })
    .map(String)
    .map((name) => [name, (fs.statSync(path.join(folder, name)).mode & 0o777).toString(8)]);

describe('a directory', () => {
  test('gets the files under their names, in the order of the document, for this user alone', async () => {
    const before = process.umask(0);
    try {
      const target = path.join(temporaryFolder(), 'made');
      const saved = await agent.saveAttachments(keyOf(text), target);
      expect(saved).toEqual(NAMES.map((name) => path.join(target, name)));
      expect(filesUnder(target)).toEqual([...NAMES].sort());
      expect(fs.readFileSync(path.join(target, 'in/deep/b.bin')).equals(noise(2 << 20))).toBe(true);
      expect(Object.fromEntries(modes(path.dirname(target)))).toEqual({
        made: '700',
        'made/a.txt': '600',
        'made/in': '700',
        'made/in/c.txt': '600',
        'made/in/deep': '700',
        'made/in/deep/b.bin': '600',
      });
    } finally {
      process.umask(before);
    }
  });

  test('may be relative, and what is returned is absolute', async () => {
    const saved = await agent.saveAttachments(text, './relative/');
    expect(saved).toEqual(NAMES.map((name) => path.join(here.folder, 'relative', name)));
    fs.rmSync('relative', { recursive: true });
  });

  test('that is there keeps what is in it, and its mode', async () => {
    const target = written(temporaryFolder(), { 'mine.txt': 'mine', 'in/mine.txt': 'mine too' });
    fs.chmodSync(path.join(target, 'in'), 0o755);
    await agent.saveAttachments(text, target);
    expect(filesUnder(target)).toEqual([...NAMES, 'mine.txt', 'in/mine.txt'].sort());
    expect(fs.statSync(path.join(target, 'in')).mode & 0o777).toBe(0o755);
  });

  test('is not made in one that is missing', async () => {
    const folder = temporaryFolder();
    const error = await agent.saveAttachments(text, path.join(folder, 'one/two')).catch((refused) => refused);
    expect(error).toMatchObject({ name: 'JacsError', code: expect.stringMatching(/^JACS_/) });
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('that is a file is none', async () => {
    const target = path.join(written(temporaryFolder(), { file: 'mine' }), 'file');
    const error = await agent.saveAttachments(text, target).catch((refused) => refused);
    expect(error).toMatchObject({ name: 'JacsError', code: expect.stringMatching(/^JACS_/) });
    expect(fs.readFileSync(target, 'utf8')).toBe('mine');
  });

  test('of a document without files stays as it was', async () => {
    const plain = await agent.createDocument({ title: 'plain' });
    const target = temporaryFolder();
    await expect(agent.saveAttachments(plain, target)).resolves.toEqual([]);
    expect(fs.readdirSync(target)).toEqual([]);
  });
});

describe('what stands there', () => {
  test.each(NAMES)('%s: refused, and nothing is written', async (name) => {
    const target = written(temporaryFolder(), { [name]: 'mine' });
    const before = treeOf(target, { times: true });
    const error = await refusal(agent.saveAttachments(text, target), 'JACS_CONFLICT');
    expect(error.path).toBe(path.join(target, name));
    expect(treeOf(target, { times: true })).toEqual(before);
  });

  test('is replaced when that is asked for, with a new mode', async () => {
    const target = written(temporaryFolder(), { 'a.txt': 'mine', 'in/c.txt': 'mine', 'other.txt': 'mine' });
    fs.chmodSync(path.join(target, 'a.txt'), 0o666);
    fs.linkSync(path.join(target, 'a.txt'), path.join(target, 'hard'));
    await agent.saveAttachments(text, target, { overwrite: true });
    expect(fs.readFileSync(path.join(target, 'a.txt'), 'utf8')).toBe('a');
    expect(fs.statSync(path.join(target, 'a.txt')).mode & 0o777).toBe(0o600);
    // Replaced, not written into.
    expect(['hard', 'other.txt'].map((name) => fs.readFileSync(path.join(target, name), 'utf8'))).toEqual([
      'mine',
      'mine',
    ]);
  });

  test.each([false, true])('a folder where a file must be (overwrite: %p)', async (overwrite) => {
    const target = written(temporaryFolder(), { 'a.txt/mine': 'mine' });
    const error = await agent.saveAttachments(text, target, { overwrite }).catch((refused) => refused);
    expect(error).toMatchObject({ name: 'JacsError', code: expect.stringMatching(/^JACS_(CONFLICT|ATTACHMENT)$/) });
    expect(filesUnder(target)).toEqual(['a.txt/mine']);
  });

  test.each([false, true])('a file where a folder must be (overwrite: %p)', async (overwrite) => {
    const target = written(temporaryFolder(), { in: 'mine' });
    const error = await agent.saveAttachments(text, target, { overwrite }).catch((refused) => refused);
    expect(error).toMatchObject({ name: 'JacsError', code: expect.stringMatching(/^JACS_(CONFLICT|ATTACHMENT)$/) });
    expect(fs.readFileSync(path.join(target, 'in'), 'utf8')).toBe('mine');
    expect(fs.readdirSync(target)).toEqual(['in']);
  });

  test('two savings at once: one of them, and whole files', async () => {
    const target = temporaryFolder();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => agent.saveAttachments(text, target)));
    const codes = outcomes.flatMap(({ reason }) => reason?.code ?? []);
    expect(new Set(codes)).toEqual(new Set(codes.length > 0 ? ['JACS_CONFLICT'] : []));
    expect(filesUnder(target).filter((name) => !NAMES.includes(name))).toEqual([]);
    for (const name of filesUnder(target)) {
      expect(fs.readFileSync(path.join(target, name)).equals(fs.readFileSync(name))).toBe(true);
    }
  });
});

describe('links that were planted', () => {
  let outside;
  beforeEach(() => {
    outside = written(temporaryFolder(), { 'victim.txt': 'victim', 'folder/c.txt': 'victim' });
  });

  /** With and without `overwrite`: nothing outside is touched, nothing of the document appears. */
  async function harmless(target) {
    const before = treeOf(outside, { times: true });
    for (const overwrite of [false, true]) {
      const error = await agent.saveAttachments(text, target, { overwrite }).then(
        () => undefined,
        (refused) => refused,
      );
      if (error) expect(error.code).toMatch(/^JACS_(CONFLICT|ATTACHMENT)$/);
      else expect(overwrite).toBe(true);
      expect(treeOf(outside, { times: true })).toEqual(before);
    }
  }

  test.each([
    ['a file', (target) => fs.symlinkSync(path.join(outside, 'victim.txt'), path.join(target, 'a.txt'))],
    ['nothing', (target) => fs.symlinkSync(path.join(outside, 'new.txt'), path.join(target, 'a.txt'))],
    ['a folder, as a file', (target) => fs.symlinkSync(path.join(outside, 'folder'), path.join(target, 'a.txt'))],
    ['a folder', (target) => fs.symlinkSync(path.join(outside, 'folder'), path.join(target, 'in'))],
    ['an empty folder', (target) => fs.symlinkSync(temporaryFolder(), path.join(target, 'in'))],
    ['itself', (target) => fs.symlinkSync('in', path.join(target, 'in'))],
    [
      'a folder, deeper',
      (target) => {
        fs.mkdirSync(path.join(target, 'in'));
        fs.symlinkSync(outside, path.join(target, 'in/deep'));
      },
    ],
  ])('to %s outside', async (_, plant) => {
    const target = temporaryFolder();
    plant(target);
    await harmless(target);
  });

  test('to a folder outside: no file of the document gets there', async () => {
    const [target, far] = [temporaryFolder(), temporaryFolder()];
    fs.symlinkSync(far, path.join(target, 'in'));
    const error = await agent.saveAttachments(text, target, { overwrite: true }).catch((refused) => refused);
    expect(error.code).toMatch(/^JACS_(CONFLICT|ATTACHMENT)$/);
    expect([fs.readdirSync(far), fs.readdirSync(target)]).toEqual([[], ['in']]);
  });
});

describe('paths of a foreign document', () => {
  const PATHS = [
    ...[
      '../x',
      '/etc/x',
      'a/../../x',
      'a/../x',
      '..',
      '.',
      '',
      '/',
      '//x',
      'a/..',
      './../x',
      'x\0y',
      '\0',
      '../../../tmp/x',
    ],
  ];

  test.each(PATHS.map((name) => [JSON.stringify(name), name]))(
    '%s is not written, and not read as a reference',
    async (_, name) => {
      const folder = temporaryFolder();
      const target = path.join(folder, 'target/in');
      fs.mkdirSync(target, { recursive: true });
      for (const entries of [[embedded(name, 'bytes')], [embedded('fine.txt', 'fine'), embedded(name, 'bytes')]]) {
        for (const overwrite of [false, true]) {
          await refusal(agent.saveAttachments(foreign(author, entries), target, { overwrite }), 'JACS_ATTACHMENT');
        }
      }
      expect(filesUnder(folder)).toEqual([]);
      expect(fs.readdirSync(target)).toEqual([]);
      const reference = foreign(author, [referenced(name, 'bytes')]);
      const { error } = await outcomeOf(agent.readAttachment(reference, name, { baseDirectory: target }));
      expect(error).toMatchObject({ code: 'JACS_ATTACHMENT' });
      await expect(agent.verifyDocument(reference, { contents: true, baseDirectory: target })).resolves.toBe(false);
    },
  );

  test.each([
    ['a name', 'x'.repeat(256)],
    ['a very long name', 'x'.repeat(5000)],
    ['folders', `${`${'d'.repeat(200)}/`.repeat(25)}x`],
  ])('%s that no file can have: nothing is written', async (_, name) => {
    const target = temporaryFolder();
    const entries = [embedded('fine.txt', 'fine'), embedded(name, 'bytes')];
    const { code } = await agent.saveAttachments(foreign(author, entries), target).catch((error) => error);
    const found = fs.readdirSync(target);
    execFileSync('rm', ['-rf', target]); // node cannot remove what lies so deep
    expect([code, found]).toEqual(['JACS_ATTACHMENT', []]);
  });

  test('a reference tells nothing of what lies outside', async () => {
    const folder = written(temporaryFolder(), { 'secret.txt': 'secret', 'base/x': 'x' });
    const baseDirectory = path.join(folder, 'base');
    for (const name of ['../secret.txt', path.join(folder, 'secret.txt'), '/etc/passwd', 'a/../../secret.txt']) {
      const document = foreign(author, [referenced(name, 'secret')]);
      for (const contents of [false, true]) {
        const report = await agent.inspectDocument(document, { baseDirectory, contents });
        expect(report.attachments).toMatchObject([{ path: name, where: 'reference', present: false }]);
        expect(report.attachments[0].ok).not.toBe(true);
      }
      await refusal(bytesOf(agent.readAttachment(document, name, { baseDirectory })), 'JACS_ATTACHMENT');
    }
  });

  test.each([
    ['two with one path', ['x', 'x']],
    ['a path in two spellings', ['x', './x']],
    ['a file and a folder of one name', ['x', 'x/y']],
    ['the other way round', ['x/y', 'x']],
  ])('%s: refused, and nothing is written', async (_, names) => {
    const target = temporaryFolder();
    const document = foreign(
      author,
      names.map((name, n) => embedded(name, `${n}`)),
    );
    for (const overwrite of [false, true]) {
      await refusal(agent.saveAttachments(document, target, { overwrite }), 'JACS_ATTACHMENT');
    }
    expect(filesUnder(target)).toEqual([]);
  });

  test('names that are odd but harmless are written as they are', async () => {
    const names = ['-rf', ' ', 'a\\b', 'C:\\x', '~', '$HOME', 'ü\u{1f600}\n', '...', 'a..b/..c', 'x'.repeat(255)];
    const target = temporaryFolder();
    const document = foreign(
      author,
      names.map((name) => embedded(name, name)),
    );
    await expect(agent.saveAttachments(document, target)).resolves.toEqual(
      names.map((name) => path.join(target, name)),
    );
    for (const name of names) expect(fs.readFileSync(path.join(target, name), 'utf8')).toBe(name);
    expect(filesUnder(target)).toHaveLength(names.length);
  });

  test('hashes that lead elsewhere in the store are none', async () => {
    for (const hash of ['../agents/x', 'A'.repeat(64), sha256('x').slice(1), `${sha256('x')}/..`]) {
      const entry = { ...referenced('x', 'x'), sha256: hash };
      await refusal(agent.assertDocument(foreign(author, [entry], [hash])), 'JACS_ATTACHMENT');
    }
    const [entry, other] = [referenced('x', 'x'), sha256('not listed')];
    await refusal(agent.assertDocument(foreign(author, [entry], [other])), 'JACS_ATTACHMENT');
  });
});
