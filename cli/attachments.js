'use strict';
// Files that go into a document, or come out of one: their options, and what is shown and said of them.

const { Option } = require('commander');
const { Refusal, WrongUse } = require('./failure.js');
const { collect } = require('./options.js');
const { withProgress } = require('./progress.js');

/** For verbs that make a signed document. */
function defineAttachments(command) {
  return command
    .option('--attach <path>', 'a file, or all files in a folder, that belong to it; may be repeated', collect)
    .addOption(new Option('--embed', 'put the attached files into the document').conflicts('reference'))
    .option('--reference', 'put only their paths and hashes into it; without either, their bytes go to the storage')
    .addOption(
      new Option('--attachment-form <form>', 'of embedded files; `jacs` accepts only its own').choices([
        'plain',
        'jacs',
      ]),
    );
}

function checkAttachments({ attach, embed, reference, attachmentForm }, documents = 1) {
  const named = { '--embed': embed, '--reference': reference, '--attachment-form': attachmentForm };
  const alone = Object.keys(named).find((name) => named[name] !== undefined);
  if (attach === undefined && alone !== undefined) throw new WrongUse(`${alone} needs --attach`);
  if (attach !== undefined && documents > 1) throw new WrongUse('--attach takes one document');
  if (attach?.includes('-')) throw new WrongUse('--attach takes a path; a file of that name is ./-');
}

/** Makes a document. `make` is given the options of the call that are about attachments. */
async function attaching(session, make) {
  const { attach: attachments, embed, reference, attachmentForm } = session.options;
  if (attachments === undefined) return make({});
  const where = embed ? true : reference ? false : undefined;
  // What is in the storage stays there, and need not be sent again.
  const undone = ({ done, total } = {}) =>
    where === undefined && done > 0
      ? `no document was signed; of its attachments at least ${done} of ${total} are in the storage`
      : 'no document was signed or stored';
  return withFiles(session, undone, (onProgress) => make({ attachments, embed: where, attachmentForm, onProgress }));
}

/** Shows how far `work(onProgress)` is. `undone(latest)`: what is to be said when it was interrupted. */
function withFiles(session, undone, work) {
  const failed = (error, latest) => {
    // A document that was signed is handed over, in words of its own.
    const isMade = error.document !== undefined;
    return error.code !== 'JACS_ABORTED' || isMade ? error : new Refusal(error.code, `interrupted: ${undone(latest)}`);
  };
  return withProgress(session, { drawing: 'files', failed }, ({ onProgress }) => work(onProgress));
}

/** For verbs that verify: where attachments lie, and whether they are read. */
function defineContents(command) {
  return defineBase(command.option('--contents', 'read every attachment, wherever it is, and compare its hash'));
}

function defineBase(command) {
  return command.option('--base-directory <path>', 'where files lie that are only referenced (default: here)');
}

function contentsOptions({ options }) {
  const { contents, baseDirectory } = options;
  return { contents, baseDirectory };
}

module.exports = {
  attaching,
  checkAttachments,
  contentsOptions,
  defineAttachments,
  defineBase,
  defineContents,
  withFiles,
};
