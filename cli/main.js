#!/usr/bin/env node
'use strict';
// The command `jacs-agent`: argument vector -> verb -> exit code.

const { CommanderError } = require('commander');
const { exitCodeOf, report } = require('./failure.js');
const { Notes, Output } = require('./output.js');
const { buildProgram } = require('./program.js');
const { Session } = require('./session.js');

const DONE = 0;
const WRONG_USE = 2;
const INTERRUPTED = 130;

/** Runs one command; gives its exit code: 0 done, 1 refused or invalid, 2 wrong use, 130 interrupted. */
async function run(argv) {
  const interrupt = new AbortController();
  // Once: a second Ctrl-C ends the process at once, whatever is under way.
  process.once('SIGINT', () => interrupt.abort());
  const output = new Output(process.stdout);
  const notes = new Notes(process.stderr);
  let code = DONE;
  const program = buildProgram(async (verb, options, args) => {
    const commandLine = ['jacs-agent', ...argv].map(quoted).join(' ');
    code = await perform(verb, args, new Session({ options, signal: interrupt.signal, output, notes, commandLine }));
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for ends with 0; commander itself says 1 for what is wrong use here.
    code = error.exitCode === 0 ? DONE : WRONG_USE;
  }
  return code;
}

async function perform(verb, args, session) {
  let code;
  try {
    code = (await verb.run(session, ...args)) ?? DONE;
  } catch (error) {
    code = await failed(error, session);
  } finally {
    await session.close();
  }
  return session.signal.aborted ? INTERRUPTED : code;
}

async function failed(error, session) {
  try {
    await report(error, session);
  } catch (unwritable) {
    await report(unwritable, session);
  }
  return exitCodeOf(error);
}

/** As a shell takes it for one word. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

if (require.main === module) {
  run(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}

module.exports = { run };
