'use strict';
// The README's JavaScript runs as it stands, one block after the other, in one empty folder.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');

const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);

test('the blocks of the README run in their order', async () => {
  expect(blocks).toHaveLength(4);
  const cwd = temporaryFolder();
  const modules = path.join(cwd, 'node_modules');
  fs.mkdirSync(modules);
  fs.symlinkSync(root, path.join(modules, 'jacs-agent'), 'dir');
  const outputs = [];
  for (const [index, block] of blocks.entries()) {
    const file = path.join(cwd, `block-${index}.mjs`);
    fs.writeFileSync(file, block);
    outputs.push(
      await succeed(process.execPath, [file], { cwd, env: { JACS_PRIVATE_KEY_PASSWORD: 'correct Horse battery 9' } }),
    );
  }
  expect(outputs[0]).toMatch(/^14\ntrue\n/);
  expect(outputs[0]).toMatch(/ false\n.* true\n/);
  expect(outputs[0]).toMatch(/true .* self\n$/);
  const saved = path.join(cwd, 'received', 'report.pdf');
  expect(outputs[2].replace(/\s+/g, ' ')).toBe(`true true true [ '${saved}' ] true `);
  expect(outputs[3]).toBe('true 0 true\n');
});

test('the README is short, and names every error code', () => {
  expect(readme.split('\n').length).toBeLessThan(250);
  const { errorCodes } = require('../../native.js');
  expect(errorCodes().filter((code) => !readme.includes(`| \`${code}\` |`))).toEqual([]);
});
