'use strict';

function define(command) {
  command.description('say whose keys this machine vouches for, and whom it blocks; show the own agent to others');
}

const examples = ['jacs-agent trust add partner.json', 'jacs-agent trust list', 'jacs-agent trust show > me.json'];

/** Each in a file of the folder beside this one. None needs a password: nothing is signed. */
const verbs = ['add', 'remove', 'list', 'show'];

module.exports = { define, examples, verbs };
