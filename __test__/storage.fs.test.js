'use strict';

const fs = require('node:fs');
const { newAgent, onEmptyStore } = require('./support/agents.js');
const { rawFolder } = require('./support/raw.js');
const suite = require('./storage.suite.js');

suite('fs', async () => {
  const place = await newAgent();
  const again = async () => {
    const { agent, data } = await onEmptyStore(place);
    // One that does not exist is not taken for an empty one by those who look at all of it.
    fs.mkdirSync(data, { mode: 0o700 });
    return agent;
  };
  return { agent: place.agent, again, raw: rawFolder(place.data) };
});
