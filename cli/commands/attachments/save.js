'use strict';

const { defineBase, withFiles } = require('../../attachments.js');
const { checkFiles, readSubject } = require('../../input.js');
const { defineTrust, trustOptions } = require('../../options.js');

function define(command) {
  defineBase(defineTrust(command))
    .description('verify a document and write its attachments below a directory; print where, one a line')
    .argument('<subject>', 'a file, the key of a stored document, or - for standard input')
    .argument('<directory>', 'made when only it is missing')
    .option('--overwrite', 'replace files that stand there');
}

const examples = [
  'jacs-agent attachments save "$key" ./files',
  'jacs-agent attachments save document.json ./files --overwrite --signed-by "$partner"',
];

async function run(session, subject, directory) {
  const { output, options, signal } = session;
  checkFiles([subject]);
  const agent = await session.openReader();
  const document = await readSubject(subject, signal);
  const { baseDirectory, overwrite } = options;
  const saved = await withFiles(
    session,
    () => 'no file was written',
    (onProgress) =>
      agent.saveAttachments(document, directory, { ...trustOptions(session), baseDirectory, overwrite, onProgress }),
  );
  if (options.json) return output.json({ saved });
  for (const path of saved) await output.row([path]);
}

module.exports = { define, examples, run };
