'use strict';

function define(command) {
  command.description('list the attachments of a document, or save them as files');
}

const examples = ['jacs-agent attachments list document.json', 'jacs-agent attachments save "$key" ./files'];

/** Each in a file of the folder beside this one. */
const verbs = ['list', 'save'];

module.exports = { define, examples, verbs };
