// One question: ours beside the peer's, and whether the target is met.
import { compare, ratio } from './measure.mjs';

/**
 * `peer` is another way to the same result; `target`, by how many times ours must be faster; `cpuTarget`, the same of the
 * processors' time. Where `peerIsProcess`, that of the peer is not this process's, and nothing is said about it.
 */
export async function answer({ name, target, cpuTarget, ours, peer, peerIsProcess }, rounds) {
  const samples = await compare(peer ? { ours, peer } : { ours }, rounds);
  if (!peer) return { name, samples };
  const times = ratio(samples.peer.us, samples.ours.us);
  const met = target && times >= target;
  if (peerIsProcess) {
    delete samples.peer.cpuUs;
    return { name, target, ratio: times, met, samples };
  }
  const cpuRatio = ratio(samples.peer.cpuUs, samples.ours.cpuUs);
  const cpuMet = cpuTarget === undefined || cpuRatio >= cpuTarget;
  return { name, target, cpuTarget, ratio: times, cpuRatio, met: met && cpuMet, samples };
}

/** A bench of refusals would measure nothing. */
export function must(held, what = 'a document did not verify') {
  if (!held) throw new Error(what);
}
