'use strict';

const { loadAgain, newAgent } = require('./support/agents.js');
const { filesUnder } = require('./support/folder.js');
const suite = require('./storage.suite.js');

let place;

const makeAgent = async () => {
  place = await newAgent({ storage: 'memory' });
  return { agent: place.agent, again: () => loadAgain(place) };
};

suite('memory', makeAgent, { reachable: false });

test('memory writes no file but keys and configuration', () => {
  const own = `agents/${place.agent.id}/${place.agent.version}.json`;
  const keys = [own, 'jacs.private.pem.enc', 'jacs.public.pem'].map((name) => `jacs_keys/${name}`);
  expect(filesUnder(place.folder)).toEqual(['jacs.config.json', ...keys]);
});

test("a store in memory is its agent instance's alone", async () => {
  const text = await place.agent.createDocument({ title: 'here' });
  const other = await loadAgain(place);
  await expect(other.getDocument(JSON.parse(text).jacsId)).rejects.toMatchObject({ code: 'JACS_NOT_FOUND' });
});
