'use strict';
// Which name a file gets in the document, and the paths that are refused: nothing is signed then, and nothing stored.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { FORMS, keyOf, newAgent, refusal, treeOf } = require('../support/agents.js');
const { bytesOf, entriesOf, inNewFolder, pathsOf, sha256, written } = require('../support/attachments.js');
const { temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');

const here = inNewFolder();
let place;
let agent;
let stored;
let outside;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  written(here.folder, {
    'a.txt': 'a',
    'b.txt': 'b',
    'sub/c.txt': 'c',
    'sub/deep/d.txt': 'd',
    'sub/a.txt': 'other a',
    '.hidden/.dot': 'dot',
    'with space/ü\u{1f600}\\\n.txt': 'odd',
  });
  fs.mkdirSync('empty/also empty', { recursive: true });
  outside = written(temporaryFolder(), { 'out.txt': 'out', 'tree/1.txt': '1', 'tree/in/2.txt': '2', 'a.txt': 'far a' });
  stored = await agent.createDocument({ title: 'stored' });
});

const create = (attachments, embed) => agent.createDocument({ title: 'x' }, { attachments, embed });

/** Refused in both forms and for all kinds of attachment, with nothing stored; the error of the first. */
async function refused(attachments, { code = 'JACS_ATTACHMENT', kinds = [undefined, true, false] } = {}) {
  const before = treeOf(place.folder, { times: true });
  const errors = [];
  for (const call of Object.values(FORMS)) {
    for (const embed of kinds) {
      errors.push(await refusal(call(agent, 'createDocument', {}, { attachments, embed }), code));
      errors.push(await refusal(call(agent, 'updateDocument', keyOf(stored), {}, { attachments, embed }), code));
    }
  }
  expect(treeOf(place.folder, { times: true })).toEqual(before);
  for (const error of errors) expect(error).not.toHaveProperty('document');
  return errors[0];
}

describe('the name in the document', () => {
  test.each([
    ['a.txt', ['a.txt']],
    ['./a.txt', ['a.txt']],
    ['.//sub///c.txt', ['sub/c.txt']],
    ['sub/../a.txt', ['a.txt']],
    ['sub/deep/../../sub/./c.txt', ['sub/c.txt']],
    ['sub', ['sub/a.txt', 'sub/c.txt', 'sub/deep/d.txt']],
    ['sub/', ['sub/a.txt', 'sub/c.txt', 'sub/deep/d.txt']],
    ['sub/deep', ['sub/deep/d.txt']],
    ['.hidden', ['.hidden/.dot']],
    ['with space', ['with space/ü\u{1f600}\\\n.txt']],
  ])('%j is relative to the working directory', async (given, expected) => {
    for (const embed of [undefined, true, false]) {
      for (const one of [given, path.resolve(given) + (given.endsWith('/') ? '/' : '')]) {
        expect(pathsOf(await create(one, embed))).toEqual(expected);
      }
    }
  });

  test('of the working directory itself is that of each file', async () => {
    const text = await create('.', true);
    expect(pathsOf(text)).toEqual([
      '.hidden/.dot',
      'a.txt',
      'b.txt',
      'sub/a.txt',
      'sub/c.txt',
      'sub/deep/d.txt',
      'with space/ü\u{1f600}\\\n.txt',
    ]);
  });

  test('of what lies outside is its own name, or that of the folder and what is in it', async () => {
    for (const embed of [undefined, true]) {
      expect(pathsOf(await create(path.join(outside, 'out.txt'), embed))).toEqual(['out.txt']);
      const relative = path.relative(here.folder, path.join(outside, 'out.txt'));
      expect(relative).toMatch(/^\.\.\//);
      expect(pathsOf(await create(relative, embed))).toEqual(['out.txt']);
      expect(pathsOf(await create(path.join(outside, 'tree'), embed))).toEqual(['tree/1.txt', 'tree/in/2.txt']);
      expect(pathsOf(await create(`${outside}/tree/in/..`, embed))).toEqual(['tree/1.txt', 'tree/in/2.txt']);
    }
    const text = await create([path.join(outside, 'tree'), 'sub/deep']);
    expect(pathsOf(text)).toEqual(['tree/1.txt', 'tree/in/2.txt', 'sub/deep/d.txt']);
    expect((await bytesOf(agent.readAttachment(text, 'tree/in/2.txt'))).toString()).toBe('2');
  });

  test('never tells where the machine keeps it', async () => {
    const text = await create([
      path.join(outside, 'tree'),
      path.resolve('a.txt'),
      { path: 'n', contents: Buffer.of(1) },
    ]);
    for (const folder of [outside, here.folder, place.folder]) expect(text).not.toContain(folder);
  });

  test('is in the order of the bytes in a folder, and as given in a list', async () => {
    const names = ['Z', 'a', 'a-b', 'a.b', 'a/z', 'é', '\ufb33', '\u{1f600}', '10', '9'];
    const files = names.filter((name) => name !== 'a').map((name) => `sorted/${name}`);
    written(here.folder, Object.fromEntries(files.map((name) => [name, name])));
    const byBytes = files.toSorted((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two)));
    expect(pathsOf(await create('sorted'))).toEqual(byBytes);
    expect(pathsOf(await create(['sub/c.txt', 'b.txt', 'a.txt']))).toEqual(['sub/c.txt', 'b.txt', 'a.txt']);
  });

  test('of 255 bytes, and a path of 4000, are fine', async () => {
    const name = `${'é'.repeat(125)}.txt`;
    expect(Buffer.byteLength(name)).toBe(254);
    const long = `${'d'.repeat(199)}/`.repeat(20).slice(0, -1);
    fs.mkdirSync('long');
    written(here.folder, { [`long/${name}`]: 'x' });
    expect(pathsOf(await create(`long/${name}`))).toEqual([`long/${name}`]);
    const text = await create({ path: long, contents: Buffer.from('deep') });
    expect(pathsOf(text)).toEqual([long]);
    expect((await bytesOf(agent.readAttachment(keyOf(text), long))).toString()).toBe('deep');
  });
});

