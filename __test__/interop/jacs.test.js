'use strict';
// Documents, agents and keys exchanged with `jacs` 0.15.0 for Python, an implementation by others.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { keyOf, newAgent, onCopiedStore, refusal } = require('../support/agents.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { describeWith, python } = require('../support/needs.js');
const { succeed } = require('../support/run.js');
const { rehashed } = require('../support/witness.js');

jest.setTimeout(120_000); // each exchange starts an interpreter

// One that both accept.
const PASSWORD = 'TestP@ss123!#';
const ALGORITHMS = ['ring-Ed25519', 'pq2025'];

/** Runs a script of this folder with `jacs`; what it prints, as JSON. Its trust store is of its own. */
async function there(script, request, { cwd, password = PASSWORD } = {}) {
  const env = { HOME: temporaryFolder(), JACS_PRIVATE_KEY_PASSWORD: password };
  const input = JSON.stringify(request);
  const output = await succeed(python(), [path.join(__dirname, script)], { cwd: cwd ?? env.HOME, env, input });
  return JSON.parse(output.slice(output.lastIndexOf('\n', output.length - 2) + 1));
}

/** Whether each document verifies there, by the raw key alone. */
async function verdicts(documents, publicKey) {
  const answers = await there('verify.py', { publicKey: publicKey.toString('base64'), documents });
  return answers.map(({ valid }) => valid);
}

async function load(folder, options = { password: PASSWORD }) {
  const agent = new Agent();
  await agent.load(path.join(folder, 'jacs.config.json'), { env: {}, ...options });
  return agent;
}

const INPUTS = {
  plain: { title: 'A document', draft: false },
  empty: {},
  nested: { a: { b: [{ c: [[], {}, null, 'd'] }] }, list: [1, 'two', [3]] },
  numbers: { small: 1e-7, tiny: 5e-324, fraction: 481.83792520110524, limit: 2 ** 53 - 1, minus: -0, negative: -12.5 },
  unicode: { 'é\u{1f600}': '\u2028\u0000\u001f"\\/', '\ufb33': 'דּ', '\u{1d306}': 1, '\r\n': '\t', ﬀ: '\u7fff' },
  typed: { jacsType: 'invoice', jacsLevel: 'artifact', amount: 12.5 },
  long: { text: 'x'.repeat(200_000) },
};

/** Changes of a signed document that must not be accepted by anybody. */
const TAMPERS = {
  'a field changed': (document) => JSON.stringify({ ...document, title: 'Another' }),
  'a field changed, hash made to fit': (document) => rehashed({ ...document, title: 'Another' }),
  'the hash changed': (document) => JSON.stringify({ ...document, jacsSha256: '0'.repeat(64) }),
  'a field added, hash made to fit': (document) => rehashed({ ...document, added: true }),
  'a field removed, hash made to fit': ({ title: _title, ...document }) => rehashed(document),
  'a date changed, hash made to fit': (document) =>
    rehashed({ ...document, jacsVersionDate: '2020-01-01T00:00:00.000Z' }),
  'the id changed, hash made to fit': (document) =>
    rehashed({ ...document, jacsId: '7b1d0a52-5a3a-4c4e-9a64-7f9a3c1d2e10' }),
  'the signature changed, hash made to fit': (document) => withSignature(document, { signature: flipped(document) }),
  'the signed date changed, hash made to fit': (document) =>
    withSignature(document, { date: '2020-01-01T00:00:00.000Z' }),
  'the signed time changed, hash made to fit': ({ jacsSignature, ...document }) =>
    withSignature({ ...document, jacsSignature }, { iat: jacsSignature.iat - 1 }),
  'the fields emptied, hash made to fit': (document) => withSignature(document, { fields: [] }),
  'the algorithm changed, hash made to fit': (document) => withSignature(document, { signingAlgorithm: 'none' }),
  'the signature taken away, hash made to fit': ({ jacsSignature: _signature, ...document }) => rehashed(document),
  'a key twice': (document) => JSON.stringify(document).replace('"title":', '"title":"Another","title":'),
};

function withSignature(document, changes) {
  return rehashed({ ...document, jacsSignature: { ...document.jacsSignature, ...changes } });
}

