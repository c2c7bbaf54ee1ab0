'use strict';
// Somebody who can write to the store, or has a key that was given up, against readers who know the signer from the store alone,
// or pinned it. Whom the tests attack is made outside of the package, so that its old keys are at hand.

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { temporaryFolder } = require('../support/folder.js');
const { after, agentOn, fileOf, forge, forger, keyOf, plant, rehashed, v7 } = require('../attacks/forge.js');
const { all, refusal } = require('../support/agents.js');

const MINUTES = 60_000;
const AGENT = { $schema: 'https://hai.ai/schemas/agent/v1/agent.schema.json', jacsType: 'agent', jacsLevel: 'config' };
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const hashOf = (text) => JSON.parse(text).jacsSignature.publicKeyHash;

let data, reader, victim, text;
beforeEach(async () => {
  data = temporaryFolder();
  reader = await agentOn(data);
  victim = forger({ at: Date.now() - 60 * MINUTES });
  plant(data, victim.text, 'agents');
  text = forge(victim, { n: 1 }, { at: Date.now() - 50 * MINUTES });
  plant(data, text);
});

/**
 * The next version of an agent by a new key, and the proof of the one before. `change` may spoil the proof, `signer` sign it, and
 * `previous` be another version to hang on.
 */
function rotated(before, { at = Date.now(), reason, change, lossy, signer = before, previous = before.text } = {}) {
  const next = forger({ id: before.id });
  const timestamp = new Date(at).toISOString();
  const sign = (message) => crypto.sign(null, Buffer.from(message), signer.privateKey).toString('base64');
  const names = { oldPublicKeyHash: hashOf(before.text), newPublicKeyHash: hashOf(next.text) };
  const hashes = { oldKeySha256: sha256(before.raw), newKeySha256: sha256(next.raw) };
  const transitionMessage = `JACS_KEY_ROTATION:${before.id}:${names.oldPublicKeyHash}:${names.newPublicKeyHash}:${timestamp}`;
  const raw = `JACS_KEY_ROTATION_RAW:${before.id}:${hashes.oldKeySha256}:${hashes.newKeySha256}:${timestamp}`;
  const proof = {
    ...{ transitionMessage, timestamp, signingAlgorithm: 'ring-Ed25519', signature: sign(transitionMessage), ...names },
    ...(!lossy && { ...hashes, rawSignature: sign(raw) }),
    ...(reason && { reason }),
  };
  const follows = after(previous);
  next.version = follows.jacsVersion;
  next.text = forge(
    next,
    {
      ...AGENT,
      jacsAgentType: 'ai',
      ...follows,
      jacsPublicKey: next.raw.toString('base64'),
      jacsKeyRotationProof: { ...proof, ...change },
    },
    { at },
  );
  return next;
}

const look = (key, options) => reader.inspectDocument(key, options);
const valid = (keySource) => ({ valid: true, keySource });
const refused = (code) => ({ valid: false, code });

test('what is forged here is good: the refusals below have no other reason', async () => {
  expect(await look(keyOf(text))).toMatchObject(valid('storage'));
  const next = rotated(victim, { at: Date.now() - 10 * MINUTES });
  plant(data, next.text, 'agents');
  const later = keyOf(forge(next, { n: 2 }));
  plant(data, forge(next, { n: 2 }));
  expect(later).toBeDefined();
  const mine = plant(data, forge(next, { n: 3 }));
  for (const key of [keyOf(text), mine]) expect(await look(key)).toMatchObject(valid('storage'));
  await reader.trustAgent(victim.text);
  for (const key of [keyOf(text), mine]) expect(await look(key)).toMatchObject(valid('pinned'));
});

