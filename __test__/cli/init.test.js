'use strict';

const fs = require('node:fs');
const { PASSWORD, Workspace } = require('./support.js');

const NO_PASSWORD = { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } };

test('makes an agent and says where things are', async () => {
  const workspace = new Workspace();
  const text = await workspace.done(['init', '--name', 'Robot', '--description', 'A robot', '--agent-type', 'ai']);
  const facts = Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split('\t')),
  );
  expect(facts).toMatchObject({ algorithm: 'ring-Ed25519' });
  const [id, version] = facts.agent.split(':');
  expect(fs.existsSync(facts.configuration)).toBe(true);
  const agent = JSON.parse(fs.readFileSync(`${facts.keys}/agents/${id}/${version}.json`, 'utf8'));
  expect(agent).toMatchObject({ jacsId: id, jacsVersion: version, jacsAgentType: 'ai' });
  expect(JSON.stringify(agent)).toContain('A robot');
});

test('--json, other places, other algorithm; works from any folder', async () => {
  const workspace = new Workspace();
  fs.mkdirSync(workspace.path('elsewhere'));
  const config = workspace.path('agent', 'jacs.config.json');
  fs.mkdirSync(workspace.path('agent'));
  const places = ['--data-directory', workspace.path('data'), '--key-directory', workspace.path('keys')];
  const made = JSON.parse(
    await workspace.done(['init', '--json', '--config', config, '--algorithm', 'pq2025', ...places]),
  );
  expect(made).toMatchObject({ key: `${made.id}:${made.version}`, algorithm: 'pq2025', config });
  expect(made).toMatchObject({ dataDirectory: workspace.path('data'), keyDirectory: workspace.path('keys') });
  const text = await new Workspace().done(['create', '-', '--config', config], { input: '{}' });
  expect(JSON.parse(text).jacsSignature.agentID).toBe(made.id);
  expect(fs.readdirSync(workspace.path('data', 'documents'))).toEqual([JSON.parse(text).jacsId]);
});

test('never over an agent that is there', async () => {
  const workspace = new Workspace();
  await workspace.done(['init']);
  const before = workspace.read('jacs.config.json');
  await workspace.refused(['init'], 'JACS_CONFLICT');
  expect(workspace.read('jacs.config.json')).toBe(before);
});

test('needs a password that is not weak, from the environment or a file', async () => {
  const workspace = new Workspace();
  await workspace.refused(['init'], 'JACS_PASSWORD', NO_PASSWORD);
  await workspace.refused(['init'], 'JACS_PASSWORD', { env: { JACS_PRIVATE_KEY_PASSWORD: 'weak' } });
  workspace.write('secret', `${PASSWORD}\n`);
  await workspace.done(['init', '--password-file', 'secret'], NO_PASSWORD);
  await workspace.done(['create', '-'], { input: '{}' });
});

test('wrong use', async () => {
  await new Workspace().misused(['init', '--algorithm', 'rsa']);
  await new Workspace().misused(['init', '--agent-type', 'cat']);
});
