// A data directory full of signed documents.
import fs from 'node:fs';
import path from 'node:path';
import { flushDisk } from '../support/workplace.mjs';
import { Agent } from 'jacs-agent';

const BATCH = 5000;
const PASSWORD = 'bench-Passw0rd';
/** With it a document of this package is about 1 KiB before it is signed. */
const TEXT = 'x'.repeat(980);

/** Makes an agent in `folder` and so many documents; gives the folder's paths. */
export async function makeStore(folder, documents) {
  fs.mkdirSync(folder);
  const config = path.join(folder, 'jacs.config.json');
  const data = path.join(folder, 'jacs_data');
  const agent = await Agent.create({
    configPath: config,
    dataDirectory: data,
    keyDirectory: path.join(folder, 'jacs_keys'),
    password: PASSWORD,
    env: {},
  });
  await agent.close();
  // Nothing is synced one by one; all of it is, before anything is measured.
  const settings = { jacs_data_directory: data, jacs_key_directory: path.join(folder, 'jacs_keys') };
  const writer = new Agent();
  await writer.load({ ...settings, jacs_storage_options: { durability: 'none' } }, { password: PASSWORD, env: {} });
  for (let made = 0; made < documents; made += BATCH) {
    const count = Math.min(BATCH, documents - made);
    await writer.createDocuments(Array.from({ length: count }, (_, number) => ({ number: made + number, text: TEXT })));
  }
  await writer.close();
  flushDisk();
  return { folder, config, data };
}
