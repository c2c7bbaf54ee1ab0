'use strict';
// Part of storage.suite.js: the whole store as an archive, and back.

const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf } = require('../support/agents.js');
const { newFile } = require('../support/archives.js');
const { noise } = require('../support/attachments.js');

const DOCUMENTS = 20;

module.exports = (world) =>
  describe('an archive', () => {
    /** The agent on another store, with documents, versions and files. */
    async function filled() {
      const agent = await world.again();
      const texts = await agent.createDocuments(Array.from({ length: DOCUMENTS }, (_, number) => ({ number })));
      const attachments = [
        { path: 'small', contents: noise(1000, 1) },
        { path: 'long', contents: noise(700_000, 2) },
      ];
      texts.push(await agent.updateDocument(keyOf(texts[0]), { title: 'second' }, { attachments }));
      return { agent, texts };
    }

    test('of the store, in an empty one, is the store', async () => {
      const { agent, texts } = await filled();
      const [file, again] = [newFile(), newFile()];
      const exported = await agent.exportArchive(file);
      // The agent's own document, and two files.
      expect(exported).toMatchObject({ copied: texts.length + 3, failed: 0, failures: [] });
      expect(exported.root.to).toBe(exported.root.from);
      const target = await world.again();
      const imported = await target.importArchive(file);
      expect(imported).toMatchObject({ copied: texts.length + 3, same: 0, failed: 0, failures: [], newAgents: [] });
      expect(imported).toMatchObject({ root: exported.root, bytes: exported.bytes });
      for (const text of texts) {
        expect(await target.getDocument(keyOf(text))).toBe(text);
        expect(await target.verifyDocument(text, { contents: true, baseDirectory: path.dirname(file) })).toBe(true);
      }
      expect(await all(target.listDocuments())).toHaveLength(DOCUMENTS);
      await target.exportArchive(again);
      expect(fs.readFileSync(again).equals(fs.readFileSync(file))).toBe(true);
      const second = await target.importArchive(file);
      expect(second).toMatchObject({ copied: 0, same: texts.length + 3, conflicts: 0, failed: 0 });
    });
  });
