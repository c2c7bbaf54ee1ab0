'use strict';
// Passwords from files and from the environment, by the same rules as `JACS_PASSWORD_FILE`.

const { open } = require('node:fs/promises');
const { Refusal } = require('./failure.js');

const MAX_BYTES = 64 * 1024;

/** Whether the agent finds a password in the environment by itself. An empty one counts as none. */
function inEnvironment() {
  return Boolean(process.env.JACS_PRIVATE_KEY_PASSWORD || process.env.JACS_PASSWORD_FILE);
}

/** The password that the environment holds, or `undefined`. */
async function fromEnvironment() {
  const { JACS_PRIVATE_KEY_PASSWORD: password, JACS_PASSWORD_FILE: path } = process.env;
  if (password) return password;
  // About a file that others may read, `doctor` warns.
  return path ? fromFile(path, () => undefined) : undefined;
}

/** The password in a file: UTF-8, one line end at its end removed. */
async function fromFile(path, warn) {
  const bytes = await readChecked(path, warn);
  if (bytes.length > MAX_BYTES) throw new Refusal('JACS_PASSWORD', 'the password file is too long', { path });
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal('JACS_PASSWORD', 'the password file is not UTF-8', { path, cause });
  }
  const password = text.replace(/\r?\n$/, '');
  if (password === '') throw new Refusal('JACS_PASSWORD', 'the password file is empty', { path });
  return password;
}

async function readChecked(path, warn) {
  let file;
  try {
    file = await open(path);
    const mode = (await file.stat()).mode & 0o777;
    // Windows has no such modes: there every file looks writable for all.
    if (process.platform !== 'win32') await checkMode(mode, path, warn);
    return await readBounded(file);
  } catch (error) {
    throw error instanceof Refusal ? error : unreadable(path, error);
  } finally {
    await file?.close();
  }
}

/** At most one byte over the limit: a device or pipe may never end. */
async function readBounded(file) {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  for (let count = 1; count > 0 && length < buffer.length; length += count) {
    count = (await file.read(buffer, length, buffer.length - length, null)).bytesRead;
  }
  return buffer.subarray(0, length);
}

async function checkMode(mode, path, warn) {
  if (mode & 0o022) throw new Refusal('JACS_PERMISSION', 'group or others may write the password file', { path });
  if (mode & 0o044) await warn(`group or others may read the password file ${path}`);
}

function unreadable(path, cause) {
  if (cause.code === 'ENOENT') return new Refusal('JACS_PASSWORD', 'the password file is missing', { path });
  const forbidden = ['EACCES', 'EPERM'].includes(cause.code);
  return new Refusal(forbidden ? 'JACS_PERMISSION' : 'JACS_PASSWORD', 'the password file cannot be read', {
    path,
    cause,
  });
}

module.exports = { fromEnvironment, fromFile, inEnvironment };
