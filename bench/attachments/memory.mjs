// How much memory a process takes for one large attachment, above what it takes with its agent loaded and a document
// stored: this is that process, one for each case, started by resident.mjs.
import fs from 'node:fs';
import { watchMemory } from '../support/memory.mjs';
import { loadAgent } from '../support/subjects.mjs';
import { createStored, readAll } from './calls.mjs';
import { MIB } from './source.mjs';

export async function open({ storage, home, env, data, source, text, directory }) {
  const agent = await loadAgent(home, data, { jacs_default_storage: storage }, env);
  await agent.createDocument({ title: 'first' });
  const watched = (work) => async () => {
    const memory = watchMemory();
    const made = await work();
    return { text: typeof made === 'string' ? made : undefined, memory: memory() };
  };
  const stream = () => fs.createReadStream(source.file, { highWaterMark: MIB });
  const calls = {
    create: watched(() => createStored(agent, source)),
    'create from a stream': watched(() => createStored(agent, source, stream())),
    read: watched(() => readAll(agent, text, source)),
    'verify contents': watched(() => agent.assertDocument(text, { contents: true })),
    save: watched(() => agent.saveAttachments(text, directory)),
  };
  return { passes: {}, calls, close: () => agent.close() };
}