test('agent and documents that are replaced together are caught by a pin, and by nothing else', async () => {
  const replace = () => {
    fs.rmSync(path.join(data, 'agents', victim.id), { recursive: true });
    const other = forger({ id: victim.id, version: victim.version });
    plant(data, other.text, 'agents');
    const { jacsId, jacsVersion } = JSON.parse(text);
    return plant(data, forge(other, { jacsId, jacsVersion, n: 'forged' }));
  };
  expect(replace()).toBe(keyOf(text));
  expect(await look(keyOf(text))).toMatchObject(valid('storage'));
  await reader.trustAgent(victim.text);
  const report = await look(keyOf(text));
  expect(report).toMatchObject(refused('JACS_UNTRUSTED'));
  expect(report.checks.at(-1)).toMatchObject({ name: 'trust', ok: false });
  await refusal(reader.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  await refusal(reader.getDocument(JSON.parse(text).jacsId), 'JACS_UNTRUSTED');
  expect(await reader.verifyDocument(text)).toBe(true);
});

describe('somebody else’s key under the agent’s id', () => {
  test.each([
    ['as another first version', () => forger({ id: victim.id })],
    ['as an earlier first version', () => forger({ id: victim.id, version: v7(1e12), at: 1e12 })],
  ])('%s: nobody is believed but who is pinned', async (_, make) => {
    const other = make();
    plant(data, other.text, 'agents');
    const planted = plant(data, forge(other, { n: 'forged' }));
    expect(await look(planted)).toMatchObject(refused('JACS_KEY'));
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_KEY'));
    await reader.trustAgent(victim.text);
    expect(await look(planted)).toMatchObject(refused('JACS_UNTRUSTED'));
    expect(await look(keyOf(text))).toMatchObject(valid('pinned'));
  });

  test.each([
    ['without a proof', { change: { signature: '' } }],
    ['with a proof by the new key', { by: 'itself' }],
    ['with a proof whose raw form is of another key', { change: { newKeySha256: '0'.repeat(64) } }],
    ['with a proof whose raw signature is of something else', { change: { rawSignature: 'AAAA' } }],
    ['with a raw form alone', { change: { transitionMessage: '' } }],
    ['with a proof for another time', { change: { timestamp: '2020-01-01T00:00:00Z' } }],
  ])('as the next version %s', async (_, { by, ...options }) => {
    const other = rotated(victim, { ...options, ...(by && { signer: forger() }) });
    plant(data, other.text, 'agents');
    const planted = plant(data, forge(other, { n: 'forged' }));
    expect(await look(planted)).toMatchObject(refused('JACS_KEY'));
    expect(await look(keyOf(text))).toMatchObject(valid('storage'));
    await reader.trustAgent(victim.text);
    expect(await look(planted)).toMatchObject(refused('JACS_UNTRUSTED'));
    await refusal(reader.trustAgent(other.text), 'JACS_CONFLICT');
    expect(await look(keyOf(text))).toMatchObject(valid('pinned'));
  });

  test('with the proof of another agent', async () => {
    const third = forger({ at: Date.now() - 60 * MINUTES });
    const { jacsKeyRotationProof } = JSON.parse(rotated(third).text);
    const other = rotated(victim, { change: jacsKeyRotationProof });
    plant(data, other.text, 'agents');
    expect(await look(plant(data, forge(other, { n: 'forged' })))).toMatchObject(refused('JACS_KEY'));
    expect(await look(keyOf(text))).toMatchObject(valid('storage'));
  });

  test('by the hashes that keys share: it counts as storage at most, and never against a pin', async () => {
    const next = rotated(victim, { at: Date.now() - 10 * MINUTES, lossy: true });
    plant(data, next.text, 'agents');
    const mine = plant(data, forge(next, { n: 2 }));
    expect(await look(mine)).toMatchObject(valid('storage'));
    await reader.trustAgent(victim.text);
    expect(await look(mine)).toMatchObject(refused('JACS_UNTRUSTED'));
    await refusal(reader.trustAgent(next.text), 'JACS_CONFLICT');
  });

  test('handed over to twice: neither is believed', async () => {
    const [one, two] = [rotated(victim), rotated(victim)];
    for (const next of [one, two]) plant(data, next.text, 'agents');
    for (const next of [one, two]) {
      expect(await look(plant(data, forge(next, { n: 2 })))).toMatchObject(refused('JACS_KEY'));
    }
  });
});

describe('chains', () => {
  test('without a version in the middle', async () => {
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES });
    const last = rotated(next, { at: Date.now() - 10 * MINUTES });
    plant(data, last.text, 'agents');
    const mine = plant(data, forge(last, { n: 3 }));
    expect(await look(mine)).toMatchObject(refused('JACS_KEY'));
    plant(data, next.text, 'agents');
    expect(await look(mine)).toMatchObject(valid('storage'));
  });

  test('in a ring', async () => {
    const [one, two] = [v7(), v7()];
    const ring = forger({ version: one, jacsPreviousVersion: two, jacsOriginalVersion: one });
    plant(data, ring.text, 'agents');
    const fields = { ...AGENT, jacsId: ring.id, jacsAgentType: 'ai', jacsPublicKey: ring.raw.toString('base64') };
    const links = { jacsVersion: two, jacsPreviousVersion: one, jacsOriginalVersion: one };
    plant(data, forge({ ...ring, version: two }, { ...fields, ...links }), 'agents');
    expect(await look(plant(data, forge(ring, { n: 1 })))).toMatchObject(refused('JACS_KEY'));
  });

  test.each([499, 500, 501, 800])('with %d planted versions, which are earlier', async (count) => {
    const other = forger({ id: victim.id, version: v7(1e12), at: 1e12 });
    plant(data, other.text, 'agents');
    for (let n = 1; n < count; n++) {
      fs.writeFileSync(fileOf(data, `${victim.id}:${v7(1e12 + n)}`, 'agents'), '{}');
    }
    expect(await look(plant(data, forge(other, { n: 'forged' })))).toMatchObject(refused('JACS_KEY'));
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_KEY'));
    await reader.trustAgent(victim.text);
    expect(await look(keyOf(text))).toMatchObject(valid('pinned'));
    const own = await reader.createDocument({ n: 1 });
    expect(await look(keyOf(own))).toMatchObject(valid('self'));
  });

  test('beside which somebody put nonsense', async () => {
    const at = (version) => fileOf(data, `${victim.id}:${version}`, 'agents');
    fs.writeFileSync(at(v7()), Buffer.alloc(1 << 20, '['));
    fs.writeFileSync(at(v7()), Buffer.alloc(33 << 20, ' '));
    fs.mkdirSync(at(v7()));
    fs.symlinkSync('/etc/passwd', at(v7()));
    expect(await look(keyOf(text))).toMatchObject(valid('storage'));
  });
});

