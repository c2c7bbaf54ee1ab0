'use strict';
// A disk that is full or read-only, directories without permission, and what the umask must not change.

const fs = require('node:fs');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { succeed } = require('../support/run.js');
const { NOBODY, unprivilegedNode } = require('../support/unprivileged.js');
const { PASSWORD } = require('./forge.js');

/** A program that calls `body` with the package, a folder and what all bodies here need, and prints what it resolves to. */
function program(body, name, ...args) {
  const given = [name, ...args].map((value) => JSON.stringify(value)).join(', ');
  return `(${program.tools})(${given}).then(${body}).then((found) => console.log(JSON.stringify(found)))`;
}

program.tools = async function (name, folder, password) {
  const [fs, path] = [require('node:fs'), require('node:path')];
  const { Agent } = require(name);
  const disk = path.join(folder, 'disk');
  const data = path.join(disk, 'data');
  const own = { configPath: path.join(folder, 'jacs.config.json'), keyDirectory: path.join(folder, 'keys') };
  const agent = await Agent.create({ ...own, dataDirectory: data, password, env: {} });
  const failure = (error) => {
    const { code, retryable, key, document } = error;
    return { code, retryable, key, document };
  };
  const attempt = (promise) => promise.then((text) => ({ text }), failure);
  const keyOf = (text) => `${JSON.parse(text).jacsId}:${JSON.parse(text).jacsVersion}`;
  const under = (place) =>
    fs.readdirSync(place, { recursive: true }).map((entry) => {
      const stat = fs.lstatSync(path.join(place, entry));
      return { path: entry, directory: stat.isDirectory(), mode: (stat.mode & 0o7777).toString(8) };
    });
  /** What lies in the data directory beside whole documents. */
  const partial = async () => {
    const entries = under(data);
    const left = [];
    for (const { path: name, directory } of entries) {
      const [kind, id, version] = name.split('/');
      const whole = () => agent.getDocument(`${id}:${version.replace(/\.json$/, '')}`);
      if (directory ? !fs.readdirSync(path.join(data, name)).length : !(await attempt(whole())).text) left.push(name);
      else if (!['agents', 'documents'].includes(kind)) left.push(name);
    }
    return left;
  };
  const listed = async () => {
    const keys = [];
    for await (const { key } of agent.listDocuments()) keys.push(key);
    return keys.sort();
  };
  return { fs, path, Agent, agent, folder, disk, data, attempt, keyOf, under, partial, listed };
};

/** Runs a program where `disk` in its folder is a small filesystem of its own, which goes with it. */
async function onDisk(options, body) {
  const folder = temporaryFolder();
  fs.mkdirSync(`${folder}/disk`);
  const mounted = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"';
  const node = [process.execPath, '-e', program(body, root, folder, PASSWORD)];
  return JSON.parse(
    await succeed('unshare', ['--mount', 'sh', '-c', mounted, 'sh', options, `${folder}/disk`, ...node]),
  );
}

