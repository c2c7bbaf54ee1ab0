// What was measured, where and when: a table for the reader, and a dated file with every sample.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { median, rounded } from './measure.mjs';

const FILESYSTEMS = {
  0xef53: 'ext4',
  0x01021994: 'tmpfs',
  0x9123683e: 'btrfs',
  0x58465342: 'xfs',
  0x794c7630: 'overlayfs',
};

/** Prints the comparisons, the event loop's delays, the memory and what stands beside. */
export function print({ comparisons, eventLoop = [], memory = [], jacs }) {
  const lines = [['microseconds a document', 'ours', 'peer', 'times', 'by CPU', 'target', '']];
  for (const { name, samples, ratio, cpuRatio, target, cpuTarget, met } of comparisons) {
    const us = (side) => (samples[side] ? median(samples[side].us).toFixed(1) : '-');
    const cpuGoal = cpuTarget === undefined ? '' : `, CPU >= ${cpuTarget}`;
    const goal = target === undefined ? '' : `>= ${rounded(target)}${cpuGoal}`;
    lines.push([name, us('ours'), us('peer'), times(ratio), times(cpuRatio), goal, verdict(met)]);
  }
  for (const [verb, name] of Object.entries({ create: 'createDocumentSync', verify: 'verifyDocumentSync' })) {
    const ours = comparisons.find((comparison) => comparison.name.startsWith(name));
    if (!jacs?.[verb] || !ours) continue;
    const [us, oursUs] = [median(jacs[verb]), median(ours.samples.ours.us)];
    lines.push([
      `${name} beside jacs ${jacs.version}`,
      oursUs.toFixed(1),
      us.toFixed(1),
      times(us / oursUs),
      '',
      '',
      '',
    ]);
  }
  if (eventLoop.length > 0)
    lines.push([], ['event loop, p99.9 in milliseconds', 'ours', 'peer', 'times', '', 'target', '']);
  for (const { name, ours, peer, ratio, target, limitMs, met } of eventLoop) {
    const p999 = (samples) => median(samples.map((sample) => sample.p999)).toFixed(1);
    lines.push([name, p999(ours), p999(peer), times(ratio), '', `< ${target}, < ${limitMs} ms`, verdict(met)]);
  }
  if (memory.length > 0) lines.push([], ['resident memory in MiB', 'idle', 'peak', 'over']);
  for (const { name, idleMiB, peakMiB } of memory) {
    lines.push([name, ...[idleMiB, peakMiB, peakMiB - idleMiB].map((value) => value.toFixed(1))]);
  }
  console.log(aligned(lines));
  if (jacs?.skipped) console.log(`\nleft out: jacs: ${jacs.skipped}`);
}

const times = (value) => value?.toFixed(2) ?? '';
export const verdict = (met) => ({ true: 'met', false: 'MISSED', undefined: '' })[met];

/** Lines of cells as text; the first line has all columns. */
export function aligned(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const cell = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

/** Writes `folder/YYYY-MM-DD-question.json`; `workplace` is where the files were made that were measured. */
export function save(folder, question, workplace, results) {
  const date = new Date().toISOString();
  const file = path.join(folder, `${date.slice(0, 10)}-${question}.json`);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify({ date, machine: machine(workplace), ...results }, null, 1)}\n`);
  console.log(`\nkept: ${path.relative(process.cwd(), file)}`);
}

function machine(workplace) {
  const { type } = fs.statfsSync(workplace);
  return {
    cpu: os.cpus()[0]?.model.trim(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    filesystem: FILESYSTEMS[type] ?? `0x${type.toString(16)}`,
    node: process.version,
    openssl: process.versions.openssl,
    load: os.loadavg().map((load) => Number(load.toFixed(1))),
  };
}