describe('a key that was given up', () => {
  test.each(['storage', 'pinned'])('does not sign on (%s)', async (keySource) => {
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES });
    plant(data, next.text, 'agents');
    if (keySource === 'pinned') await reader.trustAgent(next.text);
    const made = (minutes) => plant(data, forge(victim, { n: minutes }, { at: Date.now() - minutes * MINUTES }));
    expect(await look(made(14))).toMatchObject(refused('JACS_SIGNATURE'));
    expect(await look(made(0))).toMatchObject(refused('JACS_SIGNATURE'));
    // Clocks differ.
    expect(await look(made(16))).toMatchObject(valid(keySource));
    // What cannot be told: it says that it was made before.
    expect(await look(made(30))).toMatchObject(valid(keySource));
  });

  test('does not make another version of the agent', async () => {
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES });
    plant(data, next.text, 'agents');
    const follows = after(victim.text);
    const fields = { ...AGENT, jacsAgentType: 'ai', jacsPublicKey: victim.raw.toString('base64'), ...follows };
    const again = { ...victim, version: follows.jacsVersion };
    plant(data, forge(again, fields), 'agents');
    const key = plant(data, forge(again, { n: 1 }, { at: Date.now() - 30 * MINUTES }));
    expect(await look(key)).toMatchObject({ valid: false });
  });

  test('as compromised signs nothing that counts, but where it is pinned itself', async () => {
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES, reason: 'compromised' });
    plant(data, next.text, 'agents');
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_UNTRUSTED'));
    const speaks = forge(next, { ...after(text), n: 2 });
    plant(data, speaks);
    expect(await look(keyOf(text))).toMatchObject(valid('storage'));
    fs.rmSync(fileOf(data, keyOf(speaks)));
    // Nobody else can speak for it.
    const stranger = forger();
    plant(data, stranger.text, 'agents');
    plant(data, forge(stranger, { ...after(text), n: 2 }));
    plant(data, forge(victim, { ...after(text), n: 3 }, { at: Date.now() - 30 * MINUTES }));
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_UNTRUSTED'));
    await reader.trustAgent(victim.text);
    expect(await look(keyOf(text))).toMatchObject(valid('pinned'));
    await reader.trustAgent(next.text);
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_UNTRUSTED'));
  });

  test('stands in nobody’s way after the new key spoke', async () => {
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES, reason: 'compromised' });
    plant(data, next.text, 'agents');
    const spoken = forge(next, { ...after(text), n: 2 });
    plant(data, spoken);
    for (const at of [Date.now() - 30 * MINUTES, Date.now()]) {
      plant(data, forge(victim, { ...after(text), jacsVersion: v7(at), n: 'thief' }, { at }));
    }
    expect(await reader.getDocument(JSON.parse(text).jacsId)).toBe(spoken);
    expect((await reader.versions(JSON.parse(text).jacsId)).map(({ accepted }) => accepted).sort()).toEqual([
      false,
      false,
      true,
      true,
    ]);
    // What nobody signed is damage all the same.
    const { jacsSignature, ...broken } = JSON.parse(forge(victim, { ...after(spoken), n: 3 }));
    plant(data, rehashed({ ...broken, jacsSignature: { ...jacsSignature, signature: 'AAAA' } }));
    await refusal(reader.getDocument(JSON.parse(text).jacsId), 'JACS_SIGNATURE');
  });

  test('makes no work that grows with the square of what is planted', async () => {
    plant(data, rotated(victim, { at: Date.now() - 20 * MINUTES, reason: 'compromised' }).text, 'agents');
    const { jacsSignature, ...document } = JSON.parse(text);
    for (let n = 0; n < 600; n++) {
      const version = v7();
      const fields = { jacsVersion: version, jacsPreviousVersion: document.jacsVersion, n };
      plant(data, rehashed({ ...document, ...fields, jacsSignature: { ...jacsSignature, signature: 'AAAA' } }));
    }
    await refusal(reader.getDocument(document.jacsId), 'JACS_SIGNATURE');
    await refusal(reader.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
  }, 20_000);

  test('takes no pin along to a key of its own', async () => {
    await reader.trustAgent(victim.text);
    const next = rotated(victim, { at: Date.now() - 20 * MINUTES, reason: 'compromised' });
    plant(data, next.text, 'agents');
    const thief = rotated(victim, { at: Date.now() - 10 * MINUTES });
    await refusal(reader.trustAgent(thief.text), 'JACS_CONFLICT');
    await reader.trustAgent(next.text);
    await refusal(reader.trustAgent(thief.text), 'JACS_CONFLICT');
  });

  test('for a reason that is not known is taken for compromised', async () => {
    plant(data, rotated(victim, { at: Date.now() - 20 * MINUTES, reason: 'whatever' }).text, 'agents');
    expect(await look(keyOf(text))).toMatchObject(refused('JACS_UNTRUSTED'));
  });
});

