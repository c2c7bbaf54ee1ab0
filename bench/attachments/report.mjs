// What the bench of attachments says: the questions take milliseconds to seconds each.
import { median, rounded } from '../support/measure.mjs';
import { aligned, verdict } from '../support/record.mjs';

export function printAttachments({ comparisons, memory }) {
  const lines = [['milliseconds', 'ours', 'peer', 'times', 'CPU, ours', 'peer', 'by CPU', 'target', '']];
  const ms = (us) => (us ? rounded(median(us) / 1000).toString() : '-');
  for (const { name, samples, ratio, cpuRatio, target, met } of comparisons) {
    const { ours, peer } = samples;
    const cpu = [ms(ours.cpuUs), ms(peer.cpuUs), cpuRatio?.toFixed(2) ?? ''];
    const goal = target === undefined ? '' : `>= ${target}`;
    lines.push([name, ms(ours.us), ms(peer.us), ratio.toFixed(2), ...cpu, goal, verdict(met)]);
  }
  for (const { name, parts = {} } of comparisons) {
    for (const [part, samples] of Object.entries(parts)) lines.push([`${name}: ${part}`, '', String(median(samples))]);
  }
  if (memory.length > 0) lines.push([], ['resident memory in MiB', 'idle', 'peak', 'over', '', '', '', 'target', '']);
  for (const { name, idleMiB, peakMiB, overMiB, limitMiB, met } of memory) {
    const figures = [idleMiB, peakMiB, overMiB].map((value) => value.toFixed(1));
    lines.push([name, ...figures, '', '', '', `< ${limitMiB}`, verdict(met)]);
  }
  console.log(aligned(lines));
}
