'use strict';
// A process that is killed while it creates documents: what resolved is there and whole, and nothing else is visible.

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Agent } = require('../../index.js');
const { root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { environment } = require('../support/run.js');

const PASSWORD = 'Correct-Horse-7';
const ROUNDS = process.env.JACS_TEST_SOAK === '1' ? 500 : 50;
const AT_A_TIME = 2;
const IN_FLIGHT = 8;
/** The longest that a child works, in ms. */
const WORK = 150;
const VERSION = /^(agents|documents)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([0-9a-f-]{36})\.json$/;

const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');

/** Runs in a process of its own: creates and updates without end, and prints each version as soon as it is promised. */
async function worker(name, config, password, inFlight) {
  const fs = require('node:fs');
  const crypto = require('node:crypto');
  const agent = new (require(name).Agent)();
  await agent.load(config, { password });
  fs.writeSync(1, 'loaded\n');
  const print = (text) => {
    const { jacsId, jacsVersion } = JSON.parse(text);
    const key = `${jacsId}:${jacsVersion}`;
    fs.writeSync(1, `${key} ${crypto.createHash('sha256').update(text).digest('hex')}\n`);
    return key;
  };
  const work = async () => {
    for (let n = 0; ; n++) {
      // Some are longer than what one write takes.
      const key = print(await agent.createDocument({ n, pad: 'x'.repeat(n % 3 ? 10 : 200_000) }));
      if (n % 4 === 3) print(await agent.updateDocument(key, { n }));
    }
  };
  for (let i = 0; i < inFlight; i++) work();
}

let configPath;
let folder;
beforeAll(async () => {
  folder = temporaryFolder();
  configPath = path.join(folder, 'jacs.config.json');
  const agent = await Agent.create({
    configPath,
    keyDirectory: path.join(folder, 'keys'),
    password: PASSWORD,
    env: {},
  });
  await agent.close();
});

/** Kills a child at a random moment of its work on `data`; the versions that it promised, with their hashes. */
async function killed(data) {
  const script = `(${worker})(...${JSON.stringify([root, configPath, PASSWORD, IN_FLIGHT])})`;
  const env = { ...environment(), JACS_DATA_DIRECTORY: data };
  const child = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  const closed = once(child, 'close');
  while (!printed.startsWith('loaded\n') && child.exitCode === null) await sleep(1);
  await sleep(Math.random() * WORK);
  child.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  const lines = printed.split('\n').slice(1, -1);
  return lines.map((line) => line.split(' '));
}

/** What lies in a data directory: keys of versions by tree, and names that are not of the layout. */
function contents(data) {
  const found = { agents: [], documents: [], others: [] };
  const entries = fs.existsSync(data) ? fs.readdirSync(data, { recursive: true, withFileTypes: true }) : [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const name = path.relative(data, path.join(entry.parentPath ?? entry.path, entry.name));
    const [, kind, id, version] = VERSION.exec(name) ?? [];
    if (kind && entry.isFile()) found[kind].push(`${id}:${version}`);
    else found.others.push(name);
  }
  return found;
}

async function round(tally) {
  const data = fs.mkdtempSync(path.join(folder, 'data-'));
  const promised = await killed(data);
  const { agents, documents, others } = contents(data);
  expect(others.filter((name) => !path.basename(name).startsWith('.tmp-'))).toEqual([]);

  const agent = new Agent();
  await agent.load(configPath, { password: PASSWORD, env: { JACS_DATA_DIRECTORY: data } });
  for (const [key, hash] of promised) expect([key, sha256(await agent.getDocument(key))]).toEqual([key, hash]);
  for (const key of [...agents, ...documents]) {
    const text = await agent.getDocument(key);
    expect(text).toBe(
      fs.readFileSync(
        path.join(
          data,
          JSON.parse(text).jacsType === 'agent' ? 'agents' : 'documents',
          `${key.replace(':', '/')}.json`,
        ),
        'utf8',
      ),
    );
  }

  const listed = [];
  for await (const { key } of agent.listDocuments({ allVersions: true })) listed.push(key);
  expect(listed.sort()).toEqual(documents.sort());
  const text = await agent.createDocument({ still: 'at work' });
  expect(await agent.getDocument(JSON.parse(text).jacsId)).toBe(text);
  await agent.close();
  fs.rmSync(data, { recursive: true });

  tally.promised += promised.length;
  tally.cutOff += documents.length > promised.length || others.length > 0 ? 1 : 0;
}

test(
  `killed ${ROUNDS} times while ${IN_FLIGHT} documents are under way`,
  async () => {
    const tally = { promised: 0, cutOff: 0, left: ROUNDS };
    const rounds = async () => {
      while (tally.left-- > 0) await round(tally);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, rounds));
    // Else the children were killed before they had begun, or never in the middle of something.
    expect(tally.promised).toBeGreaterThan(ROUNDS);
    expect(tally.cutOff).toBeGreaterThan(0);
  },
  ROUNDS * 10_000,
);
