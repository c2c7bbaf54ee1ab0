'use strict';
// Bundles that somebody changed, and archives that mean harm: each is refused as a whole, with its code.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { Agent } = require('../..');
const { forge, forger, keyOf: forgedKey } = require('../attacks/forge.js');
const { keyOf, newAgent, refusal } = require('../support/agents.js');
const { entry, filledStore, newFile, pax, sha256 } = require('../support/archives.js');
const { MANIFEST, ROOT, agentText, bundleOf, manifestOf, partsOf, resigned } = require('../support/bundles.js');

const verify = (file, options) => Agent.verifyBundle(file, { env: {}, ...options });

let place, file, parts, keys;
beforeAll(async () => {
  place = await filledStore();
  file = newFile('bundle.tar.gz');
  keys = Object.keys(place.texts);
  await place.agent.exportBundle(file, { documents: keys });
  parts = partsOf(file);
});

const of = (kind) => parts.findIndex(({ name }) => name.startsWith(`${ROOT}${kind}/`));
const long = () => parts.findIndex(({ contents }) => contents.length > 1e6);
/** The entries with another one at this place. */
const changed = (at, change) => parts.map((part, position) => (position === at ? { ...part, ...change(part) } : part));
/** The same with a byte that is another. */
const flipped = (at, offset) =>
  changed(at, ({ contents }) => {
    const bytes = Buffer.from(contents);
    bytes[offset ?? bytes.length >> 1] ^= 1;
    return { contents: bytes };
  });
const without = (at) => parts.filter((_, position) => position !== at);
const inserted = (part, at = parts.length) => [...parts.slice(0, at), part, ...parts.slice(at)];

test('as it is, put together again, it is valid', async () => {
  const reports = await verify(bundleOf(parts));
  expect(reports.map(({ valid }) => valid)).toEqual(keys.map(() => true));
});

describe('it is refused, changed after it was signed', () => {
  const text = (contents) => contents.toString();
  test.each([
    ['a byte of a document', () => flipped(of('documents')), 'JACS_HASH'],
    ['a byte of an agent', () => flipped(of('agents')), 'JACS_HASH'],
    ['a byte of a file', () => flipped(long()), 'JACS_HASH'],
    ['the last byte of a file', () => flipped(long(), parts[long()].contents.length - 1), 'JACS_HASH'],
    [
      'a value in the manifest',
      () => changed(0, ({ contents }) => ({ contents: text(contents).replace('"form":1', '"form":2') })),
      'JACS_HASH',
    ],
    [
      'what the manifest says of a key',
      () =>
        changed(0, ({ contents }) => ({ contents: text(contents).replace('"source":"storage"', '"source":"dns"') })),
      'JACS_HASH',
    ],
    [
      'a manifest that is not JSON',
      () => changed(0, ({ contents }) => ({ contents: contents.subarray(1) })),
      'JACS_INPUT',
    ],
    ['a document removed', () => without(of('documents')), 'JACS_HASH'],
    ['an agent removed', () => without(of('agents')), 'JACS_HASH'],
    ['a file removed', () => without(of('files')), 'JACS_HASH'],
    ['the last entry removed', () => parts.slice(0, -1), 'JACS_HASH'],
    ['the manifest removed', () => parts.slice(1), 'JACS_INPUT'],
    ['nothing but the manifest', () => parts.slice(0, 1), 'JACS_HASH'],
    ['a file added', () => inserted({ name: `${ROOT}files/${sha256('x')}`, contents: 'x' }), 'JACS_HASH'],
    [
      'a document added in the middle',
      () =>
        inserted({ name: `${ROOT}documents/${forgedKey(stranger()).replace(':', '/')}.json`, contents: stranger() }, 2),
      'JACS_HASH',
    ],
    ['an entry doubled', () => inserted(parts.at(-1)), 'JACS_INPUT'],
    ['an entry doubled at once', () => inserted(parts[1], 2), 'JACS_INPUT'],
    ['the manifest doubled', () => inserted(parts[0], 1), 'JACS_INPUT'],
    [
      'an entry renamed',
      () => changed(of('files'), ({ name }) => ({ name: name.replace(/.$/, (end) => (end === '0' ? '1' : '0')) })),
      'JACS_HASH',
    ],
    ['two entries that changed places', () => [parts[0], parts[2], parts[1], ...parts.slice(3)], 'JACS_HASH'],
    ['two files that changed names', swapped, 'JACS_HASH'],
    ['a file cut short', () => changed(long(), ({ contents }) => ({ contents: contents.subarray(1) })), 'JACS_HASH'],
    ['a file that is longer', () => changed(long(), ({ contents }) => ({ contents: `${contents}x` })), 'JACS_HASH'],
  ])('%s', async (_, change, code) => {
    const altered = bundleOf(change());
    const error = await refusal(verify(altered), code);
    expect(error.path).toBe(altered);
  });

  let strangers;
  const stranger = () => (strangers ??= forge(forger(), { title: 'a stranger' }));
  function swapped() {
    const [one, other] = [of('files'), of('files') + 1];
    const take = (at) => () => ({ contents: parts[at].contents });
    return changed(one, take(other)).map((part, at) => (at === other ? { ...part, ...take(one)() } : part));
  }

  test('with the manifest of another bundle, and with one that somebody else signed in its name', async () => {
    const another = newFile();
    await place.agent.exportBundle(another, { documents: keys.slice(1) });
    await refusal(verify(bundleOf([partsOf(another)[0], ...parts.slice(1)])), 'JACS_HASH');
    const mallory = await newAgent();
    const foreign = await resigned(mallory.agent, manifestOf(file), parts);
    // Mallory's own agent document is not in it.
    await refusal(verify(foreign), 'JACS_KEY');
    const { id, version } = place.agent;
    const inTheName = forge({ ...forger({ id }), version }, { jacsType: 'bundle', bundle: manifestOf(file).bundle });
    const forged = bundleOf([{ name: MANIFEST, contents: inTheName }, ...parts.slice(1)]);
    expect((await verify(forged).catch((error) => error)).code).toMatch(/^JACS_(KEY|SIGNATURE)$/);
  });

  test('a document of another type with a manifest in it', async () => {
    const { bundle } = manifestOf(file);
    const contents = await place.agent.createDocument({ bundle }, { noSave: true });
    await refusal(verify(bundleOf([{ name: MANIFEST, contents }, ...parts.slice(1)])), 'JACS_INPUT');
  });
});

