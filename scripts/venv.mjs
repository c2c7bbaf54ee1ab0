// A Python virtual environment with `jacs`, the independent implementation that the tests exchange documents with.
import fs from 'node:fs';
import path from 'node:path';
import { output, root, status } from './process.mjs';
import { python } from './system.mjs';

const JACS = '0.15.0';
const folder = path.join(root, '.venv');
const interpreter = path.join(
  folder,
  ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
);

/** The environment's interpreter, made when it is not there; undefined, with the reason printed, when it cannot be. */
export function pythonWithJacs() {
  if (version() === JACS) return interpreter;
  const base = python();
  if (!base) return refuse('no Python 3.10 or newer with venv');
  fs.rmSync(folder, { recursive: true, force: true });
  if (status(base, ['-m', 'venv', folder]) !== 0) return refuse(`${base} -m venv failed`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `jacs==${JACS}`];
  if (status(interpreter, pip) !== 0) return refuse('pip could not install it');
  return version() === JACS ? interpreter : refuse('it was installed but does not import');
}

function version() {
  const code = "import jacs, importlib.metadata; print(importlib.metadata.version('jacs'))";
  return output(interpreter, ['-c', code]);
}

function refuse(reason) {
  console.log(`no virtual environment with jacs ${JACS}: ${reason}`);
  return undefined;
}
