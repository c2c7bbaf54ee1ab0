'use strict';

const { describeWith } = require('./support/needs.js');
const { rawBucket } = require('./support/raw.js');
const { agentOnS3, onEmptyPlace } = require('./support/remote.js');
const suite = require('./storage.suite.js');

describeWith(['rgw'], 'aws', () => {
  suite('aws', async () => {
    const place = await agentOnS3();
    return { agent: place.agent, again: () => onEmptyPlace(place), raw: rawBucket(place) };
  });
});
