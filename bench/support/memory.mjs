// How much memory this process takes while it works.
import fs from 'node:fs';

const EVERY_MS = 100;
const MIB = 2 ** 20;

/** Begins to look; what it gives ends that, and tells `{ idleMiB, peakMiB, sampledMiB }` of resident memory. */
export function watchMemory() {
  forgetHighWater();
  const idle = process.memoryUsage.rss();
  let sampled = idle;
  const timer = setInterval(() => {
    sampled = Math.max(sampled, process.memoryUsage.rss());
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    const peak = Math.max(sampled, highWater(), process.memoryUsage.rss());
    const [idleMiB, peakMiB, sampledMiB] = [idle, peak, sampled].map((bytes) => Number((bytes / MIB).toFixed(1)));
    return { idleMiB, peakMiB, sampledMiB };
  };
}

/** The most that the process ever took, as the system counts: nothing falls between two looks. Only Linux tells. */
function highWater() {
  if (process.platform !== 'linux') return 0;
  const [, kib] = fs.readFileSync('/proc/self/status', 'utf8').match(/^VmHWM:\s*(\d+) kB$/m) ?? [];
  return Number(kib ?? 0) * 1024;
}

/** What was taken before, to load the agent, does not count. Where Linux does not do this, it does. */
function forgetHighWater() {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // No such file, or not ours to write.
  }
}
