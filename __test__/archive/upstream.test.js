'use strict';
// Folders of `jacs`: its agent and its documents come in under its names, in the one form of what is stored here.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { root } = require('../support/addon.js');
const { fileOf, keyOf, refusal } = require('../support/agents.js');
const { archiveOf, entry, newFile } = require('../support/archives.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');
const canonicalize = require('canonicalize');

const PASSWORD = 'TestP@ss123!#';

describe.each(['ed25519', 'pq2025'])('%s', (name) => {
  const vector = path.join(root, '__test__', 'vectors', `jacs-0.15-${name}`);
  const texts = (folder) =>
    fs.readdirSync(path.join(vector, folder)).map((file) => fs.readFileSync(path.join(vector, folder, file), 'utf8'));
  const agentText = fs.readFileSync(path.join(vector, 'agent.json'), 'utf8');
  const documents = texts('documents');

  const agents = [];
  afterAll(() => Promise.all(agents.map((agent) => agent.close())));

  /** The agent of the vector, with its keys, on an empty store. */
  async function loaded() {
    const folder = temporaryFolder();
    fs.cpSync(path.join(vector, 'keys'), path.join(folder, 'jacs_keys'), { recursive: true });
    const beside = path.join(folder, 'jacs_keys', 'agents', keyOf(agentText).split(':')[0]);
    fs.mkdirSync(beside, { recursive: true });
    fs.writeFileSync(path.join(beside, `${keyOf(agentText).split(':')[1]}.json`), canonicalize(JSON.parse(agentText)));
    const data = path.join(folder, 'jacs_data');
    const { jacs_agent_key_algorithm: algorithm } = JSON.parse(
      fs.readFileSync(path.join(vector, 'jacs.config.json'), 'utf8'),
    );
    const agent = new Agent();
    agents.push(agent);
    const directories = { jacs_data_directory: data, jacs_key_directory: path.join(folder, 'jacs_keys') };
    await agent.load({ ...directories, jacs_agent_key_algorithm: algorithm }, { password: PASSWORD, env: {} });
    return { agent, data };
  }

  const LAYOUTS = {
    'as jacs has it': (text, kind) => `jacs_data/${kind}/${keyOf(text)}.json`,
    'without folders': (text) => `${keyOf(text)}.json`,
    'without folders and ends': (text) => `./${keyOf(text)}`,
    'in a folder of any name': (text) => `backup/${keyOf(text)}.json`,
    'in the layout of today': (text, kind) =>
      `${kind === 'agent' ? 'agents' : kind}/${keyOf(text).replace(':', '/')}.json`,
  };

  test.each(Object.entries(LAYOUTS))('%s', async (layout, nameOf) => {
    const { agent, data } = await loaded();
    const entries = [
      ...documents.map((text) => entry({ name: nameOf(text, 'documents'), contents: text })),
      entry({ name: nameOf(agentText, 'agent'), contents: agentText }),
    ];
    const report = await agent.importArchive(archiveOf(entries));
    expect(report).toMatchObject({ copied: documents.length + 1, failed: 0, newAgents: [] });
    expect(filesUnder(data)).toHaveLength(documents.length + 1);
    const asIs = layout === 'in the layout of today';
    for (const text of documents) {
      const stored = fs.readFileSync(fileOf(data, keyOf(text)), 'utf8');
      expect(stored).toBe(asIs ? text : canonicalize(JSON.parse(text)));
      expect(await agent.getDocument(keyOf(text))).toBe(stored);
    }
    expect(fs.existsSync(fileOf(data, keyOf(agentText), 'agents'))).toBe(true);
    // The same once more is the same, under whatever names.
    if (!asIs) expect(await agent.importArchive(archiveOf(entries))).toMatchObject({ copied: 0, conflicts: 0 });
  });

  test('by tar -czf of its folder, with keys and configuration, which stay outside', async () => {
    const { agent, data } = await loaded();
    const folder = temporaryFolder();
    fs.mkdirSync(path.join(folder, 'jacs_data', 'documents'), { recursive: true });
    fs.mkdirSync(path.join(folder, 'jacs_data', 'agent'));
    fs.writeFileSync(path.join(folder, 'jacs_data', 'agent', `${keyOf(agentText)}.json`), agentText);
    for (const text of documents)
      fs.writeFileSync(path.join(folder, 'jacs_data', 'documents', `${keyOf(text)}.json`), text);
    fs.cpSync(path.join(vector, 'keys'), path.join(folder, 'jacs_keys'), { recursive: true });
    fs.copyFileSync(path.join(vector, 'jacs.config.json'), path.join(folder, 'jacs.config.json'));
    const file = newFile();
    await succeed('tar', ['-czf', file, '-C', folder, '.']);
    const report = await agent.importArchive(file);
    expect(report).toMatchObject({ copied: documents.length + 1, failed: 3 });
    expect(report.failures.map(({ kind, code }) => `${kind} ${code}`)).toEqual(Array(3).fill('refused JACS_INPUT'));
    expect(filesUnder(data).filter((name) => !/^(agents|documents)\//.test(name))).toEqual([]);
  });

  test('what was tampered with is refused, each', async () => {
    const { agent, data } = await loaded();
    for (const text of texts('tampered')) {
      const [, id] = /"jacsId":"([^"]*)"/.exec(text) ?? [];
      const [, version] = /"jacsVersion":"([^"]*)"/.exec(text) ?? [];
      const report = await agent.importArchive(
        archiveOf([entry({ name: `documents/${id}:${version}.json`, contents: text })]),
      );
      expect(report).toMatchObject({ copied: 0, failed: 1, failures: [{ kind: 'refused' }] });
    }
    expect(fs.existsSync(data)).toBe(false);
  });

  test('without its key it is brought back into an empty store, and nothing of it is believed', async () => {
    const folder = temporaryFolder();
    const config = { jacs_data_directory: path.join(folder, 'data'), jacs_key_directory: path.join(folder, 'keys') };
    const file = archiveOf([
      entry({ name: `agent/${keyOf(agentText)}.json`, contents: agentText }),
      ...documents.map((text) => entry({ name: `documents/${keyOf(text)}.json`, contents: text })),
    ]);
    const report = await Agent.importArchive(config, file, { env: {} });
    expect(report).toMatchObject({ copied: documents.length, failed: 1 });
    expect(report.failures.map(({ kind, code }) => `${kind} ${code}`).sort()).toEqual([
      ...documents.map(() => 'key JACS_KEY'),
      'refused JACS_KEY',
    ]);
    expect(filesUnder(folder)).toHaveLength(documents.length);
    // Where something is, it could stand in its way.
    const again = await Agent.importArchive(config, file, { env: {}, agents: 'any' });
    expect(again).toMatchObject({ copied: 0, failed: documents.length + 1 });
    await refusal(Agent.importArchive(config, file, { env: {}, sign: true }), 'JACS_KEY');
  });
});
