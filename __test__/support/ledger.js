'use strict';
// What processes were promised, held against what is in the store.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { all, fileOf } = require('./agents.js');
const { filesUnder } = require('./folder.js');

const FILE = /^documents\/([0-9a-f-]{36})\/([0-9a-f-]{36})\.json$/;
const AGENT = /^agents\/([0-9a-f-]{36})\/[0-9a-f-]{36}\.json$/;

/**
 * What is wrong with a store, as sentences; none when all is as it was promised. `made` are `[key, hash]`, `removed`
 * ids, `updated` `[replaced key, key]` of the documents `contested`, `agents` the ids of all agents that wrote.
 */
async function faultsOfStore(agent, data, { made, removed, updated, contested, agents }) {
  const gone = new Set(removed);
  const kept = new Map(made.filter(([key]) => !gone.has(key.split(':')[0])));
  const listed = (await all(agent.listDocuments({ allVersions: true }))).map(({ key }) => key);
  const faults = [
    ...faultsOfNames(data, [...kept.keys()], agents),
    ...differences('in the listing of all versions', listed, [...kept.keys()]),
    ...(await faultsOfListing(agent, [...kept.keys()])),
  ];
  const read = [...kept].map(([key, hash]) => faultsOfVersion(agent, data, key, hash));
  faults.push(...(await Promise.all(read)).flat());
  for (const id of contested) faults.push(...(await faultsOfChain(agent, id, updated)));
  return faults;
}

/** The files of the data directory are those of the promised versions and of the agents, and no other. */
function faultsOfNames(data, keys, agents) {
  const names = filesUnder(data);
  const versions = names.flatMap((name) => FILE.exec(name)?.slice(1, 3).join(':') ?? []);
  const writers = names.flatMap((name) => AGENT.exec(name)?.[1] ?? []);
  const others = names.filter((name) => !FILE.test(name) && !AGENT.test(name));
  return [
    ...differences('on the disk', versions, keys),
    ...differences('among the agents', writers, agents),
    ...others.map((name) => `not of the layout: ${name}`),
  ];
}

async function faultsOfVersion(agent, data, key, hash) {
  const file = fileOf(data, key);
  if (!fs.existsSync(file)) return []; // told already
  const stored = fs.readFileSync(file, 'utf8');
  const faults = hashOf(stored) === hash ? [] : [`altered: ${key}`];
  const read = await agent.getDocument(key).catch(({ code }) => code);
  return read === stored ? faults : [...faults, `not read as it is stored: ${key}: ${read.slice(0, 40)}`];
}

/** Each document once, with its newest version. Versions are of v7: the newest is the greatest. */
async function faultsOfListing(agent, keys) {
  const newest = new Map(keys.toSorted().map((key) => [key.split(':')[0], key]));
  const listed = (await all(agent.listDocuments())).map(({ key }) => key);
  const sorted = listed.every((key, index) => index === 0 || listed[index - 1] < key);
  return [
    ...differences('in the listing', listed, [...newest.values()]),
    ...(sorted ? [] : ['the listing is not in order']),
  ];
}

/** One chain without a fork, made of just the updates that were promised. */
async function faultsOfChain(agent, id, updated) {
  const versions = await agent.versions(id);
  const pairs = updated.filter(([, key]) => key.startsWith(id)).map((pair) => pair.join(' '));
  const chain = versions.slice(1).map(({ key }, index) => `${versions[index].key} ${key}`);
  const linked = versions.every(({ previous }, index) => previous === versions[index - 1]?.version);
  const heads = versions.filter(({ head }) => head);
  const history = await agent.verifyHistory(id);
  return [
    ...differences(`among the updates of ${id}`, chain, pairs),
    ...(linked ? [] : [`a version of ${id} does not follow the one before`]),
    ...(heads.length === 1 && heads[0] === versions.at(-1) ? [] : [`${heads.length} heads of ${id}`]),
    ...(history.valid && history.gaps.length === 0 ? [] : [`the history of ${id} is not valid`]),
    ...versions.filter(({ accepted }) => !accepted).map(({ key }) => `does not count: ${key}`),
  ];
}

/** What is missing, unknown, or there twice. */
function differences(where, found, expected) {
  const [known, present] = [new Set(expected), new Set(found)];
  return [
    ...expected.filter((name) => !present.has(name)).map((name) => `missing ${where}: ${name}`),
    ...found.filter((name) => !known.has(name)).map((name) => `unknown ${where}: ${name}`),
    ...(found.length === present.size ? [] : [`twice ${where}`]),
    ...(expected.length === known.size ? [] : [`promised twice ${where}`]),
  ];
}

/** Reads of one document that gave an older version than one that was known before they began. */
async function stepsBack(agent, contested, seen) {
  const versions = (await Promise.all(contested.map((id) => agent.versions(id)))).flat();
  const places = new Map(versions.map(({ key }, place) => [key, place]));
  return seen.filter(([floor, key]) => !(places.get(key) >= places.get(floor)));
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex');
}

module.exports = { faultsOfStore, stepsBack, hashOf };