function flipped({ jacsSignature }) {
  const bytes = Buffer.from(jacsSignature.signature, 'base64');
  bytes[7] ^= 1;
  return bytes.toString('base64');
}

describeWith(['jacs for Python'], 'exchange with jacs for Python', () => {
  describe.each(ALGORITHMS)('documents made here, %s', (algorithm) => {
    let place;
    let agent;
    let first;
    let second;
    beforeAll(async () => {
      place = await newAgent({ algorithm });
      ({ agent } = place);
      first = await agent.createDocument(INPUTS.plain);
      second = await agent.updateDocument(keyOf(first), { title: 'Its second version', more: [1, 2] });
    });

    test('first versions verify there', async () => {
      const texts = await agent.createDocuments(Object.values(INPUTS));
      const unsaved = await agent.createDocument(INPUTS.nested, { noSave: true });
      const verified = await verdicts([...texts, unsaved], agent.publicKey);
      const titled = Object.fromEntries([...Object.keys(INPUTS), 'unsaved'].map((name, n) => [name, verified[n]]));
      expect(titled).toEqual(Object.fromEntries(Object.keys(titled).map((name) => [name, true])));
    });

    test('random ones too', async () => {
      const texts = await agent.createDocuments(Array.from({ length: 100 }, randomDocument));
      const verified = await verdicts(texts, agent.publicKey);
      expect(texts.filter((_, n) => !verified[n])).toEqual([]);
    });

    test('updates verify there, and what closes a fork', async () => {
      const copy = await onCopiedStore(place);
      const heads = await Promise.all(
        [agent, copy.agent].map((one) => one.updateDocument(keyOf(second), INPUTS.unicode)),
      );
      await agent.saveDocument(heads[1]);
      const [loser, winner] = heads.map(keyOf).sort();
      const closing = await agent.updateDocument(winner, { closed: true }, { merges: [loser] });
      expect(JSON.parse(closing).jacsMergedVersions).toEqual([loser.split(':')[1]]);
      expect(await verdicts([first, second, ...heads, closing], agent.publicKey)).toEqual(Array(5).fill(true));
      expect(JSON.parse(heads[0])).toHaveProperty('jacsPreviousSha256', JSON.parse(second).jacsSha256);
    });

    test('the agent document verifies there', async () => {
      const document = await agent.getDocument(`${agent.id}:${agent.version}`);
      expect(await verdicts([document], agent.publicKey)).toEqual([true]);
    });

    test('with another key none does', async () => {
      const { agent: other } = await newAgent({ algorithm });
      expect(await verdicts([first, second], other.publicKey)).toEqual([false, false]);
    });

    test('tampered ones are refused there as here', async () => {
      const titles = Object.keys(TAMPERS);
      for (const text of [first, second]) {
        const changed = titles.map((title) => TAMPERS[title](JSON.parse(text)));
        expect(changed.filter((tampered) => tampered === text)).toEqual([]);
        const here = await Promise.all(changed.map((tampered) => agent.verifyDocument(tampered)));
        const accepted = await verdicts(changed, agent.publicKey);
        expect(titles.filter((_, n) => accepted[n] || here[n])).toEqual([]);
      }
    });

    test('a changed chain hash is refused there as here', async () => {
      const broken = [
        rehashed({ ...JSON.parse(second), jacsPreviousSha256: '0'.repeat(64) }),
        rehashed({ ...JSON.parse(second), jacsPreviousVersion: JSON.parse(second).jacsVersion }),
      ];
      for (const text of broken) await refusal(agent.assertDocument(text), 'JACS_SIGNATURE');
      expect(await verdicts(broken, agent.publicKey)).toEqual([false, false]);
    });
  });

  describe.each(ALGORITHMS)('an agent made there, %s', (algorithm) => {
    let folder;
    let answer;
    beforeAll(async () => {
      folder = temporaryFolder();
      const sign = Object.values({ ...INPUTS, note: { jacsType: 'note', jacsLevel: 'artifact', n: 1 } });
      answer = await there(
        'agent.py',
        { create: algorithm, sign: sign.map((one) => JSON.stringify(one)) },
        { cwd: folder },
      );
      const before = answer.signed.at(-1);
      const update = [[before, JSON.stringify({ ...JSON.parse(before), n: 2 })]];
      Object.assign(answer, await there('agent.py', { update }, { cwd: folder }), { signed: answer.signed });
    });

    test('loads here, and its documents verify here', async () => {
      for (const options of [{ password: PASSWORD }, { readOnly: true }]) {
        const agent = await load(folder, options);
        expect(agent.algorithm).toBe(algorithm);
        expect(answer.signed).toHaveLength(Object.keys(INPUTS).length + 1);
        for (const text of [...answer.signed, ...answer.updated]) {
          expect(await agent.assertDocument(text)).toMatchObject({ valid: true, keySource: 'self', agentId: agent.id });
        }
      }
    });

    test('its configuration’s signature holds here', async () => {
      const { warnings } = await (await load(folder)).doctor();
      expect(warnings.filter((warning) => /signature/.test(warning))).toEqual([]);
    });

    test('its documents are saved here, and an update made there is the newest', async () => {
      const agent = await load(folder);
      const [before, after] = [answer.signed.at(-1), answer.updated[0]];
      await agent.saveDocument(before);
      const saved = await agent.saveDocument(after);
      const { jacsId } = JSON.parse(after);
      expect(JSON.parse(saved)).toEqual(JSON.parse(after));
      expect(await agent.getDocument(jacsId)).toBe(saved);
      const { valid, versions } = await agent.verifyHistory(jacsId);
      expect(valid).toBe(true);
      expect(versions.map(({ key, chain }) => [key, chain])).toEqual([
        [keyOf(before), 'first'],
        [keyOf(after), 'named'],
      ]);
    });

    test('signs here what verifies there', async () => {
      const agent = await load(folder);
      const text = await agent.createDocument({ made: 'here, with a key from there' });
      const next = await agent.updateDocument(keyOf(text), { made: 'again' });
      const { verified } = await there('agent.py', { verify: [text, next] }, { cwd: folder });
      expect(verified).toEqual([true, true]);
    });

    test('its password changed here opens it there, and the other way round', async () => {
      const next = 'Ganz-Anderes_92x';
      const agent = await load(folder);
      await agent.changePassword({ password: PASSWORD, newPassword: next });
      const signed = await there(
        'agent.py',
        { sign: ['{"a":1}'], newPassword: PASSWORD },
        { cwd: folder, password: next },
      );
      expect(await agent.verifyDocument(signed.signed[0])).toBe(true);
      await refusal(load(folder, { password: next }), 'JACS_PASSWORD');
      expect((await load(folder)).publicKey).toEqual(agent.publicKey);
    });
  });

  describe.each(ALGORITHMS)('an agent made here, %s', (algorithm) => {
    let place;
    beforeAll(async () => {
      place = await newAgent({ algorithm, password: PASSWORD, name: 'made here' });
      putWhereItLooks(place);
    });

    test('loads there, signs there, and that verifies here', async () => {
      const own = await place.agent.createDocument(INPUTS.plain);
      const sign = Object.values(INPUTS).map((one) => JSON.stringify(one));
      const answer = await there('agent.py', { verify: [own], sign }, { cwd: place.folder });
      expect(answer.verified).toEqual([true]);
      expect(answer.signed).toHaveLength(sign.length);
      for (const text of answer.signed) {
        const report = await place.agent.assertDocument(text, { signedBy: place.agent.id });
        expect(report).toMatchObject({ valid: true, keySource: 'self', agentVersion: place.agent.version });
      }
    });

    test('updates there what was made here, and that verifies here', async () => {
      const first = await place.agent.createDocument({ n: 1 });
      const update = [[first, JSON.stringify({ ...JSON.parse(first), n: 2 })]];
      const { updated } = await there('agent.py', { update }, { cwd: place.folder });
      const saved = await place.agent.saveDocument(updated[0]);
      expect(JSON.parse(saved)).toMatchObject({ n: 2, jacsPreviousVersion: JSON.parse(first).jacsVersion });
      expect(await place.agent.verifyHistory(JSON.parse(first).jacsId)).toMatchObject({ valid: true });
    });

    test('a second version made here is updated there without its chain hash: with it the update does not count', async () => {
      const first = await place.agent.createDocument({ n: 1 });
      const second = await place.agent.updateDocument(keyOf(first), { n: 2 });
      const { jacsPreviousSha256, ...document } = JSON.parse(second);
      const inputs = [
        { ...document, n: 3 },
        { ...document, jacsPreviousSha256, n: 4 },
      ];
      const update = inputs.map((input) => [second, JSON.stringify(input)]);
      const { updated } = await there('agent.py', { update }, { cwd: place.folder });
      for (const text of updated) await place.agent.saveDocument(text);
      const versions = await place.agent.versions(document.jacsId);
      const stateOf = (text) => versions.find(({ key }) => key === keyOf(text));
      expect(updated.map(stateOf)).toMatchObject([
        { accepted: true, head: true },
        { accepted: false, head: false, why: expect.any(String) },
      ]);
      expect(JSON.parse(await place.agent.getDocument(document.jacsId)).n).toBe(3);
    });

    test('what was signed there is believed by another agent of the store', async () => {
      const { signed } = await there('agent.py', { sign: ['{"a":1}'] }, { cwd: place.folder });
      await place.agent.createDocument({ publishes: 'the agent' });
      const { agent: other } = await newAgent({ dataDirectory: place.data });
      expect(await other.assertDocument(signed[0])).toMatchObject({ keySource: 'storage', agentId: place.agent.id });
    });

    test('tampered documents made here are refused by it there', async () => {
      const text = await place.agent.createDocument(INPUTS.plain);
      const changed = Object.values(TAMPERS).map((tamper) => tamper(JSON.parse(text)));
      const { verified } = await there('agent.py', { verify: [text, ...changed] }, { cwd: place.folder });
      expect(verified[0]).toBe(true);
      expect(Object.keys(TAMPERS).filter((_, n) => verified[n + 1] === true)).toEqual([]);
    });

    test('what it wrote there does not show in listings here', async () => {
      await there('agent.py', { store: ['{"a":1}'] }, { cwd: place.folder });
      const names = filesUnder(place.data).filter((name) => !/^(agent|agents|documents|public_keys)\//.test(name));
      expect(names.length).toBeGreaterThan(0);
      for await (const { key } of place.agent.listDocuments()) await place.agent.getDocument(key);
    });
  });
});

/** Puts an agent of ours where `jacs` looks for the agent document and the public key. */
function putWhereItLooks({ agent, keys, data }) {
  const document = fs.readFileSync(path.join(keys, 'agents', agent.id, `${agent.version}.json`), 'utf8');
  const { publicKeyHash, signingAlgorithm } = JSON.parse(document).jacsSignature;
  for (const name of ['agent', 'public_keys']) fs.mkdirSync(path.join(data, name), { recursive: true });
  fs.writeFileSync(path.join(data, 'agent', `${agent.id}:${agent.version}.json`), document);
  fs.writeFileSync(path.join(data, 'public_keys', `${publicKeyHash}.pem`), agent.publicKey);
  fs.writeFileSync(path.join(data, 'public_keys', `${publicKeyHash}.enc_type`), signingAlgorithm);
}

/** An object with random names, texts and doubles. */
function randomDocument() {
  const letters = ['a', 'Z', 'é', '"', '\\', '\u{1f600}', '\ue000', '\n', '中', '\u007f', '/', '0', '\u2029'];
  const text = () => Array.from({ length: Math.floor(Math.random() * 12) }, () => pick(letters)).join('');
  const value = (depth) => {
    const kinds = [() => text(), () => number(), () => Math.random() < 0.5, () => null];
    if (depth < 4)
      kinds.push(
        () => Array.from({ length: 3 }, () => value(depth + 1)),
        () => object(depth + 1),
      );
    return pick(kinds)();
  };
  const object = (depth) => Object.fromEntries(Array.from({ length: 4 }, () => [`x${text()}`, value(depth)]));
  return object(0);
}

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

/** A double with a fraction, of any size that has one. */
function number() {
  for (;;) {
    const candidate = new Float64Array(crypto.getRandomValues(new Uint8Array(8)).buffer)[0];
    if (Number.isFinite(candidate) && !Number.isInteger(candidate)) return candidate;
  }
}
