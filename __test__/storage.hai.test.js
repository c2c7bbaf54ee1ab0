'use strict';

const { describeWith } = require('./support/needs.js');
const { rawFolder } = require('./support/raw.js');
const { agentOnDav, onEmptyPlace } = require('./support/remote.js');
const suite = require('./storage.suite.js');

describeWith(['dav'], 'hai', () => {
  suite('hai', async () => {
    const place = await agentOnDav();
    return { agent: place.agent, again: () => onEmptyPlace(place), raw: rawFolder(place.stored) };
  });
});
