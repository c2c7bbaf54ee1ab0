'use strict';
// Bundles: chosen documents in one file, verified by somebody without the store; whom that one believes, and why.

const fs = require('node:fs');
const path = require('node:path');
const { Agent } = require('../..');
const { anotherOn, fileOf, keyOf, loadAgain, newAgent, refusal } = require('../support/agents.js');
const { filledStore, newFile, sha256 } = require('../support/archives.js');
const { MANIFEST, agentText, manifestOf, partsOf } = require('../support/bundles.js');
const { filesUnder, temporaryFolder } = require('../support/folder.js');
const { startRegistry } = require('../support/registry.js');

const idOf = (text) => JSON.parse(text).jacsId;
const signerOf = (text) => JSON.parse(text).jacsSignature.agentID;
/** An environment without settings. */
const verify = (file, options) => Agent.verifyBundle(file, { env: {}, ...options });

/** A store with documents of two agents, of which one made a bundle of all. */
let place, file, keys, report;
beforeAll(async () => {
  place = await filledStore();
  file = newFile('bundle.tar.gz');
  keys = Object.keys(place.texts).reverse();
  report = await place.agent.exportBundle(file, { documents: keys });
});

/** Somebody who never saw the store. */
async function recipient({ trusts = [], blocks = [], ...settings } = {}) {
  const other = await newAgent({ settings });
  for (const each of trusts) await other.agent.trustAgent(agentText(each));
  for (const id of blocks) await other.agent.untrustAgent(id);
  return other.config;
}

