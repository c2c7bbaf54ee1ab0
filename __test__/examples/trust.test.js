'use strict';
// The blocks of docs/trust.md run as they stand.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { cli, succeed } = require('../support/run.js');

const page = fs.readFileSync(path.join(root, 'docs', 'trust.md'), 'utf8');
const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);

test('the blocks of trust.md', async () => {
  const cwd = temporaryFolder();
  fs.mkdirSync(path.join(cwd, 'node_modules'));
  fs.symlinkSync(root, path.join(cwd, 'node_modules', 'jacs-agent'), 'dir');
  const env = { JACS_PRIVATE_KEY_PASSWORD: 'correct Horse battery 9' };
  expect(await cli(['init'], { cwd, env })).toMatchObject({ code: 0 });
  const outputs = [];
  for (const [index, block] of blocks.entries()) {
    fs.writeFileSync(path.join(cwd, `block-${index}.mjs`), `${block}await agent.close();\n`);
    outputs.push(await succeed(process.execPath, [`block-${index}.mjs`], { cwd, env }));
  }
  expect(outputs).toEqual(['JACS_KEY\ntrue pinned\n', '']);
  const keys = fs.readdirSync(path.join(cwd, 'jacs_keys'));
  expect(keys.filter((name) => /^jacs.private.*retired$/.test(name))).toHaveLength(1);
});
