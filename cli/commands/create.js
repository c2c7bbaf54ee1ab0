'use strict';

const { attaching, checkAttachments, defineAttachments } = require('../attachments.js');
const { report, WrongUse } = require('../failure.js');
const { checkFiles, readText } = require('../input.js');
const { defineDocument, documentOptions } = require('../options.js');

/** Documents on their way at the same time: enough to keep the cores and the disk busy, few enough for the memory. */
const UNDER_WAY = 8;

function define(command) {
  defineAttachments(defineDocument(command))
    .description('sign new documents, store them and print them, one a line')
    .argument('[files...]', 'JSON documents; - or nothing: standard input')
    .option('--resign', 'store a document of the migration recipe beside other versions of its id');
}

const examples = [
  'jacs-agent create invoice.json',
  'echo \'{"title":"My document"}\' | jacs-agent create -',
  'jacs-agent create --schema invoice.schema.json --output signed.json invoice.json',
  'jacs-agent create invoice.json --attach scan.pdf --attach terms/',
  'jacs-agent create *.json | jq -r .jacsId',
];

async function run(session, files) {
  checkFiles(files);
  checkAttachments(session.options, files.length);
  if (session.options.output !== undefined && files.length > 1) throw new WrongUse('--output takes one document');
  const agent = await session.openSigner();
  if (files.length < 2) return session.output.document(await createOne(session, agent, files[0]));
  return createAll(session, agent, files);
}

/** In the order of the files. One that fails is told about and does not stop the others. */
async function createAll(session, agent, files) {
  let code = 0;
  const waiting = files.values();
  const underWay = [];
  const start = ({ value: file, done }) => {
    if (!done) underWay.push({ file, outcome: settled(createOne(session, agent, file)) });
  };
  for (let count = 0; count < UNDER_WAY; count++) start(waiting.next());
  while (underWay.length > 0) {
    const { file, outcome } = underWay.shift();
    const { document, error } = await outcome;
    // Ctrl-C starts no more; what is under way is still told, since it may have been stored.
    if (!session.signal.aborted) start(waiting.next());
    if (error === undefined) {
      await session.output.document(document);
    } else {
      code = 1;
      await report(error, session, file);
    }
  }
  return code;
}

async function createOne(session, agent, file) {
  const { resign } = session.options;
  const text = await readText(file, session.signal);
  return attaching(session, (attachments) =>
    agent.createDocument(text, { ...documentOptions(session), ...attachments, resign }),
  );
}

/** A failure is looked at in its turn; until then it must not count as unhandled. */
function settled(promise) {
  return promise.then(
    (document) => ({ document }),
    (error) => ({ error }),
  );
}

module.exports = { define, examples, run };
