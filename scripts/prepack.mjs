// Before `npm pack`: refuses to pack a tarball without the addon, or with one that is older than its sources.
import fs from 'node:fs';
import path from 'node:path';
import { Failure, main, output, root } from './process.mjs';

const SOURCES = ['src', 'Cargo.toml', 'Cargo.lock', 'build.rs'];
const BUILD = 'run `npm run build` first';

main(() => {
  const addons = fs.readdirSync(root).filter((name) => name.endsWith('.node'));
  if (addons.length === 0) throw new Failure(`there is no release addon: ${BUILD}`);
  const newest = SOURCES.flatMap(filesUnder).reduce((a, b) => (changed(a) > changed(b) ? a : b));
  for (const addon of addons) {
    if (changed(addon) < changed(newest)) throw new Failure(`${addon} is older than ${newest}: ${BUILD}`);
  }
  for (const name of JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).files) {
    if (!name.includes('*') && !fs.existsSync(path.join(root, name))) throw new Failure(`${name} is missing`);
  }
  const env = { ...process.env };
  delete env.NAPI_RS_NATIVE_LIBRARY_PATH;
  if (output(process.execPath, ['-e', 'require("./index.js")'], { env }) === undefined) {
    throw new Failure(`no addon here loads on this platform: ${BUILD}`);
  }
});

function filesUnder(name) {
  if (!fs.statSync(path.join(root, name)).isDirectory()) return [name];
  return fs.readdirSync(path.join(root, name)).flatMap((entry) => filesUnder(path.join(name, entry)));
}

function changed(name) {
  return fs.statSync(path.join(root, name)).mtimeMs;
}
