'use strict';
// readAttachment on fs: streams that are left, agents that are closed, threads, and references below a directory.

const fs = require('node:fs');
const path = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { root } = require('../support/addon.js');
const { keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { bytesOf, inNewFolder, nameOfFile, noise, outcomeOf, sha256, written } = require('../support/attachments.js');
const { temporaryFolder } = require('../support/folder.js');
const { environment, succeed } = require('../support/run.js');

const MIB = 1 << 20;
const LENGTH = 12 * MIB;
const here = inNewFolder();
let place;
let agent;
let text;
let bytes;
let hash;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  bytes = noise(LENGTH);
  hash = sha256(bytes);
  written(here.folder, { 'big.bin': bytes, 'a.txt': 'a' });
  text = await agent.createDocument({}, { attachments: ['big.bin', 'a.txt'] });
});

const stored = () => path.join(place.data, nameOfFile(hash));

/** The open descriptors of the stored file. */
function open() {
  const descriptors = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return descriptors.filter((target) => target.startsWith(stored())).length;
}

/** A file is closed a moment after its stream is done with. */
async function closed() {
  for (let n = 0; n < 100 && open() > 0; n++) await sleep(10);
  expect(open()).toBe(0);
}

describe('a stream', () => {
  test('is one of the web, and can be one of node', async () => {
    const stream = agent.readAttachment(text, 'big.bin');
    expect(stream).toBeInstanceOf(ReadableStream);
    const target = path.join(temporaryFolder(), 'copy');
    await pipeline(Readable.fromWeb(stream), fs.createWriteStream(target));
    expect(fs.readFileSync(target).equals(bytes)).toBe(true);
    expect((await new Response(agent.readAttachment(text, 'big.bin')).arrayBuffer()).byteLength).toBe(LENGTH);
  });

  test('gives bytes that stay as they are when more is read', async () => {
    const reader = agent.readAttachment(text, 'big.bin').getReader();
    const chunks = [];
    for (let chunk; !(chunk = await reader.read()).done;) chunks.push(chunk.value);
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.every((chunk) => chunk.byteLength > 0 && chunk.byteLength <= 4 * MIB)).toBe(true);
  });

  test('that nobody ever read closes its file when it is cancelled', async () => {
    const streams = Array.from({ length: 20 }, () => agent.readAttachment(text, 'big.bin'));
    await sleep(50);
    await Promise.all(streams.map((stream) => stream.cancel()));
    await closed();
  });

  test('that is left early closes its file', async () => {
    const reader = agent.readAttachment(text, 'big.bin').getReader();
    await reader.read();
    await reader.cancel();
    for await (const chunk of agent.readAttachment(text, 'big.bin')) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await closed();
  });

  test('that ended or failed closes its file', async () => {
    await bytesOf(agent.readAttachment(text, 'big.bin'));
    fs.writeFileSync(stored(), bytes.subarray(1));
    expect((await outcomeOf(agent.readAttachment(text, 'big.bin'))).error).toMatchObject({ code: 'JACS_ATTACHMENT' });
    fs.writeFileSync(stored(), bytes);
    await closed();
  });

  test('fails when the file is cut short while it is read', async () => {
    const reader = agent.readAttachment(text, 'big.bin').getReader();
    await reader.read();
    fs.truncateSync(stored(), LENGTH - 1);
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    await refusal(drain(), 'JACS_ATTACHMENT');
    fs.writeFileSync(stored(), bytes);
  });

  test('fails when bytes are changed that are still to be read', async () => {
    const reader = agent.readAttachment(text, 'big.bin').getReader();
    await reader.read();
    const file = fs.openSync(stored(), 'r+');
    fs.writeSync(file, 'x', LENGTH - 1);
    fs.closeSync(file);
    const drain = async () => {
      while (!(await reader.read()).done);
    };
    await refusal(drain(), 'JACS_ATTACHMENT');
    fs.writeFileSync(stored(), bytes);
  });

  test('of a stored file that is now a link or a folder fails', async () => {
    const elsewhere = path.join(temporaryFolder(), 'same');
    fs.renameSync(stored(), elsewhere);
    fs.mkdirSync(stored());
    await refusal(bytesOf(agent.readAttachment(text, 'big.bin')), 'JACS_ATTACHMENT');
    fs.rmdirSync(stored());
    // Whatever a link leads to is not in this store; what comes through it must still be the right bytes.
    fs.symlinkSync(written(temporaryFolder(), { other: noise(LENGTH, 9) }) + '/other', stored());
    await refusal(bytesOf(agent.readAttachment(text, 'big.bin')), 'JACS_ATTACHMENT');
    fs.rmSync(stored());
    fs.renameSync(elsewhere, stored());
  });

  test('of a document that does not verify fails as assertDocument', async () => {
    const forged = JSON.stringify({ ...JSON.parse(text), title: 'another' });
    await refusal(bytesOf(agent.readAttachment(forged, 'a.txt')), 'JACS_HASH');
    await refusal(agent.saveAttachments(forged, 'saved'), 'JACS_HASH');
    const signedBy = '00000000-0000-4000-8000-000000000000';
    await refusal(bytesOf(agent.readAttachment(text, 'a.txt', { signedBy })), 'JACS_UNTRUSTED');
    await refusal(agent.saveAttachments(text, 'saved', { signedBy }), 'JACS_UNTRUSTED');
    expect(fs.existsSync('saved')).toBe(false);
    expect(await bytesOf(agent.readAttachment(text, 'a.txt', { signedBy: agent.id }))).toEqual(Buffer.from('a'));
  });
});

