// `npm run quickstart [-- FOLDER]`: installs, builds and runs examples/quickstart.mjs.
import path from 'node:path';
import { installPackages } from './install.mjs';
import { main, npm, root, run } from './process.mjs';
import { checkToolchain } from './toolchain.mjs';

main(() => {
  checkToolchain();
  installPackages();
  npm(['run', '--silent', 'build']);
  const folder = process.argv[2] && path.resolve(process.env.INIT_CWD ?? process.cwd(), process.argv[2]);
  run(process.execPath, [path.join(root, 'examples', 'quickstart.mjs'), ...(folder ? [folder] : [])]);
});
