'use strict';
// The verbs and options as commander knows them.

const { Command } = require('commander');
const { version } = require('../package.json');

/** In the order of `--help`. Each file says what its verb takes (`define`, `examples`) and does (`run`). */
const VERBS = [
  'init',
  'create',
  'get',
  'list',
  'versions',
  'update',
  'save',
  'remove',
  'verify',
  'inspect',
  'history',
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
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'jacs-agent: ')) })
    .exitOverride()
    .showHelpAfterError('See: jacs-agent --help')
    .addHelpText('after', EXIT_CODES);
  for (const name of VERBS) addVerb(program, name, perform);
  return program;
}

function addVerb(program, name, perform) {
  const verb = require(`./commands/${name}.js`);
  const command = program.command(name).showHelpAfterError(`See: jacs-agent ${name} --help`);
  verb.define(command);
  command.addHelpText('after', ['', 'Examples:', ...verb.examples.map((line) => `  ${line}`)].join('\n'));
  // Commander hands over the arguments, then the options, then the command itself.
  command.action((...all) => perform(verb, command.optsWithGlobals(), all.slice(0, -2)));
}

module.exports = { buildProgram };
