'use strict';
// Every example runs as it stands, in an empty folder.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');

const examples = path.join(root, 'examples');
const scripts = fs.readdirSync(examples).filter((name) => /\.[cm]?js$/.test(name));

test.each(scripts)('%s', async (name) => {
  const cwd = temporaryFolder();
  await succeed(process.execPath, [path.join(examples, name)], { cwd, env: { TMPDIR: cwd } });
});

test('quickstart.mjs: its agent is loaded the second time', async () => {
  const folder = path.join(temporaryFolder(), 'new');
  const quickstart = () => succeed(process.execPath, [path.join(examples, 'quickstart.mjs'), folder]);
  const [first, second] = [await quickstart(), await quickstart()];
  const id = (output) => output.match(/^ +id .*$/m)[0];
  expect(id(second)).toBe(id(first));
  expect(second).toMatch(/signature +true/);
  const stored = filesUnder(path.join(folder, 'jacs_data', 'documents'));
  expect(stored).toHaveLength(4);
});