describe('what is in it', () => {
  test('a manifest, then agents, documents and files, as the manifest lists them', async () => {
    const [first, ...objects] = partsOf(file);
    expect(first.name).toBe(MANIFEST);
    expect(await place.agent.verifyDocument(first.contents.toString())).toBe(true);
    const { jacsType, bundle, jacsSignature } = JSON.parse(first.contents);
    expect([jacsType, jacsSignature.agentID]).toEqual(['bundle', place.agent.id]);
    expect(bundle.documents).toEqual(keys.map((key) => `documents/${key.replace(':', '/')}.json`));
    expect(bundle.entries).toEqual(
      objects.map(({ name, contents }) => ({
        path: name.replace(/^jacs_data\//, ''),
        bytes: contents.length,
        sha256: sha256(contents),
      })),
    );
    expect(objects.map(({ name }) => name)).toEqual(
      filesUnder(place.folder)
        .filter((name) => /^jacs_data\/(?=agents)/.test(name))
        .concat(filesUnder(place.folder).filter((name) => /^jacs_data\/(?!agents)/.test(name))),
    );
    for (const { name, contents } of objects) expect(contents).toEqual(fs.readFileSync(path.join(place.folder, name)));
    expect(report).toMatchObject({ copied: objects.length, failed: 0, failures: [] });
    expect(report.bytes).toBe(objects.reduce((sum, { contents }) => sum + contents.length, 0));
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });

  test('the same again, but for times and the signature', async () => {
    const again = newFile();
    await place.agent.exportBundle(again, { documents: [...keys, keys[0]] });
    expect(partsOf(again).slice(1)).toEqual(partsOf(file).slice(1));
    const [one, other] = [file, again].map((each) => manifestOf(each).bundle);
    for (const signer of [...one.signers, ...other.signers]) delete signer.resolvedAt;
    expect(one).toEqual(other);
  });

  test('the newest by id; every version, oldest first, with allVersions', async () => {
    const history = Object.keys(place.texts).filter((key) => key.startsWith(idOf(place.texts[keys.at(-1)])));
    const [id] = history[0].split(':');
    for (const [options, chosen] of [
      [{ documents: [id] }, history.slice(-1)],
      [{ documents: [history[0]] }, [history[0]]],
      [{ documents: [id], allVersions: true }, history],
      [{ documents: [history[0]], allVersions: true }, history],
    ]) {
      const one = newFile();
      await place.agent.exportBundle(one, options);
      const reports = await verify(one);
      expect(reports.map(({ key, valid }) => [key, valid])).toEqual(chosen.map((key) => [key, true]));
    }
    expect(history).toHaveLength(3);
  });

  test('import takes what it carries', async () => {
    const config = { jacs_data_directory: path.join(temporaryFolder(), 'data'), jacs_key_directory: temporaryFolder() };
    const imported = await Agent.importArchive(config, file, { env: {} });
    expect(imported).toMatchObject({ copied: report.copied, failed: 0, conflicts: 0 });
  });

  test('progress, object by object', async () => {
    const told = [];
    await place.agent.exportBundle(newFile(), { documents: keys, onProgress: (progress) => told.push(progress) });
    expect(told.at(-1)).toMatchObject({ done: report.copied, total: report.copied, bytes: report.bytes, failed: 0 });
  });

  test('what packs too well for an archive is kept as it is', async () => {
    const text = await place.agent.createDocument({}, { attachments: { path: 'zeros', contents: Buffer.alloc(40e6) } });
    const zeros = newFile();
    await place.agent.exportBundle(zeros, { documents: [keyOf(text)] });
    expect(await verify(zeros)).toMatchObject([{ valid: true, attachments: [{ present: true, ok: true }] }]);
    await place.agent.removeDocument(keyOf(text));
    fs.rmSync(path.join(place.data, 'files', sha256(Buffer.alloc(40e6))));
  });
});

describe('whom a recipient believes', () => {
  test('without a configuration: the agents of the bundle, as storage; a report for each, in order', async () => {
    const reports = await verify(file);
    expect(reports.map(({ key }) => key)).toEqual(keys);
    for (const [at, { key, evidence, attachments, ...rest }] of reports.entries()) {
      const agentId = signerOf(place.texts[key]);
      const is = agentId === place.agent.id ? 'self' : 'storage';
      expect(rest).toMatchObject({ valid: true, keySource: 'storage', agentId, bundledBy: place.agent.id });
      expect(evidence).toMatchObject({
        source: is,
        keySha256: rest.keySha256,
        tried: [{ source: is, result: 'found' }],
      });
      expect(evidence.publicKey).toBeUndefined();
      expect(Date.parse(evidence.resolvedAt)).toBeGreaterThan(0);
      expect(attachments).toHaveLength((JSON.parse(place.texts[keys[at]]).jacsFiles ?? []).length);
      for (const one of attachments) expect(one).toMatchObject({ where: 'store', present: true, ok: true });
    }
    expect(reports.flatMap(({ attachments }) => attachments)).toHaveLength(4);
    expect(new Set(reports.map(({ agentId }) => agentId)).size).toBe(2);
  });

  test('pinned keys as pinned; blocked agents not at all; the evidence is what it was', async () => {
    const trusting = await verify(file, { config: await recipient({ trusts: [place.other] }) });
    const blocking = await verify(file, { config: await recipient({ blocks: [place.other.agent.id] }) });
    for (const [at, { agentId }] of trusting.entries()) {
      const isOther = agentId === place.other.agent.id;
      expect(trusting[at]).toMatchObject({ valid: true, keySource: isOther ? 'pinned' : 'storage' });
      expect(blocking[at]).toMatchObject(isOther ? { valid: false, code: 'JACS_UNTRUSTED' } : { valid: true });
      expect(blocking[at].evidence).toEqual(trusting[at].evidence);
    }
    const config = await recipient({ blocks: [place.agent.id] });
    await refusal(verify(file, { config }), 'JACS_UNTRUSTED');
  });

  test('an own document as self', async () => {
    const reports = await verify(file, { config: place.other.config });
    const own = reports.filter(({ agentId }) => agentId === place.other.agent.id);
    expect(own).toMatchObject([{ valid: true, keySource: 'self' }]);
  });

  test('minimumTrust and signedBy, of the signers and not of who hands on', async () => {
    const config = await recipient({ trusts: [place.other] });
    const valid = async (options) =>
      (await verify(file, options)).filter((each) => each.valid).map((each) => each.agentId);
    const other = place.other.agent.id;
    expect(await valid({ config, minimumTrust: 'pinned' })).toEqual([other]);
    expect(await valid({ minimumTrust: 'registry' })).toEqual([]);
    expect(await valid({ signedBy: other })).toEqual([other]);
    expect(await valid({ config: await recipient({ trusts: [place.other], jacs_minimum_trust: 'pinned' }) })).toEqual([
      other,
    ]);
    // DNS is not asked here, so what must be confirmed by it is not believed.
    expect(await valid({ config: await recipient({ trusts: [place.other], jacs_dns_required: true }) })).toEqual([
      other,
    ]);
    const reports = await verify(file, { signedBy: other });
    expect(new Set(reports.map(({ code }) => code))).toEqual(new Set([undefined, 'JACS_UNTRUSTED']));
  });

  test('neither registry nor DNS is asked, whatever is configured', async () => {
    const registry = await startRegistry();
    registry.serve(place.other.agent);
    const config = {
      jacs_key_directory: temporaryFolder(),
      jacs_key_resolution: 'local,registry,storage,dns',
      jacs_dns_validate: true,
      jacs_dns_servers: '127.0.0.1:9',
    };
    const reports = await verify(file, { config, env: registry.env });
    expect(new Set(reports.map(({ valid, keySource }) => `${valid} ${keySource}`))).toEqual(new Set(['true storage']));
    expect(registry.requests).toEqual([]);
  });

  test('nobody in the bundle, where the storage is not asked', async () => {
    const config = await recipient({ jacs_key_resolution: 'local' });
    await refusal(verify(file, { config }), 'JACS_KEY');
  });

  test('a rotated agent: documents of the old and of the new key', async () => {
    const signer = await newAgent();
    const before = await signer.agent.createDocument({ signed: 'before' });
    const pinned = await recipient({ trusts: [signer] });
    await signer.agent.rotateKeys({ password: signer.password, env: {} });
    const after = await signer.agent.createDocument({ signed: 'after' });
    const both = newFile();
    await signer.agent.exportBundle(both, { documents: [before, after].map(keyOf) });
    for (const [config, keySource] of [
      [undefined, 'storage'],
      [pinned, 'pinned'],
    ]) {
      const reports = await verify(both, { config });
      expect(reports).toMatchObject([
        { valid: true, keySource },
        { valid: true, keySource },
      ]);
      expect(new Set(reports.map(({ keySha256 }) => keySha256)).size).toBe(2);
    }
  });

  test('a signer known by a pin alone: the key is told, and believed by those only who have pinned it, too', async () => {
    const maker = await newAgent();
    const signer = await anotherOn(maker);
    const text = await signer.agent.createDocument({ by: 'one who is not there' });
    await maker.agent.trustAgent(agentText(signer));
    fs.rmSync(path.join(maker.data, 'agents', signer.agent.id), { recursive: true });
    const pinned = newFile();
    const made = await maker.agent.exportBundle(pinned, { documents: [idOf(text)] });
    expect(made.failures).toMatchObject([{ kind: 'key', severity: 'note' }]);
    const [unknown] = await verify(pinned);
    expect(unknown).toMatchObject({ valid: false, code: 'JACS_KEY' });
    const publicKey = signer.agent.publicKey.toString('base64');
    expect(unknown.evidence).toMatchObject({ source: 'pinned', publicKey });
    const [known] = await verify(pinned, { config: await recipient({ trusts: [signer] }) });
    expect(known).toMatchObject({ valid: true, keySource: 'pinned' });
  });
});

describe('nothing is made', () => {
  /** The call is refused, and its folder is as it was. */
  async function refused(agent, options, code, target = newFile()) {
    const before = filesUnder(path.dirname(target));
    const error = await refusal(agent.exportBundle(target, options), code);
    expect(filesUnder(path.dirname(target))).toEqual(before);
    return error;
  }
  const documents = () => [keys[0]];

  test('of what does not verify', async () => {
    const maker = await newAgent();
    const text = await maker.agent.createDocument({ n: 1 }, { attachments: { path: 'a', contents: Buffer.from('a') } });
    const one = await maker.agent.createDocument({ n: 2 });
    const all = { documents: [one, text].map(keyOf) };
    const stored = path.join(maker.data, 'files', sha256('a'));
    fs.writeFileSync(stored, 'b');
    await refused(maker.agent, all, 'JACS_ATTACHMENT');
    fs.rmSync(stored);
    await refused(maker.agent, all, 'JACS_ATTACHMENT');
    fs.writeFileSync(stored, 'a');
    await maker.agent.exportBundle(newFile(), all);
    fs.writeFileSync(fileOf(maker.data, keyOf(text)), text.replace('"n":1', '"n":9'));
    for (const name of [keyOf(text), idOf(text)]) {
      await refused(maker.agent, { documents: [keyOf(one), name] }, 'JACS_HASH');
      await refused(maker.agent, { documents: [name], allVersions: true }, 'JACS_HASH');
    }
    await maker.agent.trustAgent(agentText(place.other));
  });

  test('of blocked signers', async () => {
    const maker = await newAgent();
    const signer = await anotherOn(maker);
    const text = await signer.agent.createDocument({ n: 1 });
    await maker.agent.untrustAgent(signer.agent.id);
    await refused(maker.agent, { documents: [keyOf(text)] }, 'JACS_UNTRUSTED');
  });

  test('by an agent that cannot sign', async () => {
    const reader = await loadAgain(place, {}, { readOnly: true });
    await refused(reader, { documents: documents() }, 'JACS_PERMISSION');
  });

  test('over a file, unless that is asked for', async () => {
    const target = newFile();
    fs.writeFileSync(target, 'mine');
    await refused(place.agent, { documents: documents() }, 'JACS_CONFLICT', target);
    expect(fs.readFileSync(target, 'utf8')).toBe('mine');
    await place.agent.exportBundle(target, { documents: documents(), overwrite: true });
    expect(await verify(target)).toMatchObject([{ valid: true }]);
  });

  test.each([
    ['without documents', {}],
    ['with none', { documents: [] }],
    ['with one that is no key', { documents: ['x'] }],
    ['with one that is no text', { documents: [1] }],
    ['with a text in place of a list', { documents: 'x' }],
    ['with an unknown option', { documents: ['x'], allVersion: true }],
  ])('%s', async (_, options) => {
    await refused(place.agent, options, 'JACS_INPUT');
  });

  test('of what is not there, or where nothing belongs', async () => {
    const nowhere = '67e55044-10b1-426f-9247-bb680e5fe0c8';
    await refused(place.agent, { documents: [nowhere] }, 'JACS_NOT_FOUND');
    await refused(place.agent, { documents: [keys[0].replace(/^.{36}/, nowhere)] }, 'JACS_NOT_FOUND');
    await refused(place.agent, { documents: documents() }, 'JACS_INPUT', path.join(place.data, 'bundle.tar.gz'));
  });

  test('of what was aborted, at any time', async () => {
    await refused(place.agent, { documents: documents(), signal: AbortSignal.abort() }, 'JACS_ABORTED');
    const controller = new AbortController();
    const long = await place.agent.createDocument(
      {},
      { attachments: { path: 'x', contents: Buffer.alloc(30e6, 'some text') } },
    );
    const aborted = {
      documents: [keyOf(long), ...keys],
      signal: controller.signal,
      onProgress: () => controller.abort(),
    };
    await refused(place.agent, aborted, 'JACS_ABORTED');
    await refusal(verify(file, { signal: AbortSignal.abort() }), 'JACS_ABORTED');
  });
});

test('wrong arguments of verifyBundle', async () => {
  for (const options of [{ contents: true }, { baseDirectory: '.' }, { minimumTrus: 'self' }, { signedBy: 'x' }])
    await refusal(verify(file, options), 'JACS_INPUT');
  await refusal(verify(7), 'JACS_INPUT');
  await refusal(verify(path.join(temporaryFolder(), 'none')), 'JACS_INPUT');
  await refusal(verify(file, { config: path.join(temporaryFolder(), 'none.json') }), 'JACS_CONFIG');
});
