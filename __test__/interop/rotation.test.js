'use strict';
// Keys that are replaced, here and by `jacs` 0.15.0 for Python: what was signed before and after verifies on both sides.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { anotherOn, keyOf, newAgent } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith, python } = require('../support/needs.js');
const { succeed } = require('../support/run.js');

jest.setTimeout(120_000); // each exchange starts an interpreter

const password = 'TestP@ss123!#';

/** Runs a script of this folder with `jacs`; what it prints, as JSON. */
async function there(script, request, cwd = temporaryFolder()) {
  const env = { HOME: temporaryFolder(), JACS_PRIVATE_KEY_PASSWORD: password };
  const output = await succeed(python(), [path.join(__dirname, script)], { cwd, env, input: JSON.stringify(request) });
  return JSON.parse(output.slice(output.lastIndexOf('\n', output.length - 2) + 1));
}

async function verdicts(documents, publicKey) {
  const answers = await there('verify.py', { publicKey: publicKey.toString('base64'), documents });
  return answers.map(({ valid }) => valid);
}

describeWith(['jacs for Python'], 'keys that are replaced', () => {
  test.each(['ring-Ed25519', 'pq2025'])('here, %s: there both keys’ documents verify', async (algorithm) => {
    const { agent } = await newAgent({ password });
    const old = { key: agent.publicKey, texts: [await agent.createDocument({ n: 1 })] };
    old.texts.push(await agent.updateDocument(keyOf(old.texts[0]), { n: 2 }), agent.agentDocument);
    await agent.rotateKeys({ password, algorithm });
    const texts = [await agent.updateDocument(keyOf(old.texts[1]), { n: 3 }), agent.agentDocument];
    texts.push(await agent.createDocument({ n: 1 }));
    expect(await verdicts(old.texts, old.key)).toEqual([true, true, true]);
    expect(await verdicts(texts, agent.publicKey)).toEqual([true, true, true]);
    expect(await verdicts([...old.texts, ...texts], agent.publicKey)).toEqual([false, false, false, true, true, true]);
  });

  describe('there', () => {
    let folder, agent, signed;
    beforeAll(async () => {
      folder = temporaryFolder();
      const before = await there('agent.py', { create: 'ring-Ed25519', sign: ['{"n":1}'], rotate: true }, folder);
      const after = await there('agent.py', { sign: ['{"n":2}'] }, folder);
      signed = [...before.signed, ...after.signed];
      agent = new Agent();
      await agent.load(path.join(folder, 'jacs.config.json'), { password, env: {} });
    });
    afterAll(() => agent.close());

    test('the agent loads here, with what both keys signed', async () => {
      for (const text of signed) {
        expect(await agent.inspectDocument(text)).toMatchObject({ valid: true, keySource: 'self' });
      }
      expect(JSON.parse(agent.agentDocument)).toHaveProperty('jacsKeyRotationProof');
      expect(JSON.parse(agent.agentDocument).jacsSignature.agentVersion).not.toBe(agent.version);
    });

    test('works on here: saved, stored, checked, moved and replaced again', async () => {
      for (const text of signed) await agent.saveDocument(text);
      const text = await agent.createDocument({ n: 3 });
      expect(await agent.inspectDocument(agent.id)).toMatchObject({ valid: true, keySource: 'self' });
      // `jacs` keeps the first version elsewhere.
      const { findings } = await agent.check();
      expect(findings.map(({ kind }) => kind).sort()).toEqual(['missing-original', 'stray', 'stray']);
      const to = path.join(temporaryFolder(), 'data');
      const report = await Agent.migrate({
        from: path.join(folder, 'jacs.config.json'),
        to: { jacs_data_directory: to, jacs_key_directory: path.join(folder, 'jacs_keys') },
        env: {},
      });
      expect(report).toMatchObject({ failed: 0 });
      expect(report.root.from).toBe(report.root.to);
      await agent.rotateKeys({ password });
      for (const made of [...signed, text]) {
        expect(await agent.inspectDocument(keyOf(made))).toMatchObject({ valid: true, keySource: 'self' });
      }
      const again = new Agent();
      await again.load(path.join(folder, 'jacs.config.json'), { password, env: {} });
      for (const made of [...signed, text]) expect(await again.verifyDocument(made)).toBe(true);
      await again.close();
      // Whoever knows the agent from the store alone is told no key by its first documents.
      const data = path.join(folder, 'jacs_data');
      const { agent: other } = await anotherOn({ data: fs.realpathSync(data) });
      expect(await other.inspectDocument(keyOf(signed[0]))).toMatchObject({ valid: false, code: 'JACS_KEY' });
    });
  });
});