describeWith(['mount'], 'a disk', () => {
  const full = { code: 'JACS_UNAVAILABLE', retryable: true, key: expect.any(String), document: expect.any(String) };

  // Out of bytes, and out of inodes: the first fails in a write, the second in making a directory or a file.
  test.each(['size=512k', 'size=8m,nr_inodes=60'])(
    'that is full (%s) keeps whole documents and takes no other',
    async (size) => {
      const found = await onDisk(size, async ({ agent, attempt, keyOf, listed, partial }) => {
        const pad = 'x'.repeat(10_000);
        const texts = [];
        let failed;
        while (!failed && texts.length < 1000) {
          const { text, ...rest } = await attempt(agent.createDocument({ pad }));
          if (text) texts.push(text);
          else failed = rest;
        }
        const together = await Promise.all(Array.from({ length: 16 }, () => attempt(agent.createDocument({ pad }))));
        const update = await attempt(agent.updateDocument(keyOf(texts[1]), { pad }));
        const before = {
          listed: await listed(),
          partial: await partial(),
          again: await attempt(agent.saveDocument(failed.document)),
        };
        const newest = (await agent.getDocument(JSON.parse(texts[1]).jacsId)) === texts[1];
        for (const text of texts.slice(2, 6))
          await agent.removeDocument(JSON.parse(text).jacsId, { allVersions: true });
        const saved = (await agent.saveDocument(failed.document)) === failed.document;
        const read = (await agent.getDocument(failed.key)) === failed.document;
        const updated =
          (await agent.saveDocument(update.document)) === (await agent.getDocument(JSON.parse(texts[1]).jacsId));
        const created = await attempt(agent.createDocument({ n: 1 }));
        return {
          keys: texts.map(keyOf).sort(),
          failed,
          together,
          update,
          before,
          newest,
          saved,
          read,
          updated,
          created,
          left: await partial(),
        };
      });
      expect(found.keys.length).toBeGreaterThan(10);
      expect(found.failed).toMatchObject(full);
      expect(found.update).toMatchObject(full);
      for (const each of found.together) expect(each).toMatchObject(full);
      expect(found.before).toMatchObject({ listed: found.keys, partial: [], again: { code: 'JACS_UNAVAILABLE' } });
      expect(found).toMatchObject({ newest: true, saved: true, read: true, updated: true, left: [] });
      expect(found.created).toMatchObject({ text: expect.any(String) });
    },
  );

  test('that is full before the first document: what was signed is not lost', async () => {
    const found = await onDisk('size=64k', async ({ fs, agent, attempt, disk }) => {
      fs.writeFileSync(`${disk}/ballast`, Buffer.alloc(16 * 4096));
      const failed = await attempt(agent.createDocument({ n: 1 }));
      fs.rmSync(`${disk}/ballast`);
      const saved = await attempt(agent.saveDocument(failed.document));
      return { failed, saved, read: await attempt(agent.getDocument(failed.key)) };
    });
    expect(found.failed).toMatchObject(full);
    for (const each of [found.saved, found.read]) expect(each).toEqual({ text: found.failed.document });
  });

  test('that is mounted read-only is read, and takes nothing', async () => {
    const found = await onDisk('size=1m', async ({ agent, attempt, disk, keyOf, listed }) => {
      const mount = (how) => require('node:child_process').execFileSync('mount', ['-o', `remount,${how}`, disk]);
      const text = await agent.createDocument({ n: 1 });
      mount('ro');
      const refused = [
        await attempt(agent.createDocument({ n: 2 })),
        await attempt(agent.updateDocument(keyOf(text), { n: 2 })),
        await attempt(agent.removeDocument(keyOf(text))),
      ];
      const read = (await agent.getDocument(keyOf(text))) === text;
      const all = await listed();
      mount('rw');
      return { refused, read, all, saved: await attempt(agent.saveDocument(refused[0].document)) };
    });
    for (const each of found.refused) expect(each).toMatchObject({ code: 'JACS_PERMISSION', retryable: false });
    for (const each of found.refused.slice(0, 2)) expect(each).toMatchObject({ document: expect.any(String) });
    expect(found).toMatchObject({ read: true, saved: { text: found.refused[0].document } });
    expect(found.all).toHaveLength(1);
  });
});

