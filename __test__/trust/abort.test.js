'use strict';
// A registry that takes a question and says nothing: who asked may stop waiting.

const { once } = require('node:events');
const net = require('node:net');
const { loadAgain, newAgent, refusal } = require('../support/agents.js');

let silent, agent, text;
const sockets = [];

beforeAll(async () => {
  silent = net.createServer((socket) => sockets.push(socket.on('error', () => {})));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  text = await (await newAgent()).agent.createDocument({ n: 1 });
  const env = { JACS_KEYS_BASE_URL: `http://127.0.0.1:${silent.address().port}` };
  agent = await loadAgain(await newAgent(), { jacs_key_resolution: 'local,registry' }, { env });
});

afterAll(() => {
  sockets.forEach((socket) => socket.destroy());
  silent.close();
});

// The registry is waited for 30 s, as long as a test may take: an abort that is not heard fails here.
test.each(['inspectDocument', 'verifyDocument', 'assertDocument'])('%s of a text', async (verb) => {
  const controller = new AbortController();
  const refused = refusal(agent[verb](text, { signal: controller.signal }), 'JACS_ABORTED');
  await once(silent, 'connection');
  controller.abort();
  await refused;
});
