'use strict';

const { newAgent, onEmptyStore } = require('./support/agents.js');
const { rawFolder } = require('./support/raw.js');
const suite = require('./storage.suite.js');

suite('fs', async () => {
  const place = await newAgent();
  return { agent: place.agent, again: async () => (await onEmptyStore(place)).agent, raw: rawFolder(place.data) };
});