describe('signed anew by somebody who may', () => {
  const again = (objects, change) => resigned(place.agent, manifestOf(file), objects, change);

  test('an altered document is in its report, whoever hands it on', async () => {
    const evil = keys[0];
    const at = parts.findIndex(({ name }) => name.includes(evil.replace(':', '/')));
    const objects = changed(at, ({ contents }) => ({ contents: contents.toString().replace('first', 'worst') }));
    const reports = await verify(await again(objects));
    for (const { key, valid, code } of reports)
      expect([key, valid, code]).toEqual(key === evil ? [key, false, 'JACS_HASH'] : [key, true, undefined]);
  });

  test('a file that is missing is in the report of its documents', async () => {
    const name = `${ROOT}files/${sha256('small')}`;
    const reports = await verify(await again(parts.filter((part) => part.name !== name)));
    const lacking = reports.filter(({ valid }) => !valid);
    expect(lacking).toHaveLength(2);
    for (const { code, attachments } of lacking) {
      expect(code).toBe('JACS_ATTACHMENT');
      expect(attachments.find(({ path: of }) => of === 'small.txt')).toMatchObject({ present: false });
    }
  });

  test('a file that is not what its name says', async () => {
    const objects = changed(long(), ({ contents }) => ({ contents: Buffer.from(contents).fill('x', 0, 1) }));
    await refusal(verify(await again(objects)), 'JACS_HASH');
  });

  test('evidence raises no trust', async () => {
    const grand = (bundle) => ({
      ...bundle,
      signers: bundle.signers.map((signer) => ({ ...signer, source: 'pinned', keySha256: 'f'.repeat(64) })),
    });
    const claimed = await again(parts, grand);
    for (const report of await verify(claimed)) {
      expect(report).toMatchObject({ valid: true, keySource: 'storage', evidence: { source: 'pinned' } });
    }
    for (const report of await verify(claimed, { minimumTrust: 'registry' }))
      expect(report).toMatchObject({ valid: false, code: 'JACS_UNTRUSTED' });
    const withoutAgent = parts.filter(({ name }) => !name.includes(place.other.agent.id));
    const withKey = (bundle) => ({
      ...bundle,
      signers: bundle.signers.map((signer) => ({
        ...signer,
        publicKey: place.other.agent.publicKey.toString('base64'),
      })),
    });
    const reports = await verify(await again(withoutAgent, withKey));
    expect(reports.filter(({ agentId }) => agentId === place.other.agent.id)).toMatchObject([{ code: 'JACS_KEY' }]);
  });

  test.each([
    ['a later form', (bundle) => ({ ...bundle, form: 2 }), 'JACS_UNSUPPORTED'],
    ['a member that is unknown', (bundle) => ({ ...bundle, more: 1 }), 'JACS_INPUT'],
    ['no list of signers', ({ signers: _, ...bundle }) => bundle, 'JACS_INPUT'],
    ['a length below zero', (bundle) => ({ ...bundle, entries: [{ path: 'x', bytes: -1, sha256: '' }] }), 'JACS_INPUT'],
    ['a chosen file', (bundle) => ({ ...bundle, documents: [`files/${sha256('small')}`] }), 'JACS_INPUT'],
    [
      'a document that is chosen often',
      (bundle) => ({ ...bundle, documents: Array(2000).fill(bundle.documents[0]) }),
      'JACS_INPUT',
    ],
    [
      'a signer of many steps',
      (bundle) => {
        const tried = Array(20_000).fill({ source: 'storage', result: 'x' });
        return { ...bundle, signers: bundle.signers.map((signer) => ({ ...signer, tried })) };
      },
      'JACS_INPUT',
    ],
    [
      'a signer who says much',
      (bundle) => {
        const tried = [{ source: 'storage', result: 'x'.repeat(10_000) }];
        return { ...bundle, signers: bundle.signers.map((signer) => ({ ...signer, tried })) };
      },
      'JACS_INPUT',
    ],
    ['a signer twice', (bundle) => ({ ...bundle, signers: [...bundle.signers, ...bundle.signers] }), 'JACS_INPUT'],
    ['a chosen path of no layout', (bundle) => ({ ...bundle, documents: ['../x'] }), 'JACS_INPUT'],
    [
      'a chosen document that is not there',
      (bundle) => ({
        ...bundle,
        documents: [bundle.documents[0].replace(/[0-9a-f]\.json/, (end) => `${end[0] === '0' ? 1 : 0}.json`)],
      }),
      'JACS_HASH',
    ],
    [
      'a source that is unknown',
      (bundle) => ({ ...bundle, signers: bundle.signers.map((signer) => ({ ...signer, source: 'god' })) }),
      'JACS_INPUT',
    ],
  ])('%s', async (_, change, code) => {
    await refusal(verify(await again(parts, change)), code);
  });

  test('agents and documents replaced together: only storage believes it, and pins know better', async () => {
    const victim = place.other;
    const mallory = forger({ id: victim.agent.id, version: victim.agent.version });
    const [text] = Object.values(place.texts).filter(
      (one) => JSON.parse(one).jacsSignature.agentID === victim.agent.id,
    );
    const { jacsId, jacsVersion } = JSON.parse(text);
    const evil = forge(mallory, { jacsId, jacsVersion, jacsOriginalVersion: jacsVersion, title: 'evil' });
    const replaced = (name) => {
      if (name.includes(`agents/${victim.agent.id}`)) return mallory.text;
      return name.includes(keyOf(text).replace(':', '/')) ? evil : undefined;
    };
    const objects = parts.map((part) => ({ ...part, contents: replaced(part.name) ?? part.contents }));
    const forged = await again(objects);
    const of = (reports) => reports.find(({ agentId }) => agentId === victim.agent.id);
    expect(of(await verify(forged))).toMatchObject({ valid: true, keySource: 'storage' });
    const knowing = await newAgent();
    await knowing.agent.trustAgent(agentText(victim));
    expect(of(await verify(forged, { config: knowing.config }))).toMatchObject({
      valid: false,
      code: 'JACS_UNTRUSTED',
    });
    // The victim itself believes nothing of it either.
    expect(of(await verify(forged, { config: victim.config }))).toMatchObject({ valid: false });
  });
});

