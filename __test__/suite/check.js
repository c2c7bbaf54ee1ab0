'use strict';
// Part of storage.suite.js: a look at every object, and repair from a mirror on this machine's disk.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf, treeOf } = require('../support/agents.js');
const { sha256 } = require('../support/attached.js');
const { temporaryFolder } = require('../support/folder.js');
const { nameOf } = require('../support/raw.js');
const { rehashed } = require('../support/witness.js');

const found = ({ findings }) => findings.map(({ kind, path: at }) => `${kind} ${at}`).sort();
const bytesOf = (text) => [{ path: 'a.txt', contents: Buffer.from(text) }];

module.exports = (world, { reachable }) =>
  describe('check', () => {
    test('has nothing to say of a sound store', async () => {
      const agent = await world.again();
      expect(await agent.check()).toEqual({
        scanned: 0,
        bytes: 0,
        damaged: 0,
        repaired: 0,
        findings: [],
        complete: true,
      });
      const texts = await agent.createDocuments(Array.from({ length: 150 }, (_, number) => ({ number })));
      let key = keyOf(texts[0]);
      for (let n = 0; n < 12; n++) key = keyOf(await agent.updateDocument(key, { n }));
      for (const text of ['one', 'other']) await agent.createDocument({ text }, { attachments: bytesOf(text) });
      await agent.createDocument({}, { attachments: bytesOf('inside'), embed: true });
      const progress = [];
      const report = await agent.check({ onProgress: (now) => progress.push(now) });
      // The agent's own document, the files, and every version.
      const scanned = 1 + 2 + 150 + 12 + 3;
      expect(report).toEqual({
        scanned,
        bytes: expect.any(Number),
        damaged: 0,
        repaired: 0,
        findings: [],
        complete: true,
      });
      expect(progress.at(-1)).toMatchObject({ done: scanned, failed: 0 });
    });

    if (!reachable) return;

    test('finds what was damaged, and only that; a mirror mends it', async () => {
      const { agent, raw } = world;
      const create = (fields, options) => agent.createDocument(fields, options);
      const texts = await agent.createDocuments(Array.from({ length: 6 }, (_, n) => ({ n, from: 'ours' })));
      const first = await create({ from: 'ours' });
      const second = await agent.updateDocument(keyOf(first), { from: 'ours', n: 2 });
      await agent.updateDocument(keyOf(second), { from: 'ours', n: 3 });
      const files = ['altered', 'gone'].map((name) => `${name} ${Math.random()}`);
      for (const text of files) await create({ text }, { attachments: bytesOf(text) });
      const [altered, gone] = files.map((text) => `files/${sha256(text)}`);

      // What other tests left there is neither new nor ours.
      const before = found(await agent.check());
      const mirror = path.join(temporaryFolder(), 'mirror');
      const names = [...texts, first, second].map((text) => nameOf(keyOf(text)));
      const saved = new Map();
      for (const name of [...names, altered, gone, nameOf(`${agent.id}:${agent.version}`, 'agents')]) {
        saved.set(name, await raw.get(name));
        fs.mkdirSync(path.dirname(path.join(mirror, name)), { recursive: true });
        fs.writeFileSync(path.join(mirror, name), saved.get(name));
      }
      const original = treeOf(mirror);

      const spoiled = new Map([
        [names[0], texts[0].slice(0, -1)],
        [names[1], texts[1].replace('ours', 'hers')],
        [names[2], rehashed({ ...JSON.parse(texts[2]), from: 'hers' })],
        [names[3], texts[4]],
        [altered, 'other bytes'],
      ]);
      for (const [name, bytes] of spoiled) await raw.put(name, bytes);
      for (const name of [nameOf(keyOf(first)), nameOf(keyOf(second)), gone]) await raw.remove(name);
      const stray = `${names[5].replace(/[^/]*$/, '')}notes-${Math.random()}.txt`;
      await raw.put(stray, 'stray');
      const expected = [
        `malformed ${names[0]}`,
        `hash ${names[1]}`,
        `signature ${names[2]}`,
        `misplaced ${names[3]}`,
        `attachment-altered ${altered}`,
        `attachment-missing ${gone}`,
        `missing-original ${nameOf(keyOf(first))}`,
        `missing-predecessor ${nameOf(keyOf(second))}`,
        `stray ${stray}`,
      ].sort();
      const news = (report) => found(report).filter((it) => !before.includes(it));
      const report = await agent.check();
      expect(news(report)).toEqual(expected);
      expect(before.filter((it) => !found(report).includes(it))).toEqual([]);

      const quarantine = path.join(temporaryFolder(), 'quarantine');
      const repairFrom = { jacs_default_storage: 'fs', jacs_data_directory: mirror };
      const repaired = await agent.check({ repairFrom, quarantine });
      expect(news(repaired)).toEqual(expected);
      expect(repaired.repaired).toBe(expected.length - 1);
      for (const [name, bytes] of saved) expect([name, await raw.get(name)]).toEqual([name, bytes]);
      expect(news(await agent.check())).toEqual([`stray ${stray}`]);
      const [call] = fs.readdirSync(quarantine);
      for (const [name, bytes] of spoiled) {
        expect(fs.readFileSync(path.join(quarantine, call, name)).equals(Buffer.from(bytes))).toBe(true);
      }
      expect(treeOf(mirror)).toEqual(original);
      await raw.remove(stray);
    });
  });
