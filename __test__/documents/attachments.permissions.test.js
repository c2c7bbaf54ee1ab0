'use strict';
// A user without permission to some place on the way of an attachment: told what it is, and nothing is made.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { newAgent, treeOf } = require('../support/agents.js');
const { nameOfFile, sha256, written } = require('../support/attachments.js');
const { startAgent } = require('../support/child.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { OWN_ADDON } = require('../support/run.js');
const { AS_NOBODY, NOBODY, readablePackage } = require('../support/unprivileged.js');

const MISSING = { code: 'JACS_ATTACHMENT' };

describeWith(['setpriv'], 'another user', () => {
  let place;
  let child;
  let text;
  let inputs;
  let cwd;

  beforeAll(async () => {
    place = await newAgent({ settings: { jacs_cache_bytes: 0 } });
    inputs = written(temporaryFolder({ readable: true }), {
      'folder/a.txt': 'a',
      'folder/in/b.txt': 'b',
      'x.txt': 'x',
    });
    text = await place.agent.createDocument({}, { attachments: path.join(inputs, 'x.txt') });
    for (const folder of [place.folder, inputs]) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, folder]);
    cwd = readablePackage();
    fs.chownSync(cwd, NOBODY, NOBODY);
    const env = { HOME: cwd, ...OWN_ADDON };
    child = await startAgent(place, { wrapper: AS_NOBODY, name: 'jacs-agent', cwd, env });
  });

  /** The outcome of something while nobody may not even look at a place. */
  async function without(where, call, mode = 0) {
    const before = fs.statSync(where).mode;
    fs.chmodSync(where, mode);
    return call().finally(() => fs.chmodSync(where, before));
  }

  const at = (name) => path.join(inputs, name);
  const create = (name, embed) => child.call('createDocument', {}, { attachments: at(name), embed });
  /** A stream does not go from one process to another. */
  const read = () =>
    child.run(async ({ agent }, from) => {
      let bytes = '';
      for await (const chunk of agent.readAttachment(from, 'x.txt')) bytes += Buffer.from(chunk);
      return bytes;
    }, text);

  test('with it all is well', async () => {
    for (const embed of [undefined, true]) expect(await create('folder', embed)).toEqual({ value: expect.any(String) });
    expect(await read()).toEqual({ value: 'x' });
  });

  test.each([
    ['a file', 'x.txt', 'x.txt', 0],
    ['a folder', 'folder', 'folder', 0],
    ['a folder that may only be entered', 'folder', 'folder', 0o100],
    ['a folder that may only be listed', 'folder', 'folder', 0o400],
    ['a folder in the folder', 'folder', 'folder/in', 0],
    ['a file in the folder', 'folder', 'folder/in/b.txt', 0],
    ['a folder on the way to a file', 'folder/in/b.txt', 'folder', 0],
  ])('%s: nothing is made', async (_, given, closed, mode) => {
    const before = filesUnder(place.data).filter((name) => name.startsWith('documents/'));
    for (const embed of [undefined, true]) {
      const { error, value } = await without(at(closed), () => create(given, embed), mode);
      expect(error ?? value).toMatchObject(MISSING);
      expect(error.path).toEqual(expect.stringContaining(inputs));
      expect(error.document).toBeUndefined();
    }
    expect(filesUnder(place.data).filter((name) => name.startsWith('documents/'))).toEqual(before);
  });

  test.each([
    ['the stored file', () => path.join(place.data, nameOfFile(sha256('x')))],
    ['files/', () => path.join(place.data, 'files')],
  ])('%s: reading fails, and says that it is not the bytes that are wrong', async (_, where) => {
    const { error, value } = await without(where(), read);
    expect(error ?? value).toMatchObject({ code: expect.stringMatching(/^JACS_(PERMISSION|ATTACHMENT)$/) });
    const report = await without(where(), () => child.call('inspectDocument', text, { contents: true }));
    expect(report.error?.code ?? report.value.code).toMatch(/^JACS_(PERMISSION|ATTACHMENT)$/);
    expect(await read()).toEqual({ value: 'x' });
  });

  test('files/ that may not be written: no document', async () => {
    const before = treeOf(place.data);
    written(inputs, { 'new.txt': 'never stored before' });
    const { error, value } = await without(path.join(place.data, 'files'), () => create('new.txt'), 0o500);
    expect(error ?? value).toMatchObject({ code: 'JACS_PERMISSION' });
    expect(treeOf(place.data)).toEqual(before);
    expect(await create('new.txt')).toEqual({ value: expect.any(String) });
  });

  test('a directory for saved files that may not be written', async () => {
    const target = temporaryFolder({ readable: true });
    for (const directory of [target, path.join(target, 'made')]) {
      const { error, value } = await child.call('saveAttachments', text, directory);
      expect(error ?? value).toMatchObject({ code: 'JACS_PERMISSION' });
    }
    expect(fs.readdirSync(target)).toEqual([]);
  });
});
