'use strict';
// What is the agent's own is neither attached nor written over.

const fs = require('node:fs');
const path = require('node:path');
const { newAgent } = require('../support/agents.js');
const { filesUnder } = require('../support/folder.js');

const bytes = (text) => Buffer.from(text);
let place;
beforeAll(async () => {
  place = await newAgent();
});

const contentsOf = (folder) =>
  Object.fromEntries(filesUnder(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), 'base64')]));

describe('what is not attached', () => {
  test.each([true, null])(
    'keys, the store and the configuration, by themselves and in a folder (embed: %p)',
    async (embed) => {
      const { agent, folder, keys, data } = place;
      await agent.createDocument({}, { attachments: { path: 'a', contents: bytes('in the store') } });
      const before = filesUnder(data).length;
      const link = path.join(folder, 'link-to-keys');
      if (!fs.existsSync(link)) fs.symlinkSync(keys, link);
      for (const attachments of [
        folder,
        keys,
        data,
        path.join(keys, fs.readdirSync(keys)[0]),
        path.join(data, 'files'),
        link,
      ])
        await expect(agent.createDocument({}, { attachments, embed })).rejects.toMatchObject({
          code: 'JACS_ATTACHMENT',
        });
      expect(filesUnder(data)).toHaveLength(before);
      fs.rmSync(link);
    },
  );
});

describe('what is not written over', () => {
  test.each([true, false])('keys, the store and the configuration (overwrite: %p)', async (overwrite) => {
    const { agent, folder, keys, data } = place;
    const relative = (name) => path.relative(folder, name).split(path.sep).join('/');
    const names = [`${relative(keys)}/jacs.private.pem.enc`, `${relative(data)}/files/${'0'.repeat(64)}`];
    for (const name of names) {
      const attachments = [
        { path: 'harmless.txt', contents: bytes('x') },
        { path: name, contents: bytes('planted') },
      ];
      const text = await agent.createDocument({}, { attachments, embed: true, noSave: true });
      const before = contentsOf(folder);
      const saved = agent.saveAttachments(text, folder, { overwrite });
      await expect(saved).rejects.toMatchObject({ code: expect.stringMatching(/JACS_ATTACHMENT|JACS_CONFLICT/) });
      expect(contentsOf(folder)).toEqual(before);
    }
  });
});

describe('what a document says that is stored', () => {
  test('is what its entries say, also when the same bytes are embedded and the stored entry is dropped', async () => {
    const { agent } = place;
    const stored = await agent.createDocument({}, { attachments: { path: 's', contents: bytes('same') } });
    const { jacsId: id, jacsVersion } = JSON.parse(stored);
    const both = await agent
      .updateDocument(`${id}:${jacsVersion}`, {}, { path: 'e', contents: bytes('same') }, true)
      .catch((error) => error);
    expect(both).toMatchObject({ code: 'JACS_INPUT' });
    const attachments = [{ path: 'e', contents: bytes('same') }];
    const second = JSON.parse(await agent.updateDocument(`${id}:${jacsVersion}`, {}, { attachments, embed: true }));
    expect(second.jacsFilesStored).toHaveLength(1);
    const jacsFiles = second.jacsFiles.filter(({ embed }) => embed);
    const third = JSON.parse(await agent.updateDocument(`${id}:${second.jacsVersion}`, { jacsFiles }));
    expect(third.jacsFiles).toEqual(jacsFiles);
    expect(third).not.toHaveProperty('jacsFilesStored');
    const twice = { jacsFiles: [...jacsFiles, ...jacsFiles] };
    await expect(agent.updateDocument(`${id}:${third.jacsVersion}`, twice)).rejects.toMatchObject({
      code: 'JACS_INPUT',
    });
  });
});

test('many deep paths are looked at in little memory', async () => {
  const { agent } = place;
  const name = (index) => `q${index}/${'a/'.repeat(2000)}z`;
  const attachments = Array.from({ length: 100 }, (_, index) => ({ path: name(index), contents: bytes('x') }));
  const before = process.memoryUsage().rss;
  const text = await agent.createDocument({}, { attachments, embed: true, noSave: true });
  expect(JSON.parse(text).jacsFiles).toHaveLength(100);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
});

test('bytes that were given away are refused', async () => {
  const contents = new Uint8Array(8);
  structuredClone(contents.buffer, { transfer: [contents.buffer] });
  const made = place.agent.createDocument({}, { attachments: { path: 'a', contents } });
  await expect(made).rejects.toMatchObject({ code: 'JACS_INPUT' });
});
