'use strict';
// Documents and references that the arguments name.

const { constants } = require('node:buffer');
const { createReadStream } = require('node:fs');
const { addAbortSignal } = require('node:stream');
const { Refusal, WrongUse } = require('./failure.js');

const STANDARD_INPUT = '-';
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const KEY = new RegExp(`^${UUID}(?::${UUID})?$`);

/** Refuses what cannot be read. Without a file standard input is meant, but waiting at a terminal in silence looks like hanging. */
function checkFiles(files) {
  const given = files.filter((file) => file !== undefined);
  if (given.length === 0 && process.stdin.isTTY) {
    throw new WrongUse('give a file, or - for what is typed here up to Ctrl-D');
  }
  if (given.filter((file) => file === STANDARD_INPUT).length > 1) throw new WrongUse('- may be given once');
}

/** The text in a file or, for `-` or nothing, of standard input. */
async function readText(file, signal) {
  const stream =
    file === undefined || file === STANDARD_INPUT
      ? addAbortSignal(signal, process.stdin)
      : createReadStream(file, { signal });
  const path = stream === process.stdin ? undefined : file;
  try {
    return decode(await readBounded(stream, path), path);
  } catch (error) {
    throw error instanceof Refusal || signal.aborted ? error : unreadable(error, path);
  }
}

/** What looks like the key of a stored document is one; a file with such a name is `./NAME`. */
function isKey(subject) {
  return subject !== undefined && KEY.test(subject);
}

/** What `verify` and `inspect` are about: a stored document's key as it is, or the text of a document. */
async function readSubject(subject, signal) {
  if (isKey(subject)) return subject;
  const text = await readText(subject, signal);
  // A file that holds only a key would otherwise be taken for the stored document of that key.
  if (!/^\s*\{/.test(text)) throw new Refusal('JACS_INPUT', 'the text is not a JSON object', { path: subject });
  return text;
}

async function readBounded(stream, path) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    // Longer is no string at all; the agent's own limit, which is far lower, looks at the text.
    if (length > constants.MAX_STRING_LENGTH) throw new Refusal('JACS_INPUT', 'the document is too long', { path });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function decode(bytes, path) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal('JACS_INPUT', 'the document is not UTF-8', { path, cause });
  }
}

const CODES = {
  ENOENT: 'JACS_INPUT',
  EISDIR: 'JACS_INPUT',
  ENOTDIR: 'JACS_INPUT',
  EACCES: 'JACS_PERMISSION',
  EPERM: 'JACS_PERMISSION',
};

function unreadable(cause, path) {
  const code = CODES[cause.code] ?? 'JACS_UNAVAILABLE';
  const what = path === undefined ? 'standard input' : 'the file';
  return new Refusal(code, `${what} cannot be read`, { path, cause, retryable: code === 'JACS_UNAVAILABLE' });
}

module.exports = { checkFiles, isKey, readSubject, readText };
