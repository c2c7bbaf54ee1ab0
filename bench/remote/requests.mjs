// How many requests a document takes, on each side. A proxy counts them, off the clock.

/** For each question, by side and method, how many requests a document took. `start(url)` starts the sides on the proxy. */
export async function countRequests(startProxy, target, start, questions) {
  const proxy = await startProxy(target);
  const sides = await start(proxy.url);
  const count = async (side, name) => {
    // The first pass makes what is made once.
    await sides[side].setup(name);
    await sides[side].run(name);
    await sides[side].setup(name);
    proxy.requests.length = 0;
    const operations = await sides[side].run(name);
    return byMethod(proxy.requests, operations);
  };
  const counts = [];
  for (const { ours, peer } of questions) {
    counts.push({ ours: await count('ours', ours), peer: await count(...peer) });
  }
  for (const side of Object.values(sides)) await side.close();
  await proxy.close();
  return counts;
}

function byMethod(requests, operations) {
  const counts = {};
  for (const { method } of requests) counts[method] = (counts[method] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).map(([method, count]) => [method, count / operations]));
}
