// The servers of one directory, with what `servers.json` in it says about them.
import fs from 'node:fs';
import path from 'node:path';
import * as dav from './dav.mjs';
import { installed, runs } from './daemon.mjs';
import * as dns from './dns.mjs';
import * as moto from './moto.mjs';
import * as rgw from './rgw.mjs';

const gateway = { programs: rgw.programs, start: rgw.startGateway, stop: rgw.stop };
const SERVERS = { rgw, moto, dav, dns, gateway };

/** Those that are started when none is named. */
export const NAMES = ['rgw', 'moto', 'dav', 'dns'];

/** The file that tells tests where the servers of a directory are. It holds their passwords. */
export function stateFile(dir) {
  return path.join(dir, 'servers.json');
}

/** What a directory's file says; empty when there is none. */
export function readState(dir) {
  if (!fs.existsSync(stateFile(dir))) return {};
  return JSON.parse(fs.readFileSync(stateFile(dir), 'utf8'));
}

/**
 * Starts servers by name, each beside the others, and writes the file. What runs is left alone; what was there and does
 * not run is started again where it was, with its data. Gives `{ failed: [[name, error]], lacking: [[name, programs]] }`.
 */
export async function startAll(dir, names, options = {}) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o711 });
  const state = readState(dir);
  const failed = [];
  const lacking = [];
  await Promise.all(
    names.map(async (name) => {
      const programs = SERVERS[name].programs.filter((program) => !installed(program));
      if (programs.length > 0) return lacking.push([name, programs]);
      try {
        const record = await SERVERS[name].start(path.join(dir, name), state[name], options);
        state[name] = { ...record, pids: Object.fromEntries(record.processes.map(({ name, pid }) => [name, pid])) };
      } catch (error) {
        delete state[name];
        failed.push([name, error]);
      }
      // At once: what runs can be ended, whatever happens to the others.
      writeState(dir, state);
    }),
  );
  return { failed, lacking };
}

/** Ends what a directory's file names, and what tests started beside it; the data stays. */
export async function stopAll(dir) {
  for (const extra of extras(dir)) await stopAll(extra);
  const state = readState(dir);
  await Promise.all(Object.entries(state).map(([name, record]) => SERVERS[name].stop(record)));
}

/** Each process that a directory's file names: `[server, process, whether it runs]`. */
export function processes(dir) {
  return Object.entries(readState(dir)).flatMap(([name, record]) =>
    record.processes.map((each) => [name, each, runs(each)]),
  );
}

// Tests put servers of their own under `extra`, each with a file of its own: nothing writes to a file of another.
function extras(dir) {
  const folder = path.join(dir, 'extra');
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).map((name) => path.join(folder, name));
}

function writeState(dir, state) {
  const temporary = `${stateFile(dir)}.new`;
  fs.writeFileSync(temporary, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  fs.renameSync(temporary, stateFile(dir));
}
