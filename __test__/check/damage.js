'use strict';
// Every kind of damage. Each takes a copied store, spoils something that no other one spoils, and gives what a check has to
// say of it: a list of `kind path`. `repaired`: a mirror brings it back, byte for byte.

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { after, forge, forger, keyOf, later, plant, rehashed, sha256, v7 } = require('../attacks/forge.js');
const { MAX_BYTES, folderOf, pathOf } = require('./store.js');

const at = (store, name) => path.join(store.data, name);
const textAt = (store, name) => fs.readFileSync(at(store, name), 'utf8');

/** Changes the text of a document that has one version. */
function rewritten(kind, change) {
  return (store) => {
    const name = pathOf(store.single());
    const text = fs.readFileSync(at(store, name), 'utf8');
    fs.writeFileSync(at(store, name), change(text, store));
    return [`${kind} ${name}`];
  };
}

/** Puts something else where an object stands. */
function instead(nameOf, put) {
  return (store) => {
    const name = nameOf(store);
    fs.rmSync(at(store, name), { recursive: true });
    put(at(store, name.replace(/\/$/, '')), store);
    return [`not-a-file ${name.replace(/\/$/, '')}`];
  };
}

const json = (change) => (text) => {
  const document = JSON.parse(text);
  change(document);
  return rehashed(document);
};
const documentPath = (store) => pathOf(store.single());
const filePath = (store) => `files/${store.file().hash}`;
const pipe = (file) => execFileSync('mkfifo', [file]);
const linkAway = (file) => fs.symlinkSync('/etc/passwd', file);
const folder = (file) => {
  fs.mkdirSync(file, { mode: 0o700 });
  fs.writeFileSync(path.join(file, 'inside'), 'kept');
};

