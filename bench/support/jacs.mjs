// The independent implementation, `jacs` for Python, where there is one: JACS_PYTHON, or the .venv that `npm test` makes.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const venv = path.join(here, '..', '..', '.venv', 'bin', 'python');

/** Microseconds a document, `{ version, create, verify }`, or `{ skipped }` with the reason. Works in `folder`, which is empty. */
export function timeJacs(folder, texts, rounds) {
  const python = process.env.JACS_PYTHON ?? venv;
  if (!fs.existsSync(python))
    return { skipped: 'no Python with jacs: set JACS_PYTHON, or run npm test, which makes one' };
  const { status, stdout, stderr } = spawnSync(python, ['-I', path.join(here, 'jacs.py')], {
    cwd: folder,
    encoding: 'utf8',
    input: JSON.stringify({ texts, rounds }),
  });
  if (status !== 0) return { skipped: `jacs for Python failed: ${(stderr ?? '').trim().split('\n').pop()}` };
  return JSON.parse(stdout);
}
