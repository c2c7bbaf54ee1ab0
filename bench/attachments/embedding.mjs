// A file's bytes in the document itself. Two sizes tell what a MiB costs and what comes with every call.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { must } from '../support/answer.mjs';
import { loadAgent } from '../support/subjects.mjs';
import { createEmbedded } from './calls.mjs';

/** At most twice the time of the other side, which neither signs nor hashes the file itself. */
const TARGET = 0.5;

export function embedding({ workplace, home, source, sizes }) {
  const question = (mib, target) => [
    {
      name: `createDocument, ${mib} MiB embedded from a Buffer; base64, stringify, sha256`,
      target,
      times: 3,
      async sides() {
        const bytes = fs.readFileSync(source(mib).file);
        const attachment = { path: 'bench.bin', contents: bytes };
        return sidesOf(await agentOf(), bytes, attachment, () => bytes);
      },
    },
    {
      name: `createDocument, ${mib} MiB embedded from a file; readFile, base64, stringify, sha256`,
      target,
      times: 3,
      async sides() {
        const { file } = source(mib);
        return sidesOf(await agentOf(), fs.readFileSync(file), file, () => fs.promises.readFile(file));
      },
    },
  ];
  const agentOf = () => loadAgent(home, workplace.unused());
  return [...question(sizes.embedded), ...question(10 * sizes.embedded, TARGET)];
}

async function sidesOf(agent, bytes, attachment, read) {
  prove(await createEmbedded(agent, attachment), bytes);
  return {
    async ours() {
      await createEmbedded(agent, attachment);
      return 1;
    },
    async peer() {
      embedInJavaScript(await read());
      return 1;
    },
    close: () => agent.close(),
  };
}

function prove(text, bytes) {
  const [{ contents, sha256 }] = JSON.parse(text).jacsFiles;
  must(Buffer.from(contents, 'base64').equals(bytes), 'other bytes are embedded');
  must(createHash('sha256').update(bytes).digest('hex') === sha256, 'the document has another hash');
}

/** A text with the bytes in it, and its hash; nothing is signed. */
function embedInJavaScript(bytes) {
  const contents = bytes.toString('base64');
  const text = JSON.stringify({ jacsFiles: [{ path: 'bench.bin', embed: true, contents }] });
  return { text, sha256: createHash('sha256').update(text).digest('hex') };
}