describe('an archive that means harm', () => {
  const raw = (options) => ({ name: parts[1].name, ...options });
  const zeros = Buffer.alloc(40_000_000);
  const written = (bytes) => {
    const target = newFile();
    fs.writeFileSync(target, bytes);
    return target;
  };
  const first = () => parts.slice(0, 1);
  test.each([
    ['an absolute path', () => bundleOf(inserted({ name: `/etc/${'x'}`, contents: 'x' }, 1))],
    ['an object under an absolute path', () => bundleOf(changed(1, ({ name }) => ({ name: `/${name}` })))],
    ['a path upwards', () => bundleOf(changed(1, ({ name }) => ({ name: `../${name}` })))],
    ['another spelling of a path', () => bundleOf(changed(1, ({ name }) => ({ name: `./${name}` })))],
    ['an object outside its folder', () => bundleOf(changed(1, ({ name }) => ({ name: name.slice(ROOT.length) })))],
    ['upper case', () => bundleOf(changed(1, ({ name }) => ({ name: name.toUpperCase() })))],
    ['a symbolic link', () => bundleOf(inserted(raw({ type: '2', link: '/etc/passwd' }), 1))],
    ['a hard link', () => bundleOf(inserted(raw({ type: '1', link: '/etc/passwd' }), 1))],
    ['a device', () => bundleOf(inserted(raw({ type: '3' }), 1))],
    ['a named pipe', () => bundleOf(inserted(raw({ type: '6' }), 1))],
    ['a directory', () => bundleOf(inserted({ name: 'jacs_data/', type: '5' }, 1))],
    [
      'a manifest that is a link',
      () => bundleOf([{ name: MANIFEST, type: '2', link: '/etc/passwd' }, ...parts.slice(1)]),
    ],
    ['a name for all that follow', () => bundleOf([...first(), pax({ path: parts[1].name }, 'g'), ...parts.slice(1)])],
    ['a sparse file', () => bundleOf([...first(), pax({ 'GNU.sparse.major': '1' }), ...parts.slice(1)])],
    ['a private key', () => bundleOf(inserted({ name: 'jacs_keys/jacs.private.pem.enc', contents: '{}' }))],
    ['a size beyond its end', () => bundleOf([...parts, entry(raw({ size: '77777777777\0' })).subarray(0, 512)])],
    ['a manifest of gigabytes', () => bundleOf([entry({ name: MANIFEST, size: '77777777777\0' }).subarray(0, 512)])],
    ['a bomb behind the end', () => bundleOf(parts, { end: Buffer.concat([zeros, zeros]) })],
    ['a bomb in the manifest', () => bundleOf([{ name: MANIFEST, contents: zeros }, ...parts.slice(1)])],
    ['another archive behind its end', () => written(Buffer.concat([fs.readFileSync(file), fs.readFileSync(file)]))],
    ['something behind its end', () => written(Buffer.concat([fs.readFileSync(file), Buffer.from('x')]))],
    ['one that is cut short', () => written(fs.readFileSync(file).subarray(0, -200))],
    ['one that lacks its last byte', () => written(fs.readFileSync(file).subarray(0, -1))],
    ['one without an end', () => bundleOf(parts, { end: Buffer.alloc(0) })],
    ['one with a bit that is wrong', () => written(bitFlipped(fs.readFileSync(file)))],
    ['another packing', () => bundleOf(parts, { pack: zlib.deflateSync })],
    ['nothing', () => written('')],
    ['text', () => written('text '.repeat(1000))],
    ['an archive that is no bundle', () => bundleOf(parts.slice(1))],
    ['a folder', () => path.dirname(file)],
  ])('%s', async (_, make) => {
    const made = make();
    const error = await refusal(verify(made), 'JACS_INPUT');
    expect(error.path).toBe(made);
  });

  function bitFlipped(bytes) {
    bytes[bytes.length >> 1] ^= 1;
    return bytes;
  }

  test('a bomb that the manifest lists', async () => {
    const name = `${ROOT}files/${sha256(zeros)}`;
    const listed = await resigned(place.agent, manifestOf(file), [...parts, { name, contents: zeros }]);
    await refusal(verify(listed), 'JACS_INPUT');
  });
});
