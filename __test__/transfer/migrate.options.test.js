'use strict';
// What is refused before anything is copied, and how the two configurations are read.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../../index.js');
const { newAgent, refusal, treeOf } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  migrate,
  objectsOf,
  newStore,
} = require('../support/transfer.js');

let store;
let count;
beforeAll(async () => {
  store = await newStore();
  await addMass(store.agent, { mass: 5, files: 1 });
  count = objectsOf(store.data).size;
});

describe('source and target are one', () => {
  const SPELLINGS = {
    'in the same words': (data) => data,
    'with a slash at the end': (data) => `${data}/`,
    'with a detour': (data) => `${data}/../${path.basename(data)}/.`,
    'with more slashes': (data) => data.replaceAll('/', '//'),
    'by a relative path': (data) => path.relative(process.cwd(), data),
    'through a link': (data) => {
      const link = path.join(temporaryFolder(), 'link');
      fs.symlinkSync(data, link);
      return link;
    },
    'through a link above it': (data) => {
      const link = path.join(temporaryFolder(), 'link');
      fs.symlinkSync(path.dirname(data), link);
      return path.join(link, path.basename(data));
    },
  };

  test.each(Object.keys(SPELLINGS))('%s', async (title) => {
    const before = treeOf(store.data, { times: true });
    const other = SPELLINGS[title](store.data);
    await refusal(migrate(store.data, other), 'JACS_CONFIG');
    await refusal(migrate(other, store.data), 'JACS_CONFIG');
    await refusal(migrate(store.data, other, { dryRun: true }), 'JACS_CONFIG');
    await refusal(store.agent.mirror(fsConfig(other)), 'JACS_CONFIG');
    expect(treeOf(store.data, { times: true })).toEqual(before);
  });

  test('by a configuration file and by an object', async () => {
    await refusal(Agent.migrate({ from: store.config, to: fsConfig(store.data), env: {} }), 'JACS_CONFIG');
    await refusal(store.agent.mirror(store.config), 'JACS_CONFIG');
  });

  test('one lies in the other', async () => {
    const before = treeOf(store.data, { times: true });
    for (const inner of ['copy', 'files/copy', 'documents']) {
      await refusal(migrate(store.data, path.join(store.data, inner)), 'JACS_CONFIG');
    }
    await refusal(migrate(path.join(store.data, 'documents'), store.data), 'JACS_CONFIG');
    expect(treeOf(store.data, { times: true })).toEqual(before);
    // A name that begins with the other's is another place.
    expectDone(await migrate(store.data, `${store.data}-copy`), { copied: count });
  });

  test('and not there yet', async () => {
    const place = emptyPlace();
    await refusal(migrate(place, `${place}/`), 'JACS_NOT_FOUND');
    expect(fs.existsSync(place)).toBe(false);
  });
});

describe('wrong options', () => {
  const to = () => fsConfig(emptyPlace());
  const WRONG = {
    nothing: () => undefined,
    'no object': () => 'fs',
    'no source': () => ({ to: to() }),
    'no target': () => ({ from: fsConfig(store.data) }),
    'a source of another type': () => ({ from: 7, to: to() }),
    'a target of another type': () => ({ from: fsConfig(store.data), to: [] }),
    'an option that does not exist': () => ({ from: fsConfig(store.data), to: to(), dryrun: true }),
    'a concurrency of 0': () => ({ from: fsConfig(store.data), to: to(), concurrency: 0 }),
    'a concurrency of 1.5': () => ({ from: fsConfig(store.data), to: to(), concurrency: 1.5 }),
    'a concurrency in words': () => ({ from: fsConfig(store.data), to: to(), concurrency: 'many' }),
    'a dryRun that is no boolean': () => ({ from: fsConfig(store.data), to: to(), dryRun: 'no' }),
    'a checkpoint that is no path': () => ({ from: fsConfig(store.data), to: to(), checkpoint: 1 }),
    'an onProgress that is no function': () => ({ from: fsConfig(store.data), to: to(), onProgress: {} }),
    'an onFinding that is no function': () => ({ from: fsConfig(store.data), to: to(), onFinding: 'log' }),
    'a signal that is none': () => ({ from: fsConfig(store.data), to: to(), signal: {} }),
    'a password that is none': () => ({ from: fsConfig(store.data), to: to(), resign: true, password: 1 }),
  };

  test.each(Object.keys(WRONG))('%s: JACS_INPUT', async (title) => {
    const options = WRONG[title]();
    await refusal(Agent.migrate(options), 'JACS_INPUT');
    if (options?.to?.jacs_data_directory) expect(fs.existsSync(options.to.jacs_data_directory)).toBe(false);
  });

  test.each([
    ['an unknown setting', { jacs_data_directroy: 'x' }],
    ['a storage that does not exist', { jacs_default_storage: 'nowhere' }],
    ['a setting of another type', { jacs_max_document_bytes: 'many' }],
  ])('%s: JACS_CONFIG', async (_, settings) => {
    const good = fsConfig(store.data);
    const bad = { ...fsConfig(emptyPlace()), ...settings };
    await refusal(Agent.migrate({ from: good, to: bad, env: {} }), 'JACS_CONFIG');
    await refusal(Agent.migrate({ from: bad, to: fsConfig(emptyPlace()), env: {} }), 'JACS_CONFIG');
  });

  test('a configuration that is not there', async () => {
    const missing = path.join(temporaryFolder(), 'jacs.config.json');
    for (const options of [
      { from: missing, to: to() },
      { from: fsConfig(store.data), to: missing },
    ]) {
      const error = await Agent.migrate({ ...options, env: {} }).catch((error) => error);
      expect(['JACS_CONFIG', 'JACS_NOT_FOUND']).toContain(error.code);
    }
  });
});

