'use strict';
// The verbs and options as commander knows them.

const { Command } = require('commander');
const { version } = require('../package.json');

/** In the order of `--help`. Each file says what its verb takes (`define`, `examples`) and does (`run`, or `verbs` of its own). */
const VERBS = [
  'init',
  'create',
  'get',
  'list',
  'versions',
  'update',
  'save',
  'attachments',
  'remove',
  'verify',
  'inspect',
  'history',
  'migrate',
  'export',
  'import',
  'mirror',
  'check',
  'trust',
  'rotate-keys',
  'update-agent',
  'presign',
  'dns-record',
  'change-password',
  'doctor',
];

const EXIT_CODES = `
Exit codes: 0 done, 1 refused or invalid, 2 wrong use, 130 interrupted.
Passwords are never taken from the command line: set JACS_PRIVATE_KEY_PASSWORD or JACS_PASSWORD_FILE,
give --password-file, or type it when asked.`;

/** `perform(verb, options, args)` is called for the verb that the arguments name. */
function buildProgram(perform) {
  const program = new Command('jacs-agent')
    .description('Signed, versioned JSON documents')
    .option('--config <path>', 'configuration file', './jacs.config.json')
    .option('--json', 'output for machines: one JSON object, or one a line for lists; errors too')
    .option('--offline', 'ask neither the registry nor DNS for keys, whatever is configured; the storage is asked')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'jacs-agent: ')) })
    .exitOverride()
    .showHelpAfterError('See: jacs-agent --help')
    .addHelpText('after', EXIT_CODES);
  for (const name of VERBS) addVerb(program, [name], perform);
  return program;
}

/** `words`: the verb, behind those that it belongs to. */
function addVerb(parent, words, perform) {
  const verb = require(`./commands/${words.join('/')}.js`);
  const command = parent.command(words.at(-1)).showHelpAfterError(`See: jacs-agent ${words.join(' ')} --help`);
  verb.define(command);
  command.addHelpText('after', ['', 'Examples:', ...verb.examples.map((line) => `  ${line}`)].join('\n'));
  if (verb.verbs) {
    for (const name of verb.verbs) addVerb(command.helpCommand(false), [...words, name], perform);
  } else {
    // Commander hands over the arguments, then the options, then the command itself.
    command.action((...all) => perform(verb, optionsOf(command), all.slice(0, -2)));
  }
}

/** `hasConfig`: whether the configuration was named, or is only where one is looked for. */
function optionsOf(command) {
  return { ...command.optsWithGlobals(), hasConfig: command.getOptionValueSourceWithGlobals('config') !== 'default' };
}

module.exports = { buildProgram };
