'use strict';

const { resolve } = require('node:path');
const { Option } = require('commander');
const { definePassword } = require('../options.js');
const { inEnvironment } = require('../password.js');
const { askNew, canAsk } = require('../prompt.js');
const { publicApi } = require('../session.js');

function define(command) {
  definePassword(command)
    .description('make an agent: keys, agent document and configuration file')
    .option('--name <name>', 'name in the agent document')
    .option('--description <text>', 'description in the agent document')
    .addOption(new Option('--agent-type <type>', 'kind of agent').choices(['human', 'human-org', 'hybrid', 'ai']))
    .option('--domain <domain>', 'DNS domain of the agent')
    .addOption(new Option('--algorithm <name>', 'of the key').choices(['ring-Ed25519', 'pq2025']))
    .option('--storage <name>', 'storage backend: fs (default), aws, hai or memory')
    .option('--data-directory <path>', 'where documents are stored (default: ./jacs_data)')
    .option('--key-directory <path>', 'where the keys are kept (default: ./jacs_keys)');
}

const examples = [
  'jacs-agent init --name "Invoice robot" --agent-type ai',
  'jacs-agent init --algorithm pq2025 --password-file ~/.secret --config ./agent/jacs.config.json',
];

const WIDTHS = [13];

async function run(session) {
  const { config, name, description, agentType, domain, algorithm, storage, dataDirectory, keyDirectory } =
    session.options;
  const password = await newPassword(session);
  const { Agent } = publicApi();
  const agent = session.keep(
    await Agent.create({
      configPath: config,
      ...{ name, description, agentType, domain, algorithm, storage, dataDirectory, keyDirectory, password },
    }),
  );
  const made = {
    key: `${agent.id}:${agent.version}`,
    id: agent.id,
    version: agent.version,
    algorithm: agent.algorithm,
  };
  Object.assign(made, { config: resolve(config), ...(await places(agent)) });
  if (session.options.json) return session.output.json(made);
  const { output } = session;
  await output.row(['agent', made.key], WIDTHS);
  await output.row(['algorithm', made.algorithm], WIDTHS);
  await output.row(['configuration', made.config], WIDTHS);
  await output.row(['documents', made.dataDirectory], WIDTHS);
  return output.row(['keys', made.keyDirectory], WIDTHS);
}

/** Nothing when the agent finds one by itself, or can say that there is none. */
async function newPassword(session) {
  const password = await session.readPassword(session.options.passwordFile);
  if (password !== undefined || inEnvironment() || !canAsk()) return password;
  return askNew('Password for the new key', session.signal);
}

async function places(agent) {
  const { settings } = await agent.doctor();
  const value = (key) => settings.find((setting) => setting.key === key)?.value;
  return { dataDirectory: value('jacs_data_directory'), keyDirectory: value('jacs_key_directory') };
}

module.exports = { define, examples, run };
