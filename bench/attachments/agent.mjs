// Our side on a server, in a process of its own.
import { must } from '../support/answer.mjs';
import { loadAgent } from '../support/subjects.mjs';
import { createStored, readAll } from './calls.mjs';
import { storedAt } from './stored.mjs';

/** `data` is a data directory, `stored` the place of its files for another client, below `prefix`. */
export async function open({ storage, home, env, data, prefix, source, stored }) {
  const agent = await loadAgent(home, data, { jacs_default_storage: storage }, env);
  // The first write also publishes the agent and makes what everything is in.
  await agent.createDocument({ title: 'first' });
  const server = storedAt(stored);
  const name = `${prefix}/files/${source.sha256}`;
  let text;
  const passes = {
    // The bytes are removed after each pass: ours would not send again what is there.
    create: {
      async run() {
        await createStored(agent, source);
        return 1;
      },
      async teardown() {
        must((await server.sizeOf(name)) === source.size, 'the server has not all bytes');
        await server.remove(name);
      },
    },
    read: {
      async setup() {
        text ??= await createStored(agent, source);
      },
      async run() {
        await readAll(agent, text, source);
        return 1;
      },
    },
  };
  const close = async () => {
    if (text) await server.remove(name);
    await agent.close();
  };
  return { passes, calls: {}, close };
}