describe('refused: a path', () => {
  test.each([
    ['of nothing', () => 'missing.txt'],
    ['in no folder', () => 'missing/x.txt'],
    ['below a file', () => 'a.txt/x'],
    ['of nothing, outside', () => path.join(outside, 'missing')],
    ['of an empty folder', () => 'empty'],
    ['with NUL', () => 'a.txt\0'],
    ['with NUL within', () => 'sub\0/c.txt'],
    ['of 4096 characters', () => 'x'.repeat(4096)],
    ['of a part with 256 bytes', () => `sub/${'x'.repeat(256)}`],
    ['of the root', () => '/proc/self/nothing'],
    ['that is white space', () => ' '],
  ])('%s', async (_, given) => {
    const error = await refused(given());
    expect(error).toMatchObject({ path: expect.any(String) });
    await refused({ path: given() });
    // The first of a list may be read before the last is looked at; a document is never made.
    await refused(['a.txt', given()], { kinds: [true] });
  });

  test('names the file', async () => {
    expect((await refused('missing.txt')).path).toMatch(/missing\.txt$/);
    expect((await refused(['a.txt', { path: 'sub/missing.txt' }], { kinds: [true] })).path).toMatch(
      /sub\/missing\.txt$/,
    );
  });

  test('outside of the working directory for a reference', async () => {
    for (const one of [path.join(outside, 'out.txt'), path.relative(here.folder, path.join(outside, 'tree'))]) {
      await refused(one, { kinds: [false] });
      await refused(['a.txt', one], { kinds: [false] });
    }
  });

  test('of a folder that begins like the working directory', async () => {
    const beside = `${here.folder}-beside`;
    fs.mkdirSync(beside);
    written(beside, { 'x.txt': 'x' });
    try {
      await refused(path.join(beside, 'x.txt'), { kinds: [false] });
      expect(pathsOf(await create(path.join(beside, 'x.txt')))).toEqual(['x.txt']);
    } finally {
      fs.rmSync(beside, { recursive: true });
    }
  });

  test('of a name that is not UTF-8, given by its folder', async () => {
    const folder = path.join(here.folder, 'latin');
    fs.mkdirSync(folder);
    written(folder, { 'good.txt': 'good' });
    fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xe9, 0x2e, 0x74])]), 'latin');
    await refused('latin', { kinds: [true, false] });
    fs.rmSync(folder, { recursive: true });
  });

  test.each([
    ['twice', () => ['a.txt', 'a.txt']],
    ['in two spellings', () => ['a.txt', './sub/../a.txt']],
    ['and absolute', () => ['a.txt', path.resolve('a.txt')]],
    ['of the folder that has it', () => ['sub', 'sub/c.txt']],
    ['of bytes that have its name', () => ['a.txt', { path: 'a.txt', contents: Buffer.from('a') }]],
    ['with the same name outside', () => ['a.txt', `${outside}/a.txt`]],
    ['of bytes given twice', () => ['x', 'x'].map((name) => ({ path: name, contents: Buffer.from(name) }))],
  ])('%s: two files with one name', async (_, given) => {
    await refused(given(), { kinds: [undefined, true] });
  });
});

