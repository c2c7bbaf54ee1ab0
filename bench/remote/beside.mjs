// The frame of a bench on a server: ours and other clients, each in a process of its own, in one run on one server.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answer, must } from '../support/answer.mjs';
import { orders } from '../support/orders.mjs';
import { print, save } from '../support/record.mjs';
import { keyOf, loadAgent, newAgent } from '../support/subjects.mjs';
import { Workplace } from '../support/workplace.mjs';
import { printBeside, total } from './report.mjs';
import { countRequests } from './requests.mjs';
import { openServers } from './servers.mjs';
import { startSide } from './side.mjs';

const CONCURRENCY = 64;
/** Documents of one call. */
const CHUNK = 1000;
/** Documents whose requests are counted. */
const COUNTED = 128;
const PROVED = 20;

/**
 * Runs the bench `name`; resolves to the exit code. `server` is what must run (`rgw`, `dav`), `storage` ours,
 * `peer` the other client with its version.
 * - `place(servers)` makes a place on the server: `{ url, data(name), env(url), peers(url), remove() }`, where `url` is
 *   the server's, or a proxy's before it; `data` is a data directory of that name, `peers` the other sides by name,
 *   `[module, settings]`; they read what is in the directory `store`.
 * - `questions`, `{ name, ours, peer, target, cpuTarget, mostRequests }`: `ours` is a pass of agent.mjs, `peer` the name
 *   of a side and a pass of it.
 * - `sizes`: `{ documents, stored }`, of a pass and of the store that is read.
 */
export async function measureBeside({ name, server, storage, peer, sizes, place, questions }) {
  const options = { check: 'boolean', only: 'string', rounds: 'string', documents: 'string', stored: 'string' };
  const { values: flags } = parseArgs({
    options: Object.fromEntries(Object.entries(options).map(([option, type]) => [option, { type }])),
  });
  const documents = Number(flags.documents ?? sizes.documents);
  const stored = Math.max(documents, Number(flags.stored ?? sizes.stored));
  const asked = questions.filter((question) => question.name.includes(flags.only ?? ''));
  if (asked.length === 0) return 0;
  const servers = await openServers(server);
  if (!servers) {
    console.log(`left out: ${name}: it needs ${server}: npm run servers:install, as root`);
    return flags.check ? 1 : 0;
  }
  // On this disk are keys and lists alone; the servers' is another matter.
  const workplace = Workplace.open(0);
  const running = [];
  let made;
  try {
    made = await place(servers);
    const bench = { running, workplace, servers, storage, documents, stored, rounds: Number(flags.rounds ?? 9) };
    const comparisons = await compareAll(bench, servers.servers[server], made, asked);
    print({ comparisons });
    printBeside(comparisons);
    const usual = documents === sizes.documents && stored === sizes.stored;
    const results = { server, peer, documents, stored, concurrency: CONCURRENCY, comparisons };
    if (!flags.only && usual) {
      save(fileURLToPath(new URL('../results', import.meta.url)), name, workplace.folder, results);
    }
    const missed = ({ met, requestsMet }) => met === false || requestsMet === false;
    return flags.check && comparisons.some(missed) ? 1 : 0;
  } finally {
    await Promise.all(running.map((side) => side.stop()));
    made?.remove?.();
    await workplace.close();
    await servers.close();
  }
}

async function compareAll(bench, server, place, questions) {
  const files = await prepare(bench, place);
  const groups = server.processes.map(({ pid }) => pid);
  const start = (documents) => async (url) => {
    const shared = { ...files, documents, concurrency: CONCURRENCY };
    const data = { env: place.env(url), written: place.data('ours'), store: place.data('store') };
    const ours = ['agent.mjs', { storage: bench.storage, ...data }];
    const sides = {};
    for (const [name, [module, settings]] of Object.entries({ ours, ...place.peers(url) })) {
      sides[name] = await startSide(module, { ...shared, ...settings }, groups);
      bench.running.push(sides[name]);
    }
    return sides;
  };
  const sides = await start(bench.documents)(place.url);
  await prove(sides, files);
  const comparisons = [];
  for (const { name, ours, peer, target, cpuTarget } of questions) {
    const pair = { ours: sides.ours.pass(ours), peer: sides[peer[0]].pass(peer[1]) };
    comparisons.push(await answer({ name, target, cpuTarget, ...pair }, bench.rounds));
  }
  for (const side of Object.values(sides)) await side.close();
  const few = start(Math.min(COUNTED, bench.documents));
  const requests = await countRequests(bench.servers.startProxy, place.url, few, questions);
  return comparisons.map((comparison, index) => {
    const { mostRequests } = questions[index];
    const requestsMet = mostRequests && total(requests[index].ours) <= mostRequests;
    return { ...comparison, requests: requests[index], mostRequests, requestsMet };
  });
}

/**
 * The keys of an agent, a store of its documents, and files for the sides: `home`, `keys` of the stored documents,
 * `signed` texts of the bytes that the agent stores.
 */
async function prepare({ workplace, storage, documents, stored }, place) {
  const home = path.join(workplace.folder, 'agent');
  await (await newAgent(home, 'ring-Ed25519')).close();
  const agent = await loadAgent(home, place.data('store'), { jacs_default_storage: storage }, place.env(place.url));
  const texts = orders(Math.max(CHUNK, documents));
  const signed = await agent.createDocuments(texts.slice(0, documents), { noSave: true });
  // The first write also publishes the agent and makes what everything is in.
  const keys = [keyOf(await agent.createDocument(texts[0]))];
  while (keys.length < stored) {
    const chunk = texts.slice(0, Math.min(CHUNK, stored - keys.length));
    keys.push(...(await agent.createDocuments(chunk)).map(keyOf));
  }
  await agent.close();
  const kept = (list) => {
    const file = workplace.unused();
    fs.writeFileSync(file, JSON.stringify(list));
    return file;
  };
  return { home, keys: kept(keys), signed: kept(signed) };
}

/** All sides read the same. */
async function prove(sides, { keys }) {
  for (const key of JSON.parse(fs.readFileSync(keys, 'utf8')).slice(0, PROVED)) {
    const [id] = key.split(':');
    const text = await sides.ours.call('get', key);
    must(keyOf(text) === key, 'another document was read');
    for (const side of Object.values(sides)) {
      must((await side.call('get', key)) === text, 'the sides read different bytes');
      must((await side.call('newest', id)) === text, 'the sides read different bytes as the newest');
    }
  }
}