test('a source that is not there is not an empty one', async () => {
  const to = emptyPlace();
  await refusal(migrate(emptyPlace(), to), 'JACS_NOT_FOUND');
  expect(fs.existsSync(to)).toBe(false);
});

test('settings in the environment are not read, of neither side', async () => {
  const elsewhere = emptyPlace();
  const env = {
    JACS_DATA_DIRECTORY: elsewhere,
    JACS_DEFAULT_STORAGE: 'memory',
    JACS_KEY_DIRECTORY: '/nowhere',
    JACS_AGENT_ID_AND_VERSION: 'nobody',
    JACS_MAX_DOCUMENT_BYTES: '1',
  };
  const to = emptyPlace();
  expectDone(await migrate(store.data, to, { env }), { copied: count });
  await expectSame(store.data, to);
  expect(fs.existsSync(elsewhere)).toBe(false);
});

test('nor are those of the process, when no environment is given', async () => {
  const elsewhere = emptyPlace();
  process.env.JACS_DATA_DIRECTORY = elsewhere;
  try {
    const to = emptyPlace();
    expectDone(await Agent.migrate({ from: fsConfig(store.data), to: fsConfig(to) }), { copied: count });
    await expectSame(store.data, to);
    const mirror = emptyPlace();
    expectDone(await store.agent.mirror(fsConfig(mirror)), { copied: count });
    await expectSame(store.data, mirror);
  } finally {
    delete process.env.JACS_DATA_DIRECTORY;
  }
  expect(fs.existsSync(elsewhere)).toBe(false);
});

test('a configuration is a path, whose paths are relative to it, or an object', async () => {
  const folder = temporaryFolder();
  fs.cpSync(store.data, path.join(folder, 'here'), { recursive: true });
  const written = (name, settings) => {
    fs.writeFileSync(path.join(folder, name), JSON.stringify(settings));
    return path.join(folder, name);
  };
  const from = written('from.json', fsConfig('./here'));
  const to = written('to.json', fsConfig('there'));
  expectDone(await Agent.migrate({ from, to, env: {} }), { copied: count });
  await expectSame(store.data, path.join(folder, 'there'));
  const absolute = fsConfig(path.join(folder, 'there'));
  expectDone(await Agent.migrate({ from, to: absolute, env: {} }), { copied: 0, same: count });
  await refusal(Agent.migrate({ from: absolute, to, env: {} }), 'JACS_CONFIG');
});

test('with resign or sign the agent of the target is needed', async () => {
  for (const option of ['resign', 'sign']) {
    const to = { ...fsConfig(emptyPlace()), jacs_key_directory: path.join(temporaryFolder(), 'none') };
    await refusal(migrate(store.data, emptyPlace(), { to, [option]: true, password: 'Any-Pass-77' }), 'JACS_KEY');
  }
});

test('with resign the password is needed, and nothing is copied without', async () => {
  const target = await newAgent();
  const options = { from: fsConfig(store.data), to: target.config, env: {} };
  for (const password of [undefined, 'Wrong-Pass-77']) {
    await refusal(Agent.migrate({ ...options, resign: true, password }), 'JACS_PASSWORD');
    await refusal(Agent.migrate({ ...options, sign: true, password }), 'JACS_PASSWORD');
  }
  expect(objectsOf(target.data).size).toBe(0);
});
