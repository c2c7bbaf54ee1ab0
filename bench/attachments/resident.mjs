// The memory that one large attachment takes, each case in a process of its own: memory.mjs.
import fs from 'node:fs';
import { startSide } from '../remote/side.mjs';
import { flushDisk } from '../support/workplace.mjs';
import { storedAt } from './stored.mjs';

/** MiB above idle. */
const LIMIT = 100;
const CREATE = 'create';

/** Runs the cases whose names are `asked`; each gives `{ name, idleMiB, peakMiB, sampledMiB, overMiB, limitMiB, met }`. */
export async function residentMemory(bench, asked) {
  const { sizes } = bench;
  const onServer = [CREATE, 'read'];
  return [
    ...(await ofPlace(bench, asked, 'fs', sizes.disk, [CREATE, 'read', 'verify contents', 'save'])),
    ...(await ofPlace(bench, asked, 'fs', sizes.disk, ['create from a stream'])),
    ...(await ofPlace(bench, asked, 'rgw', sizes.serverMemory, onServer)),
    ...(await ofPlace(bench, asked, 'dav', sizes.serverMemory, onServer)),
  ];
}

async function ofPlace(bench, asked, where, mib, verbs) {
  const cases = verbs.map((verb) => ({ verb, name: `rss, ${verb}, ${mib} MiB, ${where}` }));
  const wanted = cases.filter(({ name }) => asked(name));
  const place = wanted.length > 0 && (await (where === 'fs' ? onDisk(bench) : onServer(bench, where)));
  if (!place) return [];
  const source = bench.source(mib);
  const found = [];
  let text;
  try {
    for (const { verb, name } of cases) {
      // The others read what the first has made.
      if (verb !== CREATE && !wanted.some((each) => each.verb === verb)) continue;
      const directory = bench.workplace.newFolder();
      const { storage, env, data } = place;
      const settings = { storage, home: bench.home, env, data, source, text, directory };
      const { memory, ...made } = await inProcess(bench, settings, verb);
      fs.rmSync(directory, { recursive: true });
      text ??= made.text;
      found.push({ name, ...judged(memory) });
    }
  } finally {
    await place.remove(source);
    flushDisk();
  }
  return found.filter(({ name }) => asked(name));
}

async function inProcess({ running }, settings, verb) {
  flushDisk();
  const side = await startSide('../attachments/memory.mjs', settings, []);
  running.push(side);
  const result = await side.call(verb);
  await side.close();
  return result;
}

function judged(memory) {
  const overMiB = Number((memory.peakMiB - memory.idleMiB).toFixed(1));
  return { ...memory, overMiB, limitMiB: LIMIT, met: overMiB < LIMIT };
}

function onDisk({ workplace }) {
  const data = workplace.unused();
  return { storage: 'fs', env: {}, data, remove: () => fs.rmSync(data, { recursive: true, force: true }) };
}

async function onServer(bench, server) {
  const place = await bench.place(server);
  if (!place) return undefined;
  const { storage, env, stored } = place;
  const remove = async ({ sha256 }) => {
    await storedAt(stored).remove(`memory/files/${sha256}`);
    await place.reclaim();
  };
  return { storage, env, data: place.data('memory'), remove };
}
