'use strict';
// The blocks of docs/attachments.md run as they stand, in one folder with the files that they name.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { cli, run, succeed } = require('../support/run.js');

const env = { JACS_PRIVATE_KEY_PASSWORD: 'correct Horse battery 9' };
const page = fs.readFileSync(path.join(root, 'docs', 'attachments.md'), 'utf8');
const blocks = (mark) =>
  [...page.matchAll(new RegExp(`^\`\`\`${mark}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);

const PRELUDE = `import { Agent } from 'jacs-agent';
const agent = new Agent();
await agent.load('./jacs.config.json');
`;
const CHECKS = `console.log(report.toString());
console.log((await agent.versions(jacsId)).length);
const newest = JSON.parse(await agent.getDocument(jacsId));
console.log(newest.jacsFiles.map(({ path }) => path).join());
await agent.createDocument({}, { attachments: { path: 'other.txt', contents: Buffer.from('other') } });
`;

test('the blocks run, and find the files that nobody names', async () => {
  const cwd = temporaryFolder();
  fs.mkdirSync(path.join(cwd, 'node_modules'));
  fs.symlinkSync(root, path.join(cwd, 'node_modules', 'jacs-agent'), 'dir');
  fs.writeFileSync(path.join(cwd, 'report.pdf'), '%PDF-1.7 report');
  fs.writeFileSync(path.join(cwd, 'annex.pdf'), '%PDF-1.7 annex');
  await cli(['init'], { cwd, env });
  fs.writeFileSync(path.join(cwd, 'blocks.mjs'), [PRELUDE, ...blocks('js'), CHECKS].join(''));
  const printed = await succeed(process.execPath, ['blocks.mjs'], { cwd, env });
  expect(printed).toBe('%PDF-1.7 report\n2\nreport.pdf,annex.pdf\n');
  expect(fs.readFileSync(path.join(cwd, 'received', 'report.pdf'), 'utf8')).toBe('%PDF-1.7 report');

  const [script] = blocks('bash unnamed-files');
  const shell = `set -euo pipefail\njacs-agent() { node ${JSON.stringify(path.join(root, 'cli', 'main.js'))} "$@"; }\n${script}`;
  const unnamed = async () => {
    const { code, stdout, stderr } = await run('bash', ['-c', shell], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.split('\n').filter((name) => name !== '');
  };
  expect(await unnamed()).toEqual([]);
  const all = fs.readdirSync(path.join(cwd, 'jacs_data', 'files'));
  expect(all).toHaveLength(3);
  const removed = await cli(['list', '--json'], { cwd });
  const ids = removed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);
  for (const id of ids) await cli(['remove', id, '--all-versions', '--yes'], { cwd, env });
  expect(await unnamed()).toEqual(all.sort());
});
