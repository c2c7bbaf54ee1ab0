// Python virtual environments: one with `jacs`, the independent implementation that the tests exchange documents with,
// and one with moto. They are two because neither shall choose the other's dependencies.
import fs from 'node:fs';
import path from 'node:path';
import { output, root, status } from './process.mjs';
import { python } from './system.mjs';

const JACS = { folder: path.join(root, '.venv'), module: 'jacs', requirement: 'jacs', version: '0.15.0' };
const MOTO = {
  folder: path.join(root, '.venv-moto'),
  module: 'moto.server',
  requirement: 'moto[server]',
  version: '5.2.5',
};

/** The program that serves moto, once `installMoto` has made it. */
export const motoServer = program(MOTO, 'moto_server');

/** The interpreter with `jacs`, made when it is not there; undefined, with the reason printed, when it cannot be. */
export function pythonWithJacs() {
  return made(JACS) ? program(JACS, 'python') : undefined;
}

/** Whether moto is there, after it was made when it was not. */
export function installMoto() {
  return made(MOTO);
}

function made(environment) {
  const { folder, requirement, version } = environment;
  if (installed(environment) === version) return true;
  const base = python();
  if (!base) return refuse(environment, 'no Python 3.10 or newer with venv');
  fs.rmSync(folder, { recursive: true, force: true });
  if (status(base, ['-m', 'venv', folder]) !== 0) return refuse(environment, `${base} -m venv failed`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `${requirement}==${version}`];
  if (status(program(environment, 'python'), pip) !== 0) return refuse(environment, 'pip could not install it');
  return installed(environment) === version || refuse(environment, 'it was installed but does not import');
}

function installed({ folder, module, requirement }) {
  const name = requirement.replace(/\[.*/, '');
  const code = `import ${module}, importlib.metadata; print(importlib.metadata.version('${name}'))`;
  return output(program({ folder }, 'python'), ['-c', code]);
}

function program({ folder }, name) {
  return process.platform === 'win32' ? path.join(folder, 'Scripts', `${name}.exe`) : path.join(folder, 'bin', name);
}

function refuse({ requirement, version }, reason) {
  console.log(`no virtual environment with ${requirement} ${version}: ${reason}`);
  return false;
}
