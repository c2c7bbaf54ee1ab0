// Workers that verify documents, one core each.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { must } from './answer.mjs';
import { loadAgent } from './subjects.mjs';

const SCRIPT = fileURLToPath(import.meta.url);

export class Verifiers {
  /** `texts` are verified in turn, by the agent of `home` on the store `data`. */
  static async start(count, subject) {
    const workers = Array.from({ length: count }, () => new Worker(SCRIPT, { workerData: subject }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return new Verifiers(workers);
  }

  constructor(workers) {
    this.workers = workers;
  }

  /** Verifies so many, all workers together. */
  async verify(count) {
    const share = Math.ceil(count / this.workers.length);
    for (const worker of this.workers) worker.postMessage(share);
    await Promise.all(this.workers.map((worker) => once(worker, 'message')));
    return share * this.workers.length;
  }

  async stop() {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}

async function work({ home, data, texts }) {
  const agent = await loadAgent(home, data);
  parentPort.on('message', (count) => {
    for (let n = 0; n < count; n++) must(agent.verifyDocumentSync(texts[n % texts.length]));
    parentPort.postMessage('done');
  });
  parentPort.postMessage('ready');
}

if (!isMainThread && workerData?.texts) await work(workerData);
