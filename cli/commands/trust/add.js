'use strict';

const { Refusal } = require('../../failure.js');
const { checkFiles, isKey, readSubject } = require('../../input.js');

function define(command) {
  command
    .description(
      "pin an agent's key: from now on only it, and keys that it handed over to, are believed to be the agent's",
    )
    .argument('<agent>', 'a file with its agent document, - for standard input, or the id of an agent in the storage');
}

const examples = [
  'jacs-agent trust add partner.json',
  'ssh partner jacs-agent trust show | jacs-agent trust add -',
  'jacs-agent trust add 2b0f3c1e-5f0a-4c7e-9b1d-0a1b2c3d4e5f',
];

async function run(session, subject) {
  const { options, output, signal } = session;
  checkFiles([subject]);
  const agent = await session.openReader();
  const text = isKey(subject) ? await stored(agent, subject, signal) : await readSubject(subject, signal);
  try {
    await agent.trustAgent(text);
  } catch (error) {
    throw isKey(subject) ? error : inFile(error, subject);
  }
  const { jacsId } = JSON.parse(text);
  const { agentId, algorithm, keySha256, since } = (await agent.trustedAgents()).find(
    (entry) => entry.agentId === jacsId,
  );
  if (options.json) return output.json({ trusted: agentId, algorithm, keySha256, since });
  await session.note(`trusted ${agentId}`);
  return session.note(`SHA-256 of its key, to be compared with what its owner says: ${keySha256}`);
}

/** Verified, so that a version which somebody else put there is not the one that is pinned. */
async function stored(agent, subject, signal) {
  try {
    return await agent.getDocument(subject, { signal });
  } catch (error) {
    if (error.code !== 'JACS_UNTRUSTED') throw error;
    const { code, message, key, cause } = error;
    throw new Refusal(code, `${message}; give its agent document as a file`, { key, cause });
  }
}

function inFile(error, path) {
  if (error.code !== 'JACS_INPUT' || path === '-') return error;
  const { code, message, key, cause } = error;
  return new Refusal(code, message, { key, path, cause });
}

module.exports = { define, examples, run };
