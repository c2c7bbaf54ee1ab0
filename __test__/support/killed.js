'use strict';
// Processes that are killed while they store documents with files, and what they leave behind.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { root } = require('./addon.js');
const { sha256 } = require('./attached.js');
const { temporaryFolder } = require('./folder.js');
const { environment } = require('./run.js');
const { faultsOf } = require('./witness.js');

/** So long is each file that they store, in bytes. */
const LENGTH = 24 * 2 ** 20;
const IN_FLIGHT = 3;

/** Runs in the process: creates and updates without end, and prints each version as soon as it is promised. */
async function worker(name, config, password, env, length, inFlight) {
  const crypto = require('node:crypto');
  const fs = require('node:fs');
  const { Readable } = require('node:stream');
  const agent = new (require(name).Agent)();
  await agent.load(config, { password, env });
  // What all of them have in common, and want to store at the same moment.
  const common = crypto.randomBytes(200_000);
  const sources = {
    file: (bytes, label) => {
      fs.writeFileSync(`${label}.bin`, bytes);
      return `${label}.bin`;
    },
    bytes: (contents) => ({ path: 'bytes.bin', contents }),
    stream: (contents) => {
      const pieces = Array.from({ length: 24 }, (_, n) =>
        contents.subarray((n * length) / 24, ((n + 1) * length) / 24),
      );
      return { path: 'stream.bin', contents: Readable.from(pieces) };
    },
  };
  const print = (text) => {
    const { jacsId, jacsVersion } = JSON.parse(text);
    const hash = crypto.createHash('sha256').update(text).digest('hex');
    fs.writeSync(1, `${jacsId}:${jacsVersion} ${hash}\n`);
    return `${jacsId}:${jacsVersion}`;
  };
  const work = async (number) => {
    const kinds = Object.values(sources);
    for (let n = number; ; n++) {
      const attachments = () => {
        const bytes = crypto.randomBytes(length);
        return [kinds[n % kinds.length](bytes, `${number}-${n}`), { path: 'common.bin', contents: common }];
      };
      const key = print(await agent.createDocument({ n }, { attachments: attachments() }));
      if (n % 3 === 2) print(await agent.updateDocument(key, { n }, { attachments: attachments() }));
    }
  };
  fs.writeSync(1, 'loaded\n');
  for (let number = 0; number < inFlight; number++) work(number);
}

/**
 * Kills a process with the agent of `place` at a random moment of the `within` ms after it promised so many versions; what
 * it promised, as `[key, hash]`, and the names of what it left in its temporary folder.
 */
async function killedAtWork({ config, password, env: variables = {} }, within, versions) {
  const cwd = temporaryFolder();
  const temporary = temporaryFolder();
  const script = `(${worker})(...${JSON.stringify([root, config, password, variables, LENGTH, IN_FLIGHT])})`;
  const env = { ...environment(), TMPDIR: temporary };
  const child = spawn(process.execPath, ['-e', script], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  const closed = once(child, 'close');
  while (printed.split('\n').length < 2 + versions && child.exitCode === null) await sleep(1);
  await sleep(Math.random() * within);
  child.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  fs.rmSync(cwd, { recursive: true });
  const promised = printed.split('\n').slice(1, -1);
  return { promised: promised.map((line) => line.split(' ')), left: fs.readdirSync(temporary) };
}

/**
 * What a store holds, by support/raw.js: keys of the documents and hashes of the files. Throws when a document is not whole
 * or not signed with the key, when one lacks a stored file, and when a file is not what its name says.
 */
async function wholeStore(raw, publicKey) {
  // Documents first: what comes while this looks is not looked for.
  const names = await raw.names();
  const texts = new Map();
  for (const name of names.filter((name) => name.startsWith('documents/'))) {
    const text = String(await raw.get(name));
    const wrong = faultsOf(text, publicKey);
    if (wrong.length > 0) throw new Error(`${name}: ${wrong}`);
    texts.set(name.slice('documents/'.length, -'.json'.length).replace('/', ':'), text);
  }
  const files = new Set();
  for (const name of (await raw.names()).filter((name) => name.startsWith('files/'))) {
    const bytes = await raw.get(name);
    if (name !== `files/${sha256(bytes)}`) throw new Error(`not what its name says: ${name}, ${bytes.length} bytes`);
    files.add(sha256(bytes));
  }
  for (const [key, text] of texts) {
    const missing = (JSON.parse(text).jacsFilesStored ?? []).filter((hash) => !files.has(hash));
    if (missing.length > 0) throw new Error(`${key} lacks ${missing}`);
  }
  return { texts, files };
}

module.exports = { killedAtWork, wholeStore };