describe('a blocked agent', () => {
  beforeEach(async () => {
    expect(await reader.getDocument(keyOf(text))).toBe(text); // now it is in memory
    await reader.untrustAgent(victim.id);
  });

  test('is not believed by any call', async () => {
    await refusal(reader.getDocument(keyOf(text)), 'JACS_UNTRUSTED');
    await refusal(reader.saveDocument(forge(victim, { n: 2 })), 'JACS_UNTRUSTED');
    await refusal(reader.saveDocument(victim.text), 'JACS_UNTRUSTED');
    await refusal(reader.updateDocument(keyOf(text), { n: 2 }), 'JACS_UNTRUSTED');
    await refusal(reader.assertDocument(text), 'JACS_UNTRUSTED');
    expect(await reader.verifyDocument(text)).toBe(false);
    expect(await all(reader.listDocuments({ agentId: victim.id }))).toEqual([]);
    expect((await reader.verifyHistory(JSON.parse(text).jacsId)).valid).toBe(false);
    const { findings } = await reader.check();
    expect(findings.filter(({ code }) => code === 'JACS_UNTRUSTED').map(({ key }) => key)).toContain(keyOf(text));
  });

  test('does not come in by an archive', async () => {
    const archive = path.join(temporaryFolder(), 'all.tar.gz');
    await reader.exportArchive(archive);
    fs.rmSync(fileOf(data, keyOf(text)));
    const report = await reader.importArchive(archive);
    expect(report.failures.find(({ key }) => key === keyOf(text))).toMatchObject({ code: 'JACS_UNTRUSTED' });
    expect(fs.existsSync(fileOf(data, keyOf(text)))).toBe(false);
  });
});

describe('the trust store', () => {
  const file = () => path.join(path.dirname(reader.configPath), 'keys', 'trust', `${victim.id}.json`);

  test('a link that leads nowhere is no missing entry', async () => {
    await reader.untrustAgent(victim.id);
    fs.rmSync(file());
    fs.symlinkSync('/nowhere', file());
    await refusal(reader.getDocument(keyOf(text)), 'JACS_KEY');
    await refusal(reader.trustAgent(victim.text), 'JACS_KEY');
  });

  test('an entry that others may write to is not believed', async () => {
    await reader.trustAgent(victim.text);
    fs.chmodSync(file(), 0o666);
    await refusal(reader.getDocument(keyOf(text), { cache: false }), 'JACS_KEY');
    fs.chmodSync(file(), 0o644);
    expect(await look(keyOf(text))).toMatchObject(valid('pinned'));
    if (process.getuid() !== 0) return;
    fs.chownSync(file(), 12345, 12345);
    await refusal(reader.getDocument(keyOf(text), { cache: false }), 'JACS_KEY');
  });

  test('a pin of another id, or of another key than its hash, is refused', async () => {
    await reader.trustAgent(victim.text);
    const entry = JSON.parse(fs.readFileSync(file(), 'utf8'));
    const other = forger();
    for (const change of [{ agentId: other.id }, { publicKey: other.raw.toString('base64') }, { extra: 1 }]) {
      fs.writeFileSync(file(), JSON.stringify({ ...entry, ...change }));
      await refusal(reader.getDocument(keyOf(text), { cache: false }), 'JACS_KEY');
    }
  });
});

test('an agent that is loaded says nothing of itself by the store', async () => {
  const { configPath } = reader;
  const other = forger({ id: reader.id });
  plant(data, other.text, 'agents');
  const planted = plant(data, forge(other, { n: 'forged' }));
  expect(await look(planted)).toMatchObject(refused('JACS_KEY'));
  const again = new Agent();
  await again.load(configPath, { readOnly: true, env: { JACS_DATA_DIRECTORY: data } });
  expect(await again.inspectDocument(planted)).toMatchObject(refused('JACS_KEY'));
  await again.close();
});
