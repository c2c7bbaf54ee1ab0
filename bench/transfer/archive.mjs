// Runs in a process of its own: one export or import of a store, and the most memory that it took.
//   node archive.mjs export|import HOME DATA FILE
import { watchMemory } from '../support/memory.mjs';
import { loadAgent, NOT_SYNCED } from '../support/subjects.mjs';

const [verb, home, data, file] = process.argv.slice(2);
const agent = await loadAgent(home, data, NOT_SYNCED);
const memory = watchMemory();
const start = performance.now();
const report = await agent[`${verb}Archive`](file, verb === 'import' ? { agents: 'any', maxRatio: 2000 } : {});
const ms = performance.now() - start;
const { idleMiB, peakMiB } = memory();
await agent.close();
const { copied, failed, bytes } = report;
console.log(JSON.stringify({ ms, copied, failed, bytes, idleMiB, peakMiB }));
