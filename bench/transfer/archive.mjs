// Runs in a process of its own: one export or import of a store, and the most memory that it took.
//   node archive.mjs export|import HOME DATA FILE
import { loadAgent } from '../support/subjects.mjs';

const [verb, home, data, file] = process.argv.slice(2);
const agent = await loadAgent(home, data, { jacs_storage_options: { durability: 'none' } });
const idle = process.memoryUsage().rss;
let peak = idle;
const look = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
const start = performance.now();
const report = await agent[`${verb}Archive`](file, verb === 'import' ? { agents: 'any', maxRatio: 2000 } : {});
const ms = performance.now() - start;
clearInterval(look);
await agent.close();
const { copied, failed, bytes } = report;
console.log(JSON.stringify({ ms, copied, failed, bytes, idleMiB: idle / 2 ** 20, peakMiB: peak / 2 ** 20 }));
