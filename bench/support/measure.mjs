// How two sides are compared: warmed up, then in alternating order, in the same process and the same minute. What is
// claimed is the median of the ratios of neighbours; times alone say little on a machine that others use, too.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Shorter samples would measure the scheduler. */
const SAMPLE_MS = 200;

/**
 * Compares sides, each a function that runs once through its operations and resolves to how many those were; or
 * `{ setup, run, teardown }`, when every pass needs something new, which is made and left outside of the clock; or
 * `{ sample }`, when another process runs it. Gives each side's samples in microseconds an operation, of the clock and of
 * the processors (all threads; `serverUs` those of a server).
 */
export async function compare(sides, rounds) {
  const passes = {};
  for (const [name, pass] of Object.entries(sides)) {
    await sample(pass, 1);
    passes[name] = Math.ceil(SAMPLE_MS / Math.max((await sample(pass, 1)).ms, 0.1));
  }
  const samples = Object.fromEntries(Object.keys(sides).map((name) => [name, { us: [], cpuUs: [] }]));
  for (let round = 0; round < rounds; round++) {
    const order = Object.keys(sides);
    if (round % 2 === 1) order.reverse();
    for (const name of order) {
      const { ms, cpuMs, serverMs, operations } = await sample(sides[name], passes[name]);
      samples[name].us.push(rounded((ms * 1000) / operations));
      samples[name].cpuUs.push(rounded((cpuMs * 1000) / operations));
      if (serverMs !== undefined) (samples[name].serverUs ??= []).push(rounded((serverMs * 1000) / operations));
    }
  }
  return samples;
}

/** Runs so many passes of a side; `serverTime` gives the milliseconds that a server's processors worked until then. */
export async function sample(side, passes, serverTime) {
  if (side.sample) return side.sample(passes);
  const { setup, run, teardown } = typeof side === 'function' ? { run: side } : side;
  let [ms, cpuMs, operations] = [0, 0, 0];
  let serverMs = serverTime && 0;
  for (let done = 0; done < passes; done++) {
    const subject = await setup?.();
    const before = serverTime?.();
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    operations += await run(subject);
    ms += performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    cpuMs += (user + system) / 1000;
    if (serverTime) serverMs += serverTime() - before;
    await teardown?.(subject);
  }
  return { ms, cpuMs, serverMs, operations };
}

/** A pass of a synchronous function over all values. */
export function each(values, work) {
  return () => {
    for (const value of values) work(value);
    return values.length;
  };
}

/** A pass of an asynchronous function over all values, so many at a time. */
export function inFlight(values, concurrency, work) {
  return async () => {
    let next = 0;
    const worker = async () => {
      while (next < values.length) await work(values[next++]);
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, values.length) }, worker));
    return values.length;
  };
}

/** By how much a pass holds up the event loop: milliseconds between ticks of one millisecond. */
export async function eventLoopDelay(pass) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const start = performance.now();
  delay.enable();
  await pass();
  delay.disable();
  const ms = (nanoseconds) => rounded(nanoseconds / 1e6);
  return {
    p50: ms(delay.percentile(50)),
    p999: ms(delay.percentile(99.9)),
    max: ms(delay.max),
    seconds: rounded((performance.now() - start) / 1000),
  };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of how many times longer the peer took than ours, round by round. */
export function ratio(peer, ours) {
  return rounded(median(peer.map((value, round) => value / ours[round])));
}

/** To four digits; no measurement here knows more. */
export function rounded(value) {
  return Number(value.toPrecision(4));
}
