// The processors' time of servers on this machine, as Linux counts it: in steps of 10 ms. Elsewhere nothing is known.
import fs from 'node:fs';

const TICK_MS = 10;

/** Milliseconds that the processes in some process groups, and those they waited for, have had; undefined if unknown. */
export function cpuMs(groups) {
  if (process.platform !== 'linux') return undefined;
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => ticks(pid, groups)).reduce((sum, each) => sum + each, 0) * TICK_MS;
}

function ticks(pid, groups) {
  let stat;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return 0;
  }
  // pid (name) state parent group ...; the name may hold anything.
  const fields = stat
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  if (!groups.includes(fields[2])) return 0;
  // User and system time, of itself and of its children that have ended.
  return fields.slice(11, 15).reduce((sum, each) => sum + each, 0);
}
