// A data directory full of signed documents.
import { loadAgent, NOT_SYNCED } from '../support/subjects.mjs';
import { flushDisk } from '../support/workplace.mjs';

/** The agent of `home` fills the directory `data` with so many documents of these texts, again and again. */
export async function fillStore(home, data, texts, count) {
  const agent = await loadAgent(home, data, NOT_SYNCED);
  for (let made = 0; made < count; made += texts.length) await agent.createDocuments(texts.slice(0, count - made));
  await agent.close();
  flushDisk();
  return data;
}
