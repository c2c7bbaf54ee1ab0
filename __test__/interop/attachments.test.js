'use strict';
// Attachments and others: `jacs` for Python verifies embedded ones in its form and makes some that are read here; what is
// in a document and in the store is what sha256sum and base64 of coreutils say.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { keyOf, newAgent } = require('../support/agents.js');
const { bytesOf, entriesOf, inNewFolder, noise, storedOf, written } = require('../support/attachments.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith, python } = require('../support/needs.js');
const { succeed } = require('../support/run.js');

jest.setTimeout(120_000); // each exchange starts an interpreter

const PASSWORD = 'TestP@ss123!#';
const here = inNewFolder();
const FILES = {
  empty: '',
  'folder/large.bin': noise(1 << 20),
  'folder/text.txt': 'line\r\n'.repeat(1000),
  'picture.png': Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
};

beforeAll(() => {
  written(here.folder, FILES);
});

/** Runs a script of this folder with `jacs`; what it prints, as JSON. */
async function there(script, request, cwd) {
  const env = { HOME: temporaryFolder(), JACS_PRIVATE_KEY_PASSWORD: PASSWORD };
  const options = { cwd: cwd ?? env.HOME, env, input: JSON.stringify(request) };
  const output = await succeed(python(), [path.join(__dirname, script)], options);
  return JSON.parse(output.slice(output.lastIndexOf('\n', output.length - 2) + 1));
}

describeWith(['jacs for Python'], 'jacs for Python', () => {
  test.each(['ring-Ed25519', 'pq2025'])('verifies embedded files in its form, %s', async (algorithm) => {
    const { agent } = await newAgent({ algorithm });
    const options = { attachments: Object.keys(FILES), embed: true, attachmentForm: 'jacs' };
    const first = await agent.createDocument({ title: 'for jacs' }, options);
    const second = await agent.updateDocument(keyOf(first), { title: 'its second version' });
    const unsaved = await agent.createDocument({ title: 'unsaved' }, { ...options, noSave: true });
    // What is refused there has its reason in the file: the same verification sees one that was changed.
    const publicKey = agent.publicKey.toString('base64');
    const answers = await there('verify.py', { publicKey, documents: [first, second, unsaved] });
    expect(answers).toEqual(Array(3).fill({ valid: true, error: '' }));
  });

  test('makes documents with files, which are read here', async () => {
    const folder = written(temporaryFolder(), { 'note.txt': 'hello from there\n', 'more.bin': noise(70_000) });
    const { attached } = await there(
      'agent.py',
      {
        create: 'ed25519',
        attach: [
          ['{"n":1}', 'note.txt'],
          ['{"n":2}', 'more.bin'],
        ],
      },
      folder,
    );
    const agent = new Agent();
    await agent.load(path.join(folder, 'jacs.config.json'), { env: {}, password: PASSWORD });
    for (const [n, bytes] of [Buffer.from('hello from there\n'), noise(70_000)].entries()) {
      const [entry] = entriesOf(attached[n]);
      expect(entry.embed).toBe(true);
      await expect(agent.verifyDocument(attached[n], { contents: true })).resolves.toBe(true);
      expect((await bytesOf(agent.readAttachment(attached[n], entry.path))).equals(bytes)).toBe(true);
    }
    await agent.close();
  });
});

describe('coreutils', () => {
  /** What a command of a shell prints, by words. */
  const words = async (command, args, options) => (await succeed(command, args, options)).trim().split(/\s+/);

  test('sha256sum of each file is its hash in the document, and its name in the store', async () => {
    const place = await newAgent();
    for (const embed of [undefined, true, false]) {
      const text = await place.agent.createDocument({}, { attachments: Object.keys(FILES), embed });
      for (const entry of entriesOf(text)) expect(entry.sha256).toBe((await words('sha256sum', [entry.path]))[0]);
      expect(entriesOf(text)).toHaveLength(Object.keys(FILES).length);
      if (embed !== undefined) continue;
      expect(filesUnder(path.join(place.data, 'files'))).toEqual(storedOf(text));
      for (const name of storedOf(text)) {
        expect((await words('sha256sum', [path.join(place.data, 'files', name)]))[0]).toBe(name);
      }
    }
  });

  test('base64 decodes what is embedded to the file, and so does node', async () => {
    const { agent } = await newAgent();
    const text = await agent.createDocument({}, { attachments: Object.keys(FILES), embed: true });
    const folder = temporaryFolder();
    for (const [n, { path: name, contents }] of entriesOf(text).entries()) {
      expect(contents).toMatch(/^[A-Za-z0-9+/]*={0,2}$/);
      expect(Buffer.from(contents, 'base64').equals(fs.readFileSync(name))).toBe(true);
      written(folder, { [`${n}.b64`]: contents });
      const script = 'base64 -d "$1" > "$2" && cmp "$2" "$3"';
      const file = path.join(folder, String(n));
      await succeed('sh', ['-c', script, 'sh', `${file}.b64`, file, path.resolve(name)]);
    }
  });
});
