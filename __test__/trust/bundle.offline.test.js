'use strict';
// Without a network: a bundle verified from an empty folder, and an agent on `fs` with what it has by default.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../support/addon.js');
const { PASSWORD } = require('../support/agents.js');
const { filledStore, newFile } = require('../support/archives.js');
const { temporaryFolder } = require('../support/folder.js');
const { WITHOUT_NETWORK, describeWith } = require('../support/needs.js');
const { succeed } = require('../support/run.js');

const main = path.join(root, 'cli', 'main.js');
let place, file, keys;
beforeAll(async () => {
  place = await filledStore();
  file = newFile('bundle.tar.gz');
  keys = Object.keys(place.texts);
  await place.agent.exportBundle(file, { documents: keys });
});

/** Runs in node what gives a value, in an empty folder, by way of `wrapper`; that value. */
async function inNode(wrapper, body, ...args) {
  const [command, ...rest] = [...wrapper, process.execPath, '-e', script(body, args)];
  return JSON.parse(await succeed(command, rest, { cwd: temporaryFolder() }));
}

function script(body, args) {
  return `(${body})(...${JSON.stringify([root, ...args])}).then((value) => console.log(JSON.stringify(value)))`;
}

async function verified(name, bundle) {
  const { Agent } = require(name);
  const up = Object.values(require('node:os').networkInterfaces()).flat().length;
  return { up, reports: await Agent.verifyBundle(bundle), left: require('node:fs').readdirSync('.') };
}

/** What an agent does all day. */
async function used(name, password) {
  const { Agent } = require(name);
  const agent = await Agent.create({ password });
  const text = await agent.createDocument({ n: 1 }, { attachments: { path: 'a', contents: Buffer.from('a') } });
  const { jacsId: id } = JSON.parse(text);
  const [read, isValid] = [await agent.getDocument(id), await agent.verifyDocument(text)];
  const { valid, keySource } = await agent.inspectDocument(id);
  await agent.rotateKeys({ password });
  const after = await agent.createDocument({ n: 2 });
  const outcome = { same: read === text, isValid, valid, keySource, after: await agent.verifyDocument(after) };
  await agent.close();
  return outcome;
}

const USED = { same: true, isValid: true, valid: true, keySource: 'self', after: true };

describeWith(['no network'], 'in a namespace without a network', () => {
  test('a bundle is verified by a process with nothing at hand', async () => {
    const { up, reports, left } = await inNode(WITHOUT_NETWORK, verified, file);
    expect({ up, left }).toEqual({ up: 0, left: [] });
    expect(reports.map(({ key, valid }) => [key, valid])).toEqual(keys.map((key) => [key, true]));
  });

  test('and by the command', async () => {
    const [command, ...args] = [...WITHOUT_NETWORK, process.execPath, main, 'verify', '--bundle', file, '--json'];
    const reports = JSON.parse(await succeed(command, args, { cwd: temporaryFolder() }));
    expect(reports.map(({ key, valid, keySource }) => [key, valid, keySource])).toEqual(
      keys.map((key) => [key, true, 'storage']),
    );
  });

  test('an agent is made, signs, reads, verifies and rotates its keys', async () => {
    expect(await inNode(WITHOUT_NETWORK, used, PASSWORD)).toEqual(USED);
  });
});

describeWith(['strace'], 'no socket of a network is opened', () => {
  /** The families of the sockets that were opened. */
  async function sockets(body, ...args) {
    const log = path.join(temporaryFolder(), 'strace');
    const value = await inNode(['strace', '-f', '-o', log, '-e', 'trace=socket,connect'], body, ...args);
    return { value, families: fs.readFileSync(log, 'utf8').match(/\bAF_INET6?\b/g) ?? [] };
  }

  test('by one who verifies a bundle', async () => {
    const { value, families } = await sockets(verified, file);
    expect(families).toEqual([]);
    expect(value.reports.every(({ valid }) => valid)).toBe(true);
  });

  test('by an agent with the default settings', async () => {
    const { value, families } = await sockets(used, PASSWORD);
    expect(value).toEqual(USED);
    expect(families).toEqual([]);
  });

  test('but one that is would be seen', async () => {
    const asks = () => {
      const socket = require('node:net').connect(9, '127.0.0.1');
      return new Promise((resolve) => {
        socket.on('connect', resolve).on('error', resolve);
      }).then(() => socket.destroy() && true);
    };
    expect((await sockets(asks)).families).not.toEqual([]);
  });
});
