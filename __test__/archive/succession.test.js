'use strict';
// The well-formed hostile archive: an attacker's agent, and by it later versions of documents that are not the attacker's.
// It comes in, where any may; it never counts, and the report says so.

const path = require('node:path');
const { after, forge, forger } = require('../attacks/forge.js');
const { archiveOf, documentEntry } = require('../support/archives.js');
const { keyOf, newAgent, onEmptyStore, refusal } = require('../support/agents.js');
const { filesUnder } = require('../support/folder.js');

const idOf = (text) => JSON.parse(text).jacsId;
const agentEntry = ({ text }) => documentEntry(text, { kind: 'agents' });
const found = ({ failures }, kind) => failures.filter((finding) => finding.kind === kind);

describe('an archive with later versions of my documents by a stranger', () => {
  let place;
  let mine;
  let stranger;
  let planted;
  const archive = () => archiveOf([documentEntry(planted), documentEntry(own), agentEntry(stranger)]);
  let own;
  beforeEach(async () => {
    place = await newAgent();
    mine = await place.agent.createDocument({ title: 'mine' });
    stranger = forger();
    planted = forge(stranger, { ...after(mine), title: 'not mine' });
    own = forge(stranger, { title: 'of the stranger' });
  });

  test('stays outside by default', async () => {
    const before = filesUnder(place.data);
    const report = await place.agent.importArchive(archive());
    expect(report).toMatchObject({ copied: 0, failed: 3, newAgents: [stranger.id] });
    expect(found(report, 'refused').map(({ code }) => code)).toEqual(Array(3).fill('JACS_UNTRUSTED'));
    expect(filesUnder(place.data)).toEqual(before);
  });

  test('does not count where any may come in', async () => {
    const report = await place.agent.importArchive(archive(), { agents: 'any' });
    expect(report).toMatchObject({ copied: 3, failed: 0, newAgents: [stranger.id] });
    expect(found(report, 'not-accepted')).toEqual([
      expect.objectContaining({ key: keyOf(planted), code: 'JACS_UNTRUSTED', severity: 'note' }),
    ]);
    expect(await place.agent.getDocument(idOf(mine))).toBe(mine);
    expect(await place.agent.getDocument(keyOf(planted))).toBe(planted);
    expect(await place.agent.getDocument(idOf(own))).toBe(own);
    const second = await place.agent.updateDocument(keyOf(mine), { title: 'second' });
    expect(await place.agent.getDocument(idOf(mine))).toBe(second);
    const [, refused] = await place.agent.versions(idOf(mine));
    expect(refused).toMatchObject({ key: keyOf(planted), accepted: false });
  });

  test.each(['before', 'after'])('does not count in an empty store, where it stands %s mine', async (where) => {
    const { agent } = await onEmptyStore(place);
    const entries = [documentEntry(planted), documentEntry(mine)];
    const documents = where === 'before' ? entries : entries.reverse();
    const report = await agent.importArchive(archiveOf([agentEntry(stranger), ...documents]));
    expect(found(report, 'not-accepted').map(({ key }) => key)).toEqual([keyOf(planted)]);
    expect(await agent.getDocument(idOf(mine))).toBe(mine);
  });

  test('does not count when it says that the document began with it', async () => {
    const { jacsId } = JSON.parse(mine);
    const other = forge(stranger, { jacsId, title: 'another beginning' });
    const report = await place.agent.importArchive(archiveOf([agentEntry(stranger), documentEntry(other)]), {
      agents: 'any',
    });
    expect(found(report, 'not-accepted').map(({ key }) => key)).toEqual([keyOf(other)]);
    expect(await place.agent.getDocument(jacsId)).toBe(mine);
  });

  test('cannot take what nobody here has signed: who disagree are told of', async () => {
    const third = forger();
    const first = forge(third, { title: 'first' });
    const other = forge(stranger, { jacsId: idOf(first), title: 'another beginning' });
    const { agent } = await onEmptyStore(place);
    const entries = [agentEntry(stranger), agentEntry(third), documentEntry(first), documentEntry(other)];
    const report = await agent.importArchive(archiveOf(entries));
    expect(found(report, 'not-accepted')).toEqual([
      expect.objectContaining({ key: idOf(first), code: 'JACS_CONFLICT' }),
    ]);
    await refusal(agent.getDocument(idOf(first)), 'JACS_CONFLICT');
  });

  test('says nothing of versions that count', async () => {
    const second = forge(stranger, { ...after(own), title: 'second' });
    const { agent } = await onEmptyStore(place);
    const entries = [documentEntry(second), documentEntry(own), agentEntry(stranger)];
    const report = await agent.importArchive(archiveOf(entries));
    expect(report).toMatchObject({ copied: 3, failed: 0 });
    expect(found(report, 'not-accepted')).toEqual([]);
    expect(await agent.getDocument(idOf(own))).toBe(second);
  });
});

describe('an agent in an archive', () => {
  /** The next version of an agent, with the same key. */
  function next(signer, text) {
    const fields = { ...JSON.parse(text), ...after(text) };
    for (const name of ['jacsSha256', 'jacsSignature']) delete fields[name];
    return forge({ ...signer, version: fields.jacsVersion }, fields);
  }

  test('comes in with all its versions, in whatever order', async () => {
    const { agent, data } = await newAgent();
    const stranger = forger();
    const versions = [stranger.text];
    while (versions.length < 6) versions.push(next(stranger, versions.at(-1)));
    const signed = forge({ ...stranger, version: JSON.parse(versions[5]).jacsVersion }, { title: 'by the last' });
    const entries = [5, 3, 4, 0, 2, 1].map((at) => documentEntry(versions[at], { kind: 'agents' }));
    const report = await agent.importArchive(archiveOf([documentEntry(signed), ...entries]));
    expect(report).toMatchObject({ copied: 7, failed: 0, newAgents: [stranger.id] });
    expect(filesUnder(path.join(data, 'agents', stranger.id))).toHaveLength(6);
    expect(await agent.getDocument(keyOf(signed))).toBe(signed);
  });

  test('that is to be another, or has a second beginning, does not', async () => {
    const { agent, data } = await newAgent();
    const known = forger();
    await agent.importArchive(archiveOf([agentEntry(known)]), { agents: 'any' });
    const before = filesUnder(data);
    const impostor = forger({ id: known.id });
    const successor = forger({ ...after(known.text), id: known.id });
    const me = forger({ id: agent.id });
    const byThem = [impostor, successor, me].map((signer) => forge(signer, { title: 'as if' }));
    const entries = [...[impostor, successor, me].map(agentEntry), ...byThem.map((text) => documentEntry(text))];
    const report = await agent.importArchive(archiveOf(entries), { agents: 'any' });
    expect(report).toMatchObject({ copied: 0, failed: 6, newAgents: [] });
    expect(found(report, 'refused').map(({ code }) => code)).toEqual(Array(6).fill('JACS_KEY'));
    expect(filesUnder(data)).toEqual(before);
  });
});
