'use strict';
// Links and what is neither file nor folder: at create links are followed only within what was given; references are
// read only below their directory.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { FORMS, keyOf, newAgent, refusal, treeOf } = require('../support/agents.js');
const { bytesOf, inNewFolder, pathsOf, sha256, entriesOf, written } = require('../support/attachments.js');
const { temporaryFolder } = require('../support/folder.js');

const here = inNewFolder();
let place;
let agent;
let outside;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  outside = written(temporaryFolder(), { 'secret.txt': 'secret', 'tree/leaf.txt': 'leaf' });
  written(here.folder, { 'a.txt': 'a', 'sub/b.txt': 'b' });
});

const create = (attachments, embed) => agent.createDocument({ title: 'x' }, { attachments, embed });

async function refused(attachments, kinds = [undefined, true, false]) {
  const before = treeOf(place.folder, { times: true });
  for (const call of Object.values(FORMS)) {
    for (const embed of kinds) {
      await refusal(call(agent, 'createDocument', {}, { attachments, embed }), 'JACS_ATTACHMENT');
    }
  }
  expect(treeOf(place.folder, { times: true })).toEqual(before);
}

/** A folder in the working directory with files and links: `{ name: target }`. */
function linked(name, links, files = { 'own.txt': 'own', 'in/deep.txt': 'deep' }) {
  const folder = written(path.join(here.folder, name), files);
  for (const [link, target] of Object.entries(links)) fs.symlinkSync(target, path.join(folder, link));
  return name;
}

describe('links in a folder', () => {
  test('to a file of it are followed: the bytes are there under both names', async () => {
    const folder = linked('within', { link: 'own.txt', 'in/up': '../own.txt', far: 'in/deep.txt' });
    const expected = ['within/far', 'within/in/deep.txt', 'within/in/up', 'within/link', 'within/own.txt'];
    for (const embed of [undefined, true]) {
      const text = await create(folder, embed);
      expect(pathsOf(text)).toEqual(expected);
      const hashes = Object.fromEntries(entriesOf(text).map((entry) => [entry.path, entry.sha256]));
      expect([hashes['within/link'], hashes['within/in/up']]).toEqual(Array(2).fill(sha256('own')));
      expect(hashes['within/far']).toBe(sha256('deep'));
    }
  });

  test('absolute ones within it are followed, or refused, but never left out', async () => {
    const folder = linked('absolute', {});
    fs.symlinkSync(path.resolve(folder, 'own.txt'), path.join(folder, 'link'));
    const outcome = await create(folder).then(pathsOf, ({ code }) => code);
    expect([['absolute/in/deep.txt', 'absolute/link', 'absolute/own.txt'], 'JACS_ATTACHMENT']).toContainEqual(outcome);
  });

  test('to a folder of it are followed, or refused, but never left out', async () => {
    const folder = linked('tofolder', { link: 'in' });
    const outcome = await create(folder).then(pathsOf, ({ code }) => code);
    const whole = ['tofolder/in/deep.txt', 'tofolder/link/deep.txt', 'tofolder/own.txt'];
    expect([whole, 'JACS_ATTACHMENT']).toContainEqual(outcome);
  });

  test.each([
    ['out of it', () => ({ link: path.join(outside, 'secret.txt') })],
    ['out of it and relative', () => ({ link: '../a.txt' })],
    ['out of it and back', () => ({ link: '../../../../../../../../etc/hostname' })],
    ['to a folder outside', () => ({ link: path.join(outside, 'tree') })],
    ['to nothing', () => ({ link: 'nothing' })],
    ['to itself', () => ({ link: 'link' })],
    ['in a ring', () => ({ one: 'two', two: 'one' })],
    ['to the folder around it', () => ({ link: '.' })],
    ['to a parent, deeper', () => ({ 'in/link': '..' })],
    ['by a link of it to the outside', () => ({ hop: outside, link: 'hop/secret.txt' })],
  ])('%s are refused', async (name, links) => {
    await refused(linked(`bad ${name}`, links()));
  });

  test('a folder beside it with a like name is outside', async () => {
    linked('name', {});
    written(path.join(here.folder, 'name-more'), { 'x.txt': 'x' });
    fs.symlinkSync('../name-more/x.txt', 'name/link');
    await refused('name');
  });
});

