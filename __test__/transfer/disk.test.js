'use strict';
// A target that is full or may not be written, and a source that may not be read everywhere: told, and gone on with.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { startAgent } = require('../support/child.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { NOBODY, unprivilegedNode } = require('../support/unprivileged.js');
const { addMass, fsConfig, lackingFiles, nameOf, objectsOf, rootsOf, newStore } = require('../support/transfer.js');

let store;
let texts;
let objects;
beforeAll(async () => {
  store = await newStore();
  // Six megabytes.
  texts = await addMass(store.agent, { mass: 50, files: 3 });
  for (const seed of [90, 95]) texts.push(...(await addMass(store.agent, { files: 1, seed })));
  objects = objectsOf(store.data);
});

/** Everything that is at the target is the source's. */
function expectWhole(there, lacking) {
  for (const [name, hash] of there) expect([name, hash]).toEqual([name, objects.get(name)]);
  expect(lacking).toEqual([]);
}

describeWith(['mount'], 'a target that is full', () => {
  const MOUNTED = 'mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@"';
  let roots;

  test('is told, and when there is room the next call has the rest', async () => {
    const to = temporaryFolder();
    const wrapper = ['unshare', '--mount', 'sh', '-c', MOUNTED, 'sh', to];
    const child = await startAgent(store, { wrapper });
    const seen = path.join('/proc', String(child.pid), 'root', to);
    const checkpoint = path.join(temporaryFolder(), 'checkpoint');
    const options = { from: fsConfig(store.data), to: fsConfig(to), env: {}, checkpoint };
    const migrate = ({ require }, name, all) => require(name).Agent.migrate(all);
    const { value, error } = await child.run(migrate, root, options);
    if (error) expect(error).toMatchObject({ code: 'JACS_UNAVAILABLE', retryable: true });
    else {
      expect(value.failed).toBeGreaterThan(0);
      for (const failure of value.failures) {
        expect(failure).toMatchObject({ kind: 'failed', code: 'JACS_UNAVAILABLE', severity: 'damage' });
      }
      roots = { told: value.root, real: rootsOf(store.data, seen) };
    }
    expectWhole(objectsOf(seen), lackingFiles(seen));
    const grow = ({ require }, folder) =>
      require('node:child_process').execFileSync('mount', ['-o', 'remount,size=50m', folder]).toString();
    expect(await child.run(grow, to)).toEqual({ value: '' });
    const { value: report } = await child.run(migrate, root, options);
    expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
    expect(report.copied + report.same).toBe(objects.size);
    expect(objectsOf(seen)).toEqual(objects);
    expect(fs.existsSync(checkpoint)).toBe(false);
  }, 60_000);

  test('is told by the roots, too', () => {
    expect(roots.told).toEqual(roots.real);
  });
});

describeWith(['setpriv'], 'without the right', () => {
  /** Migrates as nobody: what `Agent.migrate` came to. */
  async function asNobody(from, to) {
    const options = { from: fsConfig(from), to: fsConfig(to), env: {} };
    const script = `
      require('jacs-agent').Agent.migrate(${JSON.stringify(options)}).then(
        (report) => console.log(JSON.stringify({ report })),
        ({ code, retryable }) => console.log(JSON.stringify({ error: { code, retryable } })),
      );`;
    const { code, stdout, stderr } = await unprivilegedNode(script);
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout);
  }

  /** A copy of the store that nobody owns, and a folder of his. */
  function places() {
    const folder = temporaryFolder({ readable: true });
    const [from, to] = ['from', 'to'].map((name) => path.join(folder, name));
    fs.cpSync(store.data, from, { recursive: true });
    fs.mkdirSync(to);
    for (const place of [from, to]) {
      fs.chownSync(place, NOBODY, NOBODY);
      for (const name of fs.readdirSync(place, { recursive: true }))
        fs.chownSync(path.join(place, name), NOBODY, NOBODY);
    }
    return { from, to };
  }

  test('to read one document, all others are copied', async () => {
    const { from, to } = places();
    const name = nameOf(texts[0]);
    fs.chownSync(path.join(from, name), 0, 0);
    const { report } = await asNobody(from, to);
    expect(report).toMatchObject({ copied: objects.size - 1, conflicts: 0, failed: 1 });
    expect(report.failures).toMatchObject([{ kind: 'unreadable', code: 'JACS_PERMISSION', path: name }]);
    expectWhole(objectsOf(to), lackingFiles(to));
  }, 60_000);

  test('to read one document, there is no root', async () => {
    const { from, to } = places();
    fs.chownSync(path.join(from, nameOf(texts[0])), 0, 0);
    const { report } = await asNobody(from, to);
    expect(report).toMatchObject({ failed: 1, copied: objects.size - 1 });
    // Equal ones would say that all is there.
    expect(report.root).toBeUndefined();
  }, 60_000);

  test('to write into the target, nothing is said to be copied', async () => {
    const { from, to } = places();
    fs.chownSync(to, 0, 0);
    fs.chmodSync(to, 0o755);
    const { report, error } = await asNobody(from, to);
    if (error) expect(error).toEqual({ code: 'JACS_PERMISSION', retryable: false });
    else expect(report).toMatchObject({ copied: 0, same: 0, failed: objects.size });
    expect(objectsOf(to).size).toBe(0);
  }, 60_000);

  test('to list the source, the call is refused', async () => {
    const { from, to } = places();
    fs.chownSync(path.join(from, 'documents'), 0, 0);
    fs.chmodSync(path.join(from, 'documents'), 0o700);
    expect((await asNobody(from, to)).error).toEqual({ code: 'JACS_PERMISSION', retryable: false });
  }, 60_000);
});