const REPAIRED = {
  'a text cut off': rewritten('malformed', (text) => text.slice(0, -20)),
  'an empty file': rewritten('malformed', () => ''),
  'bytes that are no text': rewritten('malformed', (text) => Buffer.concat([Buffer.from(text), Buffer.of(0xff)])),
  'zeros, as after a power cut': rewritten('malformed', (text) => Buffer.alloc(text.length)),
  'a system field gone': rewritten(
    'malformed',
    json((it) => delete it.jacsLevel),
  ),
  'a member twice': rewritten('malformed', (text) => text.replace('{', '{"n":1,')),
  'a text over the limit': rewritten('malformed', (text) => text + ' '.repeat(MAX_BYTES)),
  'the text of another document': rewritten('misplaced', (_, store) => textAt(store, pathOf(store.single()))),
  'a changed field': rewritten('hash', (text) => text.replace('"text":"d', '"text":"D')),
  'a changed hash': rewritten('hash', (text) =>
    text.replace(/(?<="jacsSha256":")./, (digit) => (digit === '0' ? '1' : '0')),
  ),
  'a changed field, hashed anew': rewritten(
    'signature',
    json((it) => (it.text = 'forged')),
  ),
  'no signature': rewritten(
    'signature',
    json((it) => delete it.jacsSignature),
  ),
  'a field that nobody signed': rewritten(
    'signature',
    json((it) => (it.more = 'unsigned')),
  ),
  'an unknown algorithm': rewritten(
    'signature',
    json((it) => (it.jacsSignature.signingAlgorithm = 'none')),
  ),
  'a damaged first version': (store) => {
    const [first] = store.history();
    fs.truncateSync(at(store, pathOf(first)), 100);
    return [`malformed ${pathOf(first)}`];
  },
  'a damaged version in the middle': (store) => {
    const [, second] = store.history();
    const text = textAt(store, pathOf(second));
    fs.writeFileSync(at(store, pathOf(second)), text.replace('"step":1', '"step":7'));
    return [`hash ${pathOf(second)}`];
  },
  'a version gone from the middle': (store) => {
    const [, second] = store.history();
    fs.rmSync(at(store, pathOf(second)));
    return [`missing-predecessor ${pathOf(second)}`];
  },
  'the first version gone': (store) => {
    const [first] = store.history();
    fs.rmSync(at(store, pathOf(first)));
    return [`missing-original ${pathOf(first)}`];
  },
  'a link in the place of a document': instead(documentPath, linkAway),
  'a folder in the place of a document': instead(documentPath, folder),
  'a pipe in the place of a document': instead(documentPath, pipe),
  'a link in the place of the folder of a document': instead(
    (store) => folderOf(store.single()),
    (file) => fs.symlinkSync('/nowhere', file),
  ),
  'a file in the place of the folder of a document': instead(
    (store) => folderOf(store.single()),
    (file) => fs.writeFileSync(file, 'file', { mode: 0o600 }),
  ),
  'an attachment altered': (store) => {
    const { hash } = store.file();
    fs.appendFileSync(at(store, `files/${hash}`), 'x');
    return [`attachment-altered files/${hash}`];
  },
  'an attachment cut off': (store) => {
    const { hash } = store.file();
    fs.truncateSync(at(store, `files/${hash}`), 0);
    return [`attachment-altered files/${hash}`];
  },
  'an attachment gone': (store) => {
    const { hash } = store.file();
    fs.rmSync(at(store, `files/${hash}`));
    return [`attachment-missing files/${hash}`];
  },
  'a link in the place of an attachment': instead(filePath, linkAway),
  'a pipe in the place of an attachment': instead(filePath, pipe),
  'an agent document altered': (store) => {
    const name = pathOf(`${store.place.agent.id}:${store.place.agent.version}`, 'agents');
    fs.writeFileSync(at(store, name), textAt(store, name).replace('"ai"', '"human"'));
    return [`hash ${name}`];
  },
};

/** Damage that a mirror does not have, and so cannot mend. */
const LASTING = {
  'an embedded attachment that is not what its hash says': (store) => {
    const contents = Buffer.from('other').toString('base64');
    const file = { embed: true, mimetype: 'text/plain', path: 'a', sha256: sha256('one'), contents };
    return [`attachment-altered ${planted(store, forge(store.stranger, { jacsFiles: [file] }))}`];
  },
  'a chain that names another hash': (store) => {
    const first = forge(store.stranger);
    planted(store, first);
    const second = forge(store.stranger, { ...after(first), jacsPreviousSha256: sha256('another') });
    return [`broken-chain ${planted(store, second)}`];
  },
  'a version that replaces none and is not the first': (store) => {
    const first = forge(store.stranger);
    planted(store, first);
    const fields = after(first);
    for (const name of ['jacsPreviousVersion', 'jacsPreviousSha256']) delete fields[name];
    return [`broken-chain ${planted(store, forge(store.stranger, fields))}`];
  },
  'several first versions': (store) => {
    const first = forge(store.stranger);
    planted(store, first);
    const { jacsId } = JSON.parse(first);
    return [`originals ${folderOf(planted(store, forge(store.stranger, { jacsId })).split('/').slice(1).join(':'))}`];
  },
  "an agent's document by another key": (store) => {
    const forged = forger({ id: store.place.agent.id });
    return [`agent-chain ${planted(store, forged.text, 'agents')}`];
  },
  'an agent with several first versions': (store) => {
    const one = forger();
    const other = forger({ id: one.id });
    return [one, other].map(({ text }) => `agent-chain ${planted(store, text, 'agents')}`);
  },
  'an agent without a key': (store) => {
    const { text } = forger({ jacsPublicKey: 'AAAA' });
    return [`agent-chain ${planted(store, text, 'agents')}`];
  },
  'an agent among the documents': (store) => {
    const { text } = forger();
    planted(store, text, 'agents');
    const name = planted(store, text);
    return [`misplaced ${name}`, `misplaced ${folderOf(keyOf(text))}`];
  },
  'a document under the id of an agent': (store) => {
    const { id } = store.stranger;
    planted(store, forge(store.stranger, { jacsId: id }));
    return [`misplaced documents/${id}/`];
  },
};

const NOTES = {
  'a signer whom nobody knows': (store) => [`key ${planted(store, forge(forger()))}`],
  'a text that is not canonical': rewritten('not-canonical', (text) => JSON.stringify(JSON.parse(text), null, 2)),
  'a fork': (store) => {
    const first = forge(store.stranger);
    planted(store, first);
    for (let n = 0; n < 2; n++) planted(store, forge(store.stranger, { ...after(first), n }));
    return [`fork ${folderOf(keyOf(first))}`];
  },
  "a stranger's version": (store) => {
    const text = textAt(store, pathOf(store.single()));
    return [`not-accepted ${planted(store, forge(store.stranger, after(text)))}`];
  },
  'a version of tomorrow': (store) => {
    const jacsVersion = v7(Date.now() + 86_400_000);
    return [`future ${planted(store, forge(store.stranger, { jacsVersion, jacsOriginalVersion: jacsVersion }))}`];
  },
  'an attachment that nobody names': (store) => {
    const name = `files/${sha256('nobody')}`;
    fs.writeFileSync(at(store, name), 'nobody', { mode: 0o600 });
    return [`attachment-unreferenced ${name}`];
  },
  'files that are not of the layout': (store) => {
    const { 0: id } = store.single().split(':');
    const names = [
      'notes.txt',
      'documents/notes.txt',
      `documents/${id}/notes.txt`,
      'files/notes.txt',
      'agents/\u001b[31m',
    ];
    for (const name of names) fs.writeFileSync(at(store, name), '', { mode: 0o600 });
    return names.map((name) => `stray ${name}`);
  },
  'folders that are not of the layout': (store) => {
    const deep = `backup/${'deep/'.repeat(100)}`;
    fs.mkdirSync(at(store, deep), { recursive: true });
    fs.mkdirSync(at(store, `documents/${crypto.randomUUID().toUpperCase()}/x`), { recursive: true });
    const [upper] = fs.readdirSync(at(store, 'documents')).filter((name) => /[A-F]/.test(name));
    return ['stray backup/', `stray documents/${upper}/`];
  },
  'the empty folder of a document': (store) => {
    const name = `documents/${crypto.randomUUID()}/`;
    fs.mkdirSync(at(store, name), { mode: 0o700 });
    return [`stray ${name}`];
  },
  'temporary files': (store) => {
    const names = ['files', folderOf(store.single()).slice(0, -1)].map((name) => `${name}/.tmp-${crypto.randomUUID()}`);
    for (const name of names) fs.writeFileSync(at(store, name), 'half', { mode: 0o600 });
    return names.map((name) => `temporary ${name}`);
  },
  'permissions of a document': mode(documentPath, 0o644),
  'permissions of a folder': mode((store) => folderOf(store.single()), 0o770),
  'permissions of an attachment': mode(filePath, 0o602),
  'permissions of a directory': mode(() => 'agents/', 0o755),
};

function mode(nameOf, bits) {
  return (store) => {
    const name = nameOf(store);
    fs.chmodSync(at(store, name), bits);
    return [`permissions ${name}`];
  };
}

/** The path at which it stands. */
function planted(store, text, kind = 'documents') {
  return pathOf(plant(store.data, text, kind), kind);
}

/** Makes all of it in one store; what has to be found, sorted. */
function damageAll(store, ...tables) {
  return tables.flatMap((table) => Object.values(table).flatMap((damage) => damage(store))).sort();
}

module.exports = { LASTING, NOTES, REPAIRED, damageAll, later };
