// The servers of the tests, and what the tests use to reach them.
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../../scripts/process.mjs';
import { processes } from '../../scripts/servers/all.mjs';
import { startServers } from '../../scripts/servers/attached.mjs';

const SUPPORT = '../../__test__/support';

/**
 * What `__test__/support` has for servers, where `name` (`rgw`, `dav`) runs: the one that JACS_TEST_SERVERS names or
 * `npm run servers` started, else one that is started here; undefined where it cannot be. `close` ends what was started.
 */
export async function openServers(name) {
  let own;
  if (!process.env.JACS_TEST_SERVERS && !isRunning(name)) {
    own = await startServers();
    process.env.JACS_TEST_SERVERS = own.file;
  }
  // The tests' own cleaning after each file is done at the end here.
  const cleanings = [];
  globalThis.afterAll = (cleaning) => cleanings.push(cleaning);
  const require = createRequire(import.meta.url);
  const [servers, remote, proxy] = ['servers', 'remote', 'proxy'].map((file) => require(`${SUPPORT}/${file}.js`));
  const close = async () => {
    for (const cleaning of cleanings) await cleaning();
    await own?.stop();
  };
  if (servers.servers[name]) return { ...servers, ...remote, ...proxy, close };
  await close();
}

function isRunning(wanted) {
  const found = processes(path.join(root, 'target', 'servers')).filter(([name]) => name === wanted);
  return found.length > 0 && found.every(([, , runs]) => runs);
}