test('refused: more files than a document may have', async () => {
  const before = treeOf(place.folder, { times: true });
  const contents = new Uint8Array(0);
  const attachments = Array.from({ length: 65_537 }, (_, n) => ({ path: `${n}`, contents }));
  await refusal(create(attachments), 'JACS_ATTACHMENT');
  expect(treeOf(place.folder, { times: true })).toEqual(before);
});

describe('refused: a name for bytes', () => {
  const NAMES = [
    '/etc/x',
    '/',
    '..',
    '../x',
    'a/../x',
    'a/..',
    'a/../../x',
    './../x',
    'a\0b',
    '.',
    './',
    'a/',
    '/x/',
    'x'.repeat(4096),
    'y'.repeat(256),
  ];
  test.each(NAMES.map((name) => [JSON.stringify(name).slice(0, 30), name]))('%s', async (_, name) => {
    await refused({ path: name, contents: Buffer.from('bytes') }, { kinds: [undefined, true] });
  });

  test('that is also a folder of another', async () => {
    const named = (name) => ({ path: name, contents: Buffer.from(name) });
    // saveAttachments could never write both.
    await refused([named('a'), named('a/b')], { kinds: [undefined, true] });
  });
});

test('two names that differ in their case or in their composition are two', async () => {
  const names = ['X', 'x', '\u00e9', 'e\u0301'];
  const text = await create(names.map((name) => ({ path: name, contents: Buffer.from(name) })));
  expect(pathsOf(text)).toEqual(names);
  for (const name of names) expect((await bytesOf(agent.readAttachment(text, name))).toString()).toBe(name);
});

test('the working directory is that of the call', async () => {
  const own = path.join(here.folder, 'sub');
  process.chdir(own);
  try {
    const pending = create('c.txt', false);
    process.chdir(here.folder);
    const text = await pending;
    expect(entriesOf(text)).toMatchObject([{ path: 'c.txt', sha256: sha256('c') }]);
    process.chdir(own);
    expect((await bytesOf(agent.readAttachment(text, 'c.txt'))).toString()).toBe('c');
  } finally {
    process.chdir(here.folder);
  }
});

describe('a working directory that was removed', () => {
  const outcomes = async (attachments) => {
    const script = `(async () => {
      const { Agent } = require(${JSON.stringify(root)});
      const fs = require('node:fs');
      const agent = new Agent();
      await agent.load(${JSON.stringify(place.config)}, { password: ${JSON.stringify(place.password)}, env: {} });
      fs.mkdirSync('gone');
      process.chdir('gone');
      fs.rmdirSync(process.cwd());
      const options = { attachments: ${attachments}, embed: true, noSave: true };
      console.log(await agent.createDocument({}, options).then(() => 'made', ({ code }) => code));
    })()`;
    return (await succeed(process.execPath, ['-e', script], { cwd: here.folder })).trim();
  };

  test('a relative path is refused', async () => {
    expect(await outcomes("'a.txt'")).toMatch(/^JACS_(ATTACHMENT|CONFIG)$/);
  });

  test('bytes need none', async () => {
    expect(await outcomes("{ path: 'x', contents: Buffer.of(1) }")).toBe('made');
  });
});