describe('references', () => {
  let reference;
  beforeAll(async () => {
    written(here.folder, { 'r/in/x.txt': 'x' });
    reference = await agent.createDocument({}, { attachments: 'r/in/x.txt', embed: false });
  });

  test('lie below the working directory of the call, or another', async () => {
    const copy = written(temporaryFolder(), { 'r/in/x.txt': 'x' });
    const baseDirectory = copy;
    expect(await bytesOf(agent.readAttachment(reference, 'r/in/x.txt'))).toEqual(Buffer.from('x'));
    expect(await bytesOf(agent.readAttachment(reference, 'r/in/x.txt', { baseDirectory }))).toEqual(Buffer.from('x'));
    const relative = path.relative(here.folder, copy);
    await expect(agent.verifyDocument(reference, { contents: true, baseDirectory: relative })).resolves.toBe(true);
    const target = path.join(temporaryFolder(), 'saved');
    await agent.saveAttachments(reference, target, { baseDirectory });
    expect(fs.readFileSync(path.join(target, 'r/in/x.txt'), 'utf8')).toBe('x');
  });

  test.each([
    ['has nothing', () => temporaryFolder()],
    ['is not there', () => path.join(here.folder, 'nowhere')],
    ['is a file', () => path.join(here.folder, 'a.txt')],
    ['has other bytes', () => written(temporaryFolder(), { 'r/in/x.txt': 'y' })],
  ])('of a directory that %s', async (_, base) => {
    const baseDirectory = base();
    await refusal(bytesOf(agent.readAttachment(reference, 'r/in/x.txt', { baseDirectory })), 'JACS_ATTACHMENT');
    await refusal(agent.assertDocument(reference, { contents: true, baseDirectory }), 'JACS_ATTACHMENT');
    await expect(agent.verifyDocument(reference, { baseDirectory })).resolves.toBe(true);
  });

  test('whether they are there is in the report', async () => {
    const presence = async (baseDirectory) =>
      (await agent.inspectDocument(reference, { baseDirectory })).attachments.map(({ present, ok }) => [present, ok]);
    expect(await presence(here.folder)).toEqual([[true, undefined]]);
    expect(await presence(temporaryFolder())).toEqual([[false, undefined]]);
    // Only whether something is there: what it is, was not read.
    expect(await presence(written(temporaryFolder(), { 'r/in/x.txt': 'y' }))).toEqual([[true, undefined]]);
  });
});

describe('close', () => {
  test('with a stream open: it waits for nobody who does not read, and the stream ends whole or fails', async () => {
    const own = await loadAgain(place);
    const reader = own.readAttachment(keyOf(text), 'big.bin').getReader();
    const chunks = [(await reader.read()).value];
    await own.close();
    let error;
    try {
      for (let chunk; !(chunk = await reader.read()).done;) chunks.push(chunk.value);
    } catch (failed) {
      error = failed;
    }
    if (error) expect(error).toMatchObject({ name: 'JacsError', code: 'JACS_CONFIG' });
    else expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    await refusal(bytesOf(own.readAttachment(keyOf(text), 'a.txt')), 'JACS_CONFIG');
    await refusal(own.createDocument({}, { attachments: 'a.txt' }), 'JACS_CONFIG');
    await refusal(own.saveAttachments(text, 'saved'), 'JACS_CONFIG');
  });

  test('a stream that fails because its agent is closed closes its file', async () => {
    const own = await loadAgain(place);
    const reader = own.readAttachment(keyOf(text), 'big.bin').getReader();
    await reader.read();
    await own.close();
    await refusal(reader.read(), 'JACS_CONFIG');
    await closed();
  });

  test('a process with a stream that nobody reads ends', async () => {
    const script = `(async () => {
      const { Agent } = require(${JSON.stringify(root)});
      const agent = new Agent();
      await agent.load(${JSON.stringify(place.config)}, { readOnly: true, env: {} });
      const reader = agent.readAttachment(${JSON.stringify(keyOf(text))}, 'big.bin').getReader();
      console.log((await reader.read()).value.length > 0);
    })()`;
    expect((await succeed(process.execPath, ['-e', script])).trim()).toBe('true');
  });
});

/** Runs in a worker thread: makes a document with files, reads them, and answers with what it read. */
async function inWorker([name, config, password, folder]) {
  const { parentPort } = require('node:worker_threads');
  const { Agent } = require(name);
  const agent = new Agent();
  await agent.load(config, { password, env: {} });
  async function* contents() {
    yield Buffer.from('from a ');
    yield Buffer.from('worker');
  }
  const attachments = [`${folder}/a.txt`, { path: 's', contents: contents() }, `${folder}/big.bin`];
  const text = await agent.createDocument({}, { attachments });
  const lengths = {};
  for (const entry of JSON.parse(text).jacsFiles) {
    let length = 0;
    for await (const chunk of agent.readAttachment(text, entry.path)) length += chunk.length;
    lengths[entry.path] = length;
  }
  agent.readAttachment(text, 'big.bin').getReader().read(); // left under way
  parentPort.postMessage({ text, lengths });
}

test('worker threads read and store, several at once, and may end in mid-way', async () => {
  const workerData = [root, place.config, place.password, here.folder];
  const code = `(${inWorker})(require('node:worker_threads').workerData)`;
  const run = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(code, { eval: true, workerData, env: environment() });
      let answer;
      worker.on('message', (message) => {
        answer = message;
        if (message.text.length % 2) worker.terminate();
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve(answer));
    });
  const answers = await Promise.all(Array.from({ length: 4 }, run));
  for (const { text: made, lengths } of answers) {
    expect(lengths).toEqual({ 'a.txt': 1, s: 13, 'big.bin': LENGTH });
    expect(await bytesOf(agent.readAttachment(made, 's'))).toEqual(Buffer.from('from a worker'));
  }
});
