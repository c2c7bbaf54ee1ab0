// Where a bench makes its files: a folder of its own under TMPDIR. Nothing in it is deleted before the end, because a
// filesystem is slower where much was deleted.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What a stored document takes on a disk: a directory and a file, of a block each, and their inodes. */
const DOCUMENT = { bytes: 12_000, inodes: 2 };

/** Reads until this process is gone, however it went; processes of ours may still be writing then. */
const CLEANER = `cat >/dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" 2>/dev/null && exit; sleep 1; done
echo "could not remove $1" >&2`;

export class Workplace {
  #cleaner;
  #made = 0;

  /** A new one with room for so many documents and bytes; ends the process with a message when the disk has less. */
  static open(documents, bytes = 0) {
    const missing = whatIsMissing(os.tmpdir(), documents, bytes);
    if (missing) {
      console.error(`${missing}: set TMPDIR to another disk`);
      process.exit(1);
    }
    return new Workplace();
  }

  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jacs-bench-'));
    this.#cleaner = spawn('sh', ['-c', CLEANER, 'sh', this.folder], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    this.#cleaner.unref();
    this.#cleaner.stdin.unref();
  }

  /** A path for something that is not there yet. */
  unused() {
    return path.join(this.folder, `new-${this.#made++}`);
  }

  newFolder() {
    const folder = this.unused();
    fs.mkdirSync(folder);
    return folder;
  }

  /** Removes everything. A process that ends without this, by ^C or a crash, has it removed a moment later. */
  async close() {
    this.#cleaner.ref();
    const gone = once(this.#cleaner, 'exit');
    this.#cleaner.stdin.end();
    await gone;
  }
}

function whatIsMissing(folder, documents, more) {
  const { bavail, bsize, files, ffree } = fs.statfsSync(folder);
  const [bytes, inodes] = [documents * DOCUMENT.bytes + more, documents * DOCUMENT.inodes];
  const gigabytes = (number) => `${(number / 1e9).toFixed(1)} GB`;
  if (bavail * bsize < bytes) return `${folder} has ${gigabytes(bavail * bsize)} free, this needs ${gigabytes(bytes)}`;
  // Filesystems that make inodes as they need them say that they have none.
  if (files > 0 && ffree < inodes) return `${folder} has ${ffree} inodes free, this needs ${inodes}`;
}

/** Everything written so far is on the disk after this: whoever writes next does not pay for it. */
export function flushDisk() {
  spawnSync('sync');
}
