// `npm run build:debug`: the debug addon in target/addon-debug, where it never takes the release addon's place. The
// loader and the types that the build generates beside it go to where both builds keep them.
import fs from 'node:fs';
import path from 'node:path';
import { main, root, run } from './process.mjs';

const FOLDER = path.join('target', 'addon-debug');
const GENERATED = ['native.js', 'native.d.ts'];

main(() => {
  const cli = path.join('node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
  run(process.execPath, [
    cli,
    'build',
    '--platform',
    '--output-dir',
    FOLDER,
    '--js',
    GENERATED[0],
    '--dts',
    GENERATED[1],
  ]);
  for (const name of GENERATED) fs.copyFileSync(path.join(root, FOLDER, name), path.join(root, name));
});
