// Packages of Debian and Ubuntu, installed so that none of them starts a server.
import fs from 'node:fs';
import { output, status } from './process.mjs';

// A package asks this program whether its server may start; 101 is a no.
const POLICY = '/usr/sbin/policy-rc.d';
const NO = '#!/bin/sh\nexit 101\n';

/** Whether packages can be installed here. */
export function canInstall() {
  return process.platform === 'linux' && process.getuid() === 0 && output('apt-get', ['--version']) !== undefined;
}

/** Installs packages by name; whether that worked. */
export function install(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const before = fs.existsSync(POLICY) && { text: fs.readFileSync(POLICY), mode: fs.statSync(POLICY).mode };
  writePolicy({ text: NO, mode: 0o755 });
  try {
    if (status('apt-get', ['update', '-q'], { env }) !== 0) return false;
    return status('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], { env }) === 0;
  } finally {
    if (before) writePolicy(before);
    else fs.rmSync(POLICY);
  }
}

function writePolicy({ text, mode }) {
  fs.writeFileSync(POLICY, text);
  fs.chmodSync(POLICY, mode);
}
