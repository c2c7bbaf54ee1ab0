'use strict';
// Options that several verbs share, and what they mean to the API.

const { InvalidArgumentError, Option } = require('commander');

const KEY_SOURCES = ['self', 'pinned', 'dns', 'registry', 'storage'];

function collect(value, earlier = []) {
  return [...earlier, value];
}

function wholeNumber(text) {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** `5%` as 0.05. */
function share(text) {
  const percent = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1];
  const isShare = percent > 0 && percent <= 100;
  if (!isShare) throw new InvalidArgumentError('It must be more than 0% and at most 100%, such as 5%.');
  return percent / 100;
}

/** For verbs that sign or change something. */
function definePassword(command) {
  return command.option('--password-file <path>', "read the private key's password from this file");
}

/** For verbs that make a signed document. */
function defineDocument(command) {
  return definePassword(command)
    .option(
      '--schema <schema>',
      'check against this schema: a file, a built-in https://hai.ai/schemas/... URL, or its text',
    )
    .option('--output <file>', 'also write the signed document to this file')
    .option('--overwrite', 'let --output replace an existing file')
    .option('--no-save', 'sign only, store nothing');
}

function documentOptions({ options, signal }) {
  const { schema, output, overwrite, save } = options;
  return { schema, filename: output, overwrite, noSave: save ? undefined : true, signal };
}

/** For verbs that verify. */
function defineTrust(command) {
  return command
    .option('--signed-by <id>', 'accept only this signer; may be repeated', collect)
    .addOption(new Option('--minimum-trust <source>', 'the weakest source of a key that counts').choices(KEY_SOURCES))
    .option('--allow-unsigned', 'accept the fields jacsAgreement and jacsRegistration, which nobody signs');
}

function trustOptions({ options, signal }) {
  const { signedBy, minimumTrust, allowUnsigned } = options;
  return { signedBy, minimumTrust, allowUnsigned, signal };
}

module.exports = {
  collect,
  defineDocument,
  definePassword,
  defineTrust,
  documentOptions,
  share,
  trustOptions,
  wholeNumber,
};