describe('a link by its own path', () => {
  test('within its folder and in the working directory is followed, and keeps its name', async () => {
    fs.symlinkSync('a.txt', 'link.txt');
    fs.symlinkSync('sub/b.txt', 'down.txt');
    fs.symlinkSync('../a.txt', 'sub/up.txt');
    for (const [name, bytes] of [
      ['link.txt', 'a'],
      ['down.txt', 'b'],
      ['sub/up.txt', 'a'],
    ]) {
      const text = await create(name);
      expect(entriesOf(text)).toMatchObject([{ path: name, sha256: sha256(bytes) }]);
      expect((await bytesOf(agent.readAttachment(keyOf(text), name))).toString()).toBe(bytes);
    }
  });

  test('outside of the working directory within its own folder is followed', async () => {
    fs.symlinkSync('secret.txt', path.join(outside, 'beside'));
    expect(pathsOf(await create(path.join(outside, 'beside')))).toEqual(['beside']);
  });

  test.each([
    ['out of both', () => path.join(outside, 'secret.txt')],
    ['to nothing', () => 'nothing at all'],
    ['to itself', (name) => name],
    ['to a device', () => '/dev/zero'],
    ['to the memory of this process', () => '/proc/self/environ'],
  ])('%s is refused', async (name, target) => {
    const link = `link ${name}`;
    fs.symlinkSync(target(link), link);
    await refused(link);
  });

  test.each([[undefined], [true], [false]])('out of both, to a folder, is refused (embed %p)', async (embed) => {
    const link = `to a folder ${embed}`;
    fs.symlinkSync(path.join(outside, 'tree'), link);
    await refused(link, [embed]);
  });

  test('a directory on the way that is a link out of the working directory: a reference is refused', async () => {
    fs.symlinkSync(outside, 'way');
    await refused('way/secret.txt', [false]);
    await refused('way/tree', [false]);
  });

  test('forty links one after the other end, and a hundred are refused', async () => {
    fs.mkdirSync('chain');
    written('chain', { 0: 'end' });
    for (let n = 1; n <= 100; n++) fs.symlinkSync(String(n - 1), `chain/${n}`);
    expect(pathsOf(await create('chain/20'))).toEqual(['chain/20']);
    await refused('chain/100');
  });
});

describe('what is neither file nor folder', () => {
  test('a FIFO is refused at once, by its path and in a folder', async () => {
    written('fifos', { 'a.txt': 'a' });
    execFileSync('mkfifo', ['fifos/fifo']);
    await refused('fifos/fifo');
    await refused('fifos');
    fs.symlinkSync('fifo', 'fifos/link');
    await refused('fifos/link');
  });

  test('a socket too', async () => {
    written('sockets', { 'a.txt': 'a' });
    const server = net.createServer();
    await new Promise((resolve) => {
      server.listen('sockets/s', resolve);
    });
    await refused('sockets/s');
    await refused('sockets');
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  test.each(['/dev/null', '/dev/zero', '/dev/stdin', '/dev/fd/0'])('%s', async (device) => {
    await refused(device);
  });
});

describe('a file whose length is not that of its bytes', () => {
  test.each(['/proc/version', '/proc/self/status', '/proc/self/mem'])('%s', async (file) => {
    await refused(file, [undefined, true]);
  });

  test('/sys says more than there is', async () => {
    await refused('/sys/kernel/mm/transparent_hugepage/enabled', [undefined, true]);
  });
});

describe('hard links and sparse files', () => {
  test('are files', async () => {
    fs.linkSync('a.txt', 'hard.txt');
    expect(entriesOf(await create('hard.txt'))).toMatchObject([{ path: 'hard.txt', sha256: sha256('a') }]);
    fs.closeSync(fs.openSync('holes', 'w'));
    fs.truncateSync('holes', 5_000_000);
    const text = await create('holes');
    expect(entriesOf(text)[0].sha256).toBe(sha256(Buffer.alloc(5_000_000)));
    expect((await bytesOf(agent.readAttachment(keyOf(text), 'holes'))).equals(Buffer.alloc(5_000_000))).toBe(true);
  });
});

describe('a reference', () => {
  test.each([
    ['is now a link out', () => fs.symlinkSync(path.join(outside, 'secret.txt'), 'ref/x.txt')],
    [
      'is now a link to the same bytes outside',
      () => fs.symlinkSync(written(outside, { same: 'x' }) + '/same', 'ref/x.txt'),
    ],
    ['is now a FIFO', () => execFileSync('mkfifo', ['ref/x.txt'])],
    ['is now a folder', () => fs.mkdirSync('ref/x.txt')],
    ['is now a link to itself', () => fs.symlinkSync('x.txt', 'ref/x.txt')],
    [
      'lies behind a directory that is a link out',
      () => {
        fs.rmSync('ref', { recursive: true });
        fs.symlinkSync(written(path.join(outside, 'ref'), { 'x.txt': 'x' }), 'ref');
      },
    ],
  ])('that %s is not read', async (_, change) => {
    fs.rmSync('ref', { recursive: true, force: true });
    written(here.folder, { 'ref/x.txt': 'x' });
    const text = await create('ref/x.txt', false);
    expect((await bytesOf(agent.readAttachment(keyOf(text), 'ref/x.txt'))).toString()).toBe('x');
    fs.rmSync('ref/x.txt');
    change();
    await refusal(bytesOf(agent.readAttachment(keyOf(text), 'ref/x.txt')), 'JACS_ATTACHMENT');
    await refusal(agent.assertDocument(text, { contents: true }), 'JACS_ATTACHMENT');
    await expect(agent.verifyDocument(text)).resolves.toBe(true);
    const target = path.join(temporaryFolder(), 'saved');
    await refusal(agent.saveAttachments(text, target), 'JACS_ATTACHMENT');
    expect(fs.existsSync(target) && fs.readdirSync(target).length > 0).toBe(false);
  });
});
