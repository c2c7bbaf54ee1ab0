// A listing of many documents: how long it takes, and how much memory.
import path from 'node:path';
import { must } from '../support/answer.mjs';
import { runPhase } from '../support/phase.mjs';
import { linesOf } from '../support/process.mjs';
import { loadAgent, NOT_SYNCED } from '../support/subjects.mjs';
import { flushDisk } from '../support/workplace.mjs';

export function listing(bench) {
  const { home, listed } = bench;
  return [
    {
      name: `listDocuments, ${listed}; find -type f`,
      target: 1 / 3,
      peerIsProcess: true,
      async sides() {
        const data = await filled(bench);
        const agent = await loadAgent(home, data);
        const all = (found) => {
          must(found === listed, `${found} documents instead of ${listed}`);
          return found;
        };
        const list = async () => {
          let found = 0;
          for await (const { key } of agent.listDocuments()) if (key) found++;
          return all(found);
        };
        const documents = path.join(data, 'documents');
        return { ours: list, peer: async () => all(await linesOf('find', [documents, '-type', 'f'])) };
      },
    },
  ];
}

/** In processes of their own, which have nothing else in memory. That of few tells what a process takes anyway. */
export function listingMemory(bench) {
  return [bench.listed / 10, bench.listed].map((limit) => ({
    name: `rss, listDocuments, ${limit}`,
    async measure() {
      const { memory } = await runPhase('list', { home: bench.home, data: await filled(bench), limit, passes: 1 });
      return memory;
    },
  }));
}

const stores = new WeakMap();

/** A store of `listed` documents, made once. */
function filled(bench) {
  if (!stores.has(bench)) stores.set(bench, fill(bench));
  return stores.get(bench);
}

async function fill({ workplace, home, texts, listed }) {
  const data = workplace.unused();
  const agent = await loadAgent(home, data, NOT_SYNCED);
  for (let made = 0; made < listed; made += texts.length) await agent.createDocuments(texts.slice(0, listed - made));
  await agent.close();
  flushDisk();
  return data;
}
