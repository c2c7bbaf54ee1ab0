'use strict';
// What a key signed that somebody else may have counts as far as the new key's versions lead back to it.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { anotherOn, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');

/** A document with so many versions, and their texts. */
async function chainOf(agent, count) {
  const texts = [await agent.createDocument({ n: 0 })];
  for (let n = 1; n < count; n++) texts.push(await agent.updateDocument(keyOf(texts.at(-1)), { n }));
  return texts;
}

test('a version of the new key speaks for every one before it', async () => {
  const { agent, password, ...place } = await newAgent();
  const texts = await chainOf(agent, 12);
  const lonely = await agent.createDocument({ lonely: true });
  await agent.rotateKeys({ password, reason: 'compromised' });
  const id = keyOf(texts[0]).split(':')[0];
  for (const text of [texts[0], texts.at(-1), lonely]) {
    expect(await agent.inspectDocument(keyOf(text))).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
    await refusal(agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  }

  // The tenth is known to be right; the two after it are not.
  const after = await agent.updateDocument(keyOf(texts[9]), { n: 12 });
  expect(await agent.getDocument(id)).toBe(after);
  for (const text of texts.slice(0, 10)) expect(await agent.getDocument(keyOf(text))).toBe(text);
  for (const text of [...texts.slice(10), lonely]) await refusal(agent.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  expect((await agent.versions(id)).map(({ accepted }) => accepted)).toEqual([
    ...Array(10).fill(true),
    false,
    false,
    true,
  ]);
  // Somebody who knows the agent from the storage alone comes to the same.
  const { agent: other } = await anotherOn({ agent, ...place });
  for (const text of texts.slice(0, 10)) expect(await other.getDocument(keyOf(text))).toBe(text);
  await refusal(other.getDocument(keyOf(texts[11])), 'JACS_UNTRUSTED');
  await refusal(agent.updateDocument(keyOf(texts[11]), { n: 13 }), 'JACS_UNTRUSTED');
  await refusal(other.updateDocument(keyOf(lonely), { n: 13 }), 'JACS_UNTRUSTED');
});

test('also where the proof does not lie beside the keys any more', async () => {
  const place = await newAgent();
  const lonely = await place.agent.createDocument({ lonely: true });
  await place.agent.rotateKeys({ password: place.password, reason: 'compromised' });
  fs.rmSync(path.join(place.keys, 'agents'), { recursive: true });
  const agent = new Agent();
  await agent.load(place.config, { password: place.password, env: {} });
  await refusal(agent.getDocument(keyOf(lonely)), 'JACS_UNTRUSTED');
  await agent.close();
});

test('a long chain of such versions ends, and breaks nothing', async () => {
  const { agent, password } = await newAgent();
  const texts = await chainOf(agent, 400);
  await agent.rotateKeys({ password, reason: 'compromised' });
  await refusal(agent.getDocument(keyOf(texts[0])), 'JACS_UNTRUSTED');
}, 120_000);

test('two processes that change the agent lose neither change', async () => {
  const place = await newAgent({ name: 'one' });
  const other = await loadAgain(place);
  await place.agent.updateAgent({ name: 'two' });
  const last = JSON.parse(await other.updateAgent({ description: 'new' }));
  expect(last).toMatchObject({ name: 'two', description: 'new', jacsPreviousVersion: place.agent.version });
});
