// What stands beside the times of servers' clients: processors' time on both ends, and requests.
import os from 'node:os';
import { median, rounded } from '../support/measure.mjs';
import { aligned, verdict } from '../support/record.mjs';

/**
 * Prints for each comparison the client's and the server's processors, microseconds a document, and the part of this
 * machine's processors that the server took: near 100 %, it is the server that is measured. Then the requests.
 */
export function printBeside(comparisons) {
  const lines = [
    ['processors, microseconds a document', 'ours', 'peer', "ours' server", "peer's server", 'busy', 'busy'],
  ];
  for (const { name, samples } of comparisons) {
    const { ours, peer } = samples;
    const us = [ours.cpuUs, peer.cpuUs, ours.serverUs, peer.serverUs].map((values) => median(values).toFixed(1));
    const busy = [ours, peer].map((side) => `${(100 * serverShare(side)).toFixed(0)} %`);
    lines.push([name, ...us, ...busy]);
  }
  lines.push([], ['requests a document', 'ours', 'peer', 'target', '']);
  for (const { name, requests, mostRequests, requestsMet } of comparisons) {
    const goal = mostRequests === undefined ? '' : `<= ${mostRequests}`;
    lines.push([name, described(requests.ours), described(requests.peer), goal, verdict(requestsMet)]);
  }
  console.log(`\n${aligned(lines)}`);
}

/** Requests of all methods. */
export function total(counts) {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

function serverShare({ us, serverUs }) {
  return median(serverUs.map((server, round) => server / us[round])) / os.availableParallelism();
}

function described(counts) {
  const all = Object.entries(counts).map(([method, count]) => `${rounded(count)} ${method}`);
  return all.length > 0 ? all.join(' + ') : '-';
}
