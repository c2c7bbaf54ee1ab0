// What a machine must have before anything can be built: Node, a Rust toolchain, a C compiler.
import fs from 'node:fs';
import path from 'node:path';
import { Failure, output, root } from './process.mjs';

const NODE = 20;

export function checkToolchain() {
  if (Number(process.versions.node.split('.')[0]) < NODE) {
    throw new Failure(`Node ${NODE} or newer is needed, this is ${process.versions.node}`);
  }
  checkRust();
  if (process.platform !== 'win32' && !compilers().some((name) => output(name, ['--version']))) {
    throw new Failure('a C compiler is needed: on Debian and Ubuntu, apt-get install build-essential');
  }
}

/** The target that cargo builds for when none is named. */
export function hostTarget() {
  return /^host: (.+)$/m.exec(output('rustc', ['-vV']))[1];
}

function checkRust() {
  const needed = /^rust-version = "(.+)"$/m.exec(fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8'))[1];
  const found = /^cargo (\S+)/.exec(output('cargo', ['--version']) ?? '')?.[1];
  if (!found) throw new Failure(`a Rust toolchain, ${needed} or newer, is needed: cargo is not on the PATH`);
  if (older(found, needed)) throw new Failure(`Rust ${needed} or newer is needed, this is ${found}`);
}

function older(found, needed) {
  const [a, b] = [found, needed].map((version) => version.split('.').map((part) => parseInt(part, 10)));
  return a[0] !== b[0] ? a[0] < b[0] : a[1] < b[1];
}

function compilers() {
  return process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
}
