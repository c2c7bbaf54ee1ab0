// How fast are documents made and verified, beside JavaScript that does the same work? Of files: bench/fs.mjs.
//   node bench/documents.mjs [--check] [--only TEXT] [--rounds N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names; no file is kept.
// Needs the release addon: npm run build. Files go to TMPDIR: let that be the disk that you ask about.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answer, must } from './support/answer.mjs';
import { writeFiles } from './support/files.mjs';
import { timeJacs } from './support/jacs.mjs';
import { each, eventLoopDelay, inFlight, median, ratio } from './support/measure.mjs';
import { print, save } from './support/record.mjs';
import { prepare } from './support/subjects.mjs';
import { Workplace } from './support/workplace.mjs';

const DOCUMENTS = 1000;
const CONCURRENCY = 64;
const EVENT_LOOP = { creates: 10_000, rounds: 5, limitMs: 20, target: 2 };
const JACS = { documents: 20, rounds: 3 };
const NO_SAVE = { noSave: true };

const { values: flags } = parseArgs({
  options: {
    check: { type: 'boolean' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '9' },
  },
});
// All that the questions about the event loop store, and write beside it.
const workplace = Workplace.open(4 * EVENT_LOOP.rounds * EVENT_LOOP.creates);

try {
  process.exitCode = await main();
} finally {
  await workplace.close();
}

async function main() {
  const subjects = await prepare(workplace.folder, DOCUMENTS);
  const asked = ({ name }) => name.includes(flags.only);
  const comparisons = [];
  for (const question of questions(subjects).filter(asked))
    comparisons.push(await answer(question, Number(flags.rounds)));
  const eventLoop = [];
  for (const question of eventLoopQuestions(subjects).filter(asked)) eventLoop.push(await eventLoopAnswer(question));
  const results = { documents: DOCUMENTS, concurrency: CONCURRENCY, comparisons, eventLoop };
  if (asked({ name: 'jacs' })) {
    results.jacs = timeJacs(workplace.newFolder(), subjects.texts.slice(0, JACS.documents), JACS.rounds);
  }
  await Promise.all([subjects.agent.close(), subjects.quantumSafe.close()]);
  print(results);
  if (!flags.only) save(fileURLToPath(new URL('results', import.meta.url)), 'documents', workplace.folder, results);
  return flags.check && [...comparisons, ...eventLoop].some(({ met }) => met === false) ? 1 : 0;
}

/** `peer` is JavaScript's own way to the same result; `target`, by how many times ours must be faster. */
function questions({ agent, quantumSafe, peer, texts, objects, signed, signedByPeer, signedQuantumSafe }) {
  const createByPeer = each(texts, (text) => peer.createDocument(text));
  const verifyByPeer = (texts) => each(texts, (text) => must(peer.verifyDocument(text)));
  const verify = (agent, texts) => each(texts, (text) => must(agent.verifyDocumentSync(text)));
  return [
    {
      name: 'createDocumentSync, noSave',
      target: 3.5,
      ours: each(texts, (text) => agent.createDocumentSync(text, NO_SAVE)),
      peer: createByPeer,
    },
    {
      name: 'createDocumentSync, noSave, of objects',
      ours: each(objects, (object) => agent.createDocumentSync(object, NO_SAVE)),
      peer: each(objects, (object) => peer.createDocument(object)),
    },
    {
      name: `createDocuments, noSave, ${DOCUMENTS} at once`,
      target: 5.5,
      ours: async () => (await agent.createDocuments(texts, NO_SAVE)).length,
      peer: createByPeer,
    },
    {
      name: `createDocument, noSave, ${CONCURRENCY} in flight`,
      ours: inFlight(texts, CONCURRENCY, (text) => agent.createDocument(text, NO_SAVE)),
      peer: createByPeer,
    },
    {
      name: 'createDocument, noSave, one by one',
      ours: inFlight(texts, 1, (text) => agent.createDocument(text, NO_SAVE)),
      peer: createByPeer,
    },
    { name: 'verifyDocumentSync', target: 3, ours: verify(agent, signed), peer: verifyByPeer(signed) },
    {
      name: "verifyDocumentSync, another agent's",
      ours: verify(agent, signedByPeer),
      peer: verifyByPeer(signedByPeer),
    },
    {
      name: 'createDocumentSync, noSave, ML-DSA-87',
      ours: each(texts, (text) => quantumSafe.createDocumentSync(text, NO_SAVE)),
    },
    { name: 'verifyDocumentSync, ML-DSA-87', ours: verify(quantumSafe, signedQuantumSafe) },
  ];
}

/** Is the event loop held up longer than by as many plain writes? */
function eventLoopQuestions({ agent, texts, signed }) {
  const many = Array.from({ length: EVENT_LOOP.creates }, (_, number) => texts[number % texts.length]);
  const plain = many.map((_, number) => signed[number % signed.length]);
  const peer = () => writeFiles(workplace.newFolder(), plain, CONCURRENCY);
  const saved = inFlight(many, CONCURRENCY, (text) => agent.createDocument(text));
  const unsaved = inFlight(many, CONCURRENCY, (text) => agent.createDocument(text, NO_SAVE));
  const suffix = `${EVENT_LOOP.creates}, ${CONCURRENCY} in flight; writeFile`;
  return [
    { name: `createDocument, saved, ${suffix}`, ours: saved, peer },
    { name: `createDocument, noSave, ${suffix}`, ours: unsaved, peer },
  ];
}

async function eventLoopAnswer({ name, ours, peer }) {
  const samples = { ours: [], peer: [] };
  for (let round = 0; round < EVENT_LOOP.rounds; round++) {
    const order = round % 2 === 0 ? ['ours', 'peer'] : ['peer', 'ours'];
    for (const side of order) samples[side].push(await eventLoopDelay(side === 'ours' ? ours : peer));
  }
  const [oursMs, peerMs] = [samples.ours, samples.peer].map((side) => side.map(({ p999 }) => p999));
  const times = ratio(oursMs, peerMs);
  const { limitMs, target } = EVENT_LOOP;
  return { name, limitMs, target, ratio: times, met: median(oursMs) < limitMs && times < target, ...samples };
}
