// Files to attach.
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { flushDisk } from '../support/workplace.mjs';

export const MIB = 2 ** 20;
const CHUNK = Buffer.alloc(8 * MIB);

/** Gives files of so many MiB in a folder, each size made once: `{ file, name, size, sha256 }`. */
export function sources(folder) {
  const made = new Map();
  return (mib) => {
    if (!made.has(mib)) made.set(mib, newSource(path.join(folder, `${mib}-mib.bin`), mib * MIB));
    return made.get(mib);
  };
}

/** Random bytes, which no filesystem and no server makes smaller: a cipher's key stream, for that is quick. */
function newSource(file, size) {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16));
  const hash = createHash('sha256');
  const to = fs.openSync(file, 'wx', 0o600);
  for (let left = size; left > 0; left -= CHUNK.length) {
    const bytes = cipher.update(CHUNK.subarray(0, Math.min(left, CHUNK.length)));
    hash.update(bytes);
    fs.writeSync(to, bytes);
  }
  fs.closeSync(to);
  flushDisk();
  return { file, name: path.basename(file), size, sha256: hash.digest('hex') };
}
