'use strict';
// What lies in a data directory, looked at without the package.

const fs = require('node:fs');
const path = require('node:path');
const { faultsOf } = require('./witness.js');

const FILE = /^(agents|documents)\/([0-9a-f-]{36})\/([0-9a-f-]{36})\.json$/;

/**
 * The keys of all documents in a data directory, sorted. Throws when there is anything else but whole agents and documents:
 * each must be signed with the key (raw bytes) of one of `agents`, under its name.
 */
function soundDocuments(data, agents) {
  const keys = [];
  for (const name of entriesOf(data)) {
    const [, kind, id, version] = FILE.exec(name) ?? [];
    const wrong = kind ? faultsOfFile(path.join(data, name), `${id}:${version}`, agents) : faultsOfOther(data, name);
    if (wrong.length > 0) throw new Error(`${name}: ${wrong}`);
    if (kind === 'documents') keys.push(`${id}:${version}`);
  }
  return keys.sort();
}

function entriesOf(data) {
  return fs.existsSync(data) ? fs.readdirSync(data, { recursive: true }).map(String) : [];
}

function faultsOfFile(file, key, agents) {
  const text = fs.readFileSync(file, 'utf8');
  try {
    const { jacsId, jacsVersion, jacsSignature } = JSON.parse(text);
    const signer = agents.find(({ id }) => id === jacsSignature.agentID);
    if (!signer) return ['signed by somebody else'];
    return [...(`${jacsId}:${jacsVersion}` === key ? [] : ['its name']), ...faultsOf(text, signer.publicKey)];
  } catch (error) {
    return [error.message];
  }
}

/** Directories are there for what is in them, but for the two at the top. */
function faultsOfOther(data, name) {
  const place = path.join(data, name);
  if (!fs.lstatSync(place).isDirectory()) return ['not of the layout'];
  const needed = fs.readdirSync(place).length > 0 || ['agents', 'documents'].includes(name);
  return needed ? [] : ['empty'];
}

module.exports = { soundDocuments };