describeWith(['setpriv'], 'without permission', () => {
  const refused = { code: 'JACS_PERMISSION', retryable: false };

  /** Runs a program as nobody, who owns its folder. */
  async function asNobody(body) {
    const folder = temporaryFolder({ readable: true });
    fs.chownSync(folder, NOBODY, NOBODY);
    const { code, stdout, stderr } = await unprivilegedNode(program(body, 'jacs-agent', folder, PASSWORD));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  test('to write documents/: reads, lists and updates go on, what was signed is not lost', async () => {
    const found = await asNobody(async ({ fs, agent, attempt, data, keyOf, listed, partial }) => {
      const text = await agent.createDocument({ n: 1 });
      fs.chmodSync(`${data}/documents`, 0o500);
      const failed = await attempt(agent.createDocument({ n: 2 }));
      const update = await attempt(agent.updateDocument(keyOf(text), { n: 3 }));
      const read = await attempt(agent.getDocument(JSON.parse(text).jacsId));
      const all = await listed();
      fs.chmodSync(`${data}/documents`, 0o700);
      return {
        failed,
        update,
        read,
        all,
        saved: await attempt(agent.saveDocument(failed.document)),
        left: await partial(),
      };
    });
    expect(found.failed).toMatchObject({ ...refused, document: expect.any(String) });
    expect(found.update).toMatchObject({ text: expect.any(String) });
    expect(found.read).toEqual(found.update);
    expect(found.all).toHaveLength(1);
    expect(found).toMatchObject({ saved: { text: found.failed.document }, left: [] });
  });

  test("to write a document's directory: its newest version stays what it was", async () => {
    const found = await asNobody(async ({ fs, agent, attempt, data, keyOf }) => {
      const text = await agent.createDocument({ n: 1 });
      const { jacsId: id } = JSON.parse(text);
      fs.chmodSync(`${data}/documents/${id}`, 0o500);
      const update = await attempt(agent.updateDocument(keyOf(text), { n: 2 }));
      const removal = await attempt(agent.removeDocument(keyOf(text)));
      const read = (await agent.getDocument(id)) === text;
      fs.chmodSync(`${data}/documents/${id}`, 0o700);
      await agent.saveDocument(update.document);
      return { update, removal, read, newest: await attempt(agent.getDocument(id)) };
    });
    expect(found.update).toMatchObject({ ...refused, document: expect.any(String) });
    expect(found.removal).toMatchObject(refused);
    expect(found).toMatchObject({ read: true, newest: { text: found.update.document } });
  });

  test('to read a file, a directory or documents/: says so, and is over when it is given', async () => {
    const found = await asNobody(async ({ fs, agent, attempt, data, keyOf }) => {
      const text = await agent.createDocument({ n: 1 });
      const { jacsId: id, jacsVersion: version } = JSON.parse(text);
      const codes = {};
      for (const place of [`documents/${id}/${version}.json`, `documents/${id}`, 'documents']) {
        const { mode } = fs.statSync(`${data}/${place}`);
        fs.chmodSync(`${data}/${place}`, 0);
        const calls = [agent.getDocument(keyOf(text)), agent.getDocument(id)];
        codes[place.split('/').length] = (await Promise.all(calls.map(attempt))).map(({ code }) => code);
        fs.chmodSync(`${data}/${place}`, mode);
      }
      return { codes, read: (await agent.getDocument(id)) === text };
    });
    const all = Array(2).fill('JACS_PERMISSION');
    expect(found).toEqual({ codes: { 1: all, 2: all, 3: all }, read: true });
  });

  test('to make the data directory: nothing is made', async () => {
    const found = await asNobody(async ({ fs, agent, attempt, folder, disk }) => {
      fs.chmodSync(folder, 0o500);
      const failed = await attempt(agent.createDocument({ n: 1 }));
      fs.chmodSync(folder, 0o700);
      const made = fs.existsSync(disk);
      return { failed, made, saved: await attempt(agent.saveDocument(failed.document)) };
    });
    expect(found.failed).toMatchObject({ ...refused, document: expect.any(String) });
    expect(found).toMatchObject({ made: false, saved: { text: found.failed.document } });
  });
});

// Windows has no umask; every other system takes these modes from it.
(process.platform === 'win32' ? describe.skip : describe)('modes', () => {
  test.each(['000', '022', '077', '777'])('are 0700 and 0600 under umask %s', async (mask) => {
    const folder = temporaryFolder();
    const body = async ({ agent, folder, keyOf, under }) => {
      const text = await agent.createDocument({ n: 1 }, { filename: `${folder}/copy.json` });
      await agent.updateDocument(keyOf(text), { n: 2 }, { filename: `${folder}/copy.json`, overwrite: true });
      await agent.changePassword({ password: 'Correct-Horse-7', newPassword: 'Correct-Horse-8' });
      return under(folder);
    };
    const script = `process.umask(0o${mask}); ${program(body, root, folder, PASSWORD)}`;
    const found = JSON.parse(await succeed(process.execPath, ['-e', script]));
    expect(found.length).toBeGreaterThan(15);
    expect(found.filter(({ directory, mode }) => mode !== (directory ? '700' : '600'))).toEqual([]);
  });
});
