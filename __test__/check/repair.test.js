'use strict';
// What a mirror has takes the place of what is damaged, and what was there goes to the quarantine.

const fs = require('node:fs');
const path = require('node:path');
const { sha256 } = require('../attacks/forge.js');
const { loadAgain, newAgent, refusal, treeOf } = require('../support/agents.js');
const { filesUnder } = require('../support/folder.js');
const { LASTING, NOTES, REPAIRED, damageAll } = require('./damage.js');
const { copied, folderOf, found, madeStore, pathOf } = require('./store.js');

let store;

beforeAll(async () => {
  store = await madeStore({ documents: 60, storedHistories: 8 });
}, 60_000);

/** What lies in the quarantine: contents by the path in the store. */
function quarantined(copy) {
  if (!fs.existsSync(copy.quarantine)) return {};
  const calls = fs.readdirSync(copy.quarantine);
  return Object.assign({}, ...calls.map((call) => treeOf(path.join(copy.quarantine, call))));
}

test('what a mirror has comes back, byte for byte; what was there is kept', async () => {
  const copy = await copied(store);
  const whole = treeOf(copy.data);
  const expected = damageAll(copy, REPAIRED);
  const damaged = treeOf(copy.data);
  const report = await copy.agent.check(copy.repair);
  expect(found(report)).toEqual(expected);
  expect(report.findings.filter(({ repaired }) => repaired !== true)).toEqual([]);
  expect(report).toMatchObject({ damaged: expected.length, repaired: expected.length, complete: true });
  expect(treeOf(copy.data)).toEqual(whole);

  const kept = quarantined(copy);
  expect(Object.keys(kept).filter((name) => name.endsWith('.replacing'))).toEqual([]);
  const changed = Object.entries(damaged).filter(([name, trace]) => whole[name] !== trace);
  expect(changed.length).toBeGreaterThan(20);
  for (const [name, trace] of changed) expect([name, kept[name]]).toEqual([name, trace]);

  expect(await copy.agent.check()).toMatchObject({ damaged: 0, findings: [] });
  expect(treeOf(copy.mirror)).toEqual(whole);
}, 60_000);

test('what no mirror can mend stays where it is, and is told', async () => {
  const copy = await copied(store);
  const expected = damageAll(copy, LASTING, NOTES);
  const before = treeOf(copy.data);
  const report = await copy.agent.check(copy.repair);
  expect(found(report)).toEqual(expected);
  expect(report.repaired).toBe(0);
  expect(report.findings.some(({ repaired }) => repaired === true)).toBe(false);
  expect(treeOf(copy.data)).toEqual(before);
  expect(quarantined(copy)).toEqual({});
});

test('a mirror with the same damage, or another, mends nothing', async () => {
  const copy = await copied(store);
  const [one, other, third, fourth] = [copy.single(), copy.single(), copy.single(), copy.single()];
  const { hash } = copy.file();
  const write = (data, name, text) => fs.writeFileSync(path.join(data, name), text);
  for (const data of [copy.data, copy.mirror]) {
    write(data, pathOf(one), '{}');
    write(data, `files/${hash}`, 'altered');
  }
  write(copy.data, pathOf(other), 'x');
  write(copy.mirror, pathOf(other), fs.readFileSync(path.join(copy.mirror, pathOf(third))));
  write(copy.data, pathOf(fourth), 'x');
  fs.rmSync(path.join(copy.mirror, pathOf(fourth)));
  const before = treeOf(copy.data);
  const report = await copy.agent.check(copy.repair);
  const expected = [one, other, fourth].map((key) => `malformed ${pathOf(key)}`);
  expect(found(report)).toEqual([...expected, `attachment-altered files/${hash}`].sort());
  for (const finding of report.findings) {
    expect(finding).toMatchObject({ repaired: false, message: expect.stringContaining('not repaired') });
  }
  expect(report).toMatchObject({ damaged: 4, repaired: 0 });
  expect(treeOf(copy.data)).toEqual(before);
});

test('a version gone is not replaced by another of the same name', async () => {
  const copy = await copied(store);
  const [first, second] = copy.history();
  fs.rmSync(path.join(copy.data, pathOf(second)));
  // In the mirror stands what somebody else signed under that key; it is valid.
  const { forge, after } = require('../attacks/forge.js');
  const text = fs.readFileSync(path.join(copy.mirror, pathOf(first)), 'utf8');
  const forged = forge(copy.stranger, { ...after(text), jacsVersion: second.split(':')[1] });
  fs.writeFileSync(path.join(copy.mirror, pathOf(second)), forged);
  const report = await copy.agent.check(copy.repair);
  expect(found(report)).toEqual([`missing-predecessor ${pathOf(second)}`]);
  expect(report.findings[0].repaired).toBe(false);
  expect(fs.existsSync(path.join(copy.data, pathOf(second)))).toBe(false);
});

test('all versions but the last are brought back', async () => {
  const copy = await copied(store);
  const whole = treeOf(copy.data);
  const [first, second] = copy.history();
  for (const key of [first, second]) fs.rmSync(path.join(copy.data, pathOf(key)));
  const report = await copy.agent.check(copy.repair);
  expect(found(report)).toEqual([`missing-original ${pathOf(first)}`, `missing-predecessor ${pathOf(second)}`].sort());
  expect(report).toMatchObject({ damaged: 2, repaired: 2 });
  expect(treeOf(copy.data)).toEqual(whole);
});

test('nothing in the quarantine is replaced, however often it is needed', async () => {
  const copy = await copied(store);
  const [key] = [copy.single()];
  const file = path.join(copy.data, pathOf(key));
  const contents = ['one', 'two', 'three'];
  for (const text of contents) {
    fs.writeFileSync(file, text);
    expect(await copy.agent.check(copy.repair)).toMatchObject({ damaged: 1, repaired: 1 });
  }
  const kept = filesUnder(copy.quarantine).filter(
    (name) => name.endsWith('.json') && !name.endsWith('quarantine.json'),
  );
  expect(kept.map((name) => fs.readFileSync(path.join(copy.quarantine, name), 'utf8')).sort()).toEqual(contents.sort());
});

test('an interrupted repair is finished by the next one', async () => {
  const copy = await copied(store);
  const whole = treeOf(copy.data);
  const [one, other] = [copy.single(), copy.single()];
  const { hash } = copy.file();
  fs.writeFileSync(path.join(copy.data, pathOf(one)), 'x');
  await copy.agent.check(copy.repair);
  // As it is when the process ends between its two steps.
  const [call] = fs.readdirSync(copy.quarantine);
  const move = (name) => {
    const target = path.join(copy.quarantine, call, `${name.replace(/\/$/, '')}.replacing`);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.renameSync(path.join(copy.data, name), target);
  };
  const names = [pathOf(one), folderOf(other), `files/${hash}`];
  names.forEach(move);
  const report = await copy.agent.check(copy.repair);
  const objects = names.map((name) => `interrupted ${name.replace(/\/$/, '')}`);
  expect(found(report)).toEqual(objects.sort());
  expect(report).toMatchObject({ damaged: 3, repaired: 3, complete: true });
  expect(treeOf(copy.data)).toEqual(whole);
  expect(filesUnder(copy.quarantine).filter((name) => name.includes('.replacing'))).toEqual([]);
  expect(await copy.agent.check(copy.repair)).toMatchObject({ damaged: 0, findings: [] });
});

test('what another store left in the quarantine is not touched', async () => {
  const [copy, other] = [await copied(store), await copied(store)];
  const key = copy.single();
  const shared = { ...other.repair, quarantine: copy.quarantine };
  fs.writeFileSync(path.join(copy.data, pathOf(key)), 'x');
  await copy.agent.check(copy.repair);
  const [call] = fs.readdirSync(copy.quarantine);
  const done = path.join(copy.quarantine, call, pathOf(key));
  fs.renameSync(done, `${done}.replacing`);
  expect(await other.agent.check(shared)).toMatchObject({ findings: [] });
  expect(fs.existsSync(`${done}.replacing`)).toBe(true);
});

test('a link in the quarantine leads nothing away', async () => {
  const copy = await copied(store);
  fs.mkdirSync(copy.quarantine);
  const elsewhere = path.join(copy.folder, 'elsewhere');
  fs.mkdirSync(elsewhere);
  fs.symlinkSync(elsewhere, path.join(copy.quarantine, 'link'));
  fs.mkdirSync(path.join(elsewhere, 'documents'));
  fs.writeFileSync(path.join(elsewhere, 'documents', 'x.replacing'), 'x');
  expect(await copy.agent.check(copy.repair)).toMatchObject({ findings: [] });
  expect(filesUnder(elsewhere)).toEqual(['documents/x.replacing']);
});

test('a large attachment is brought back', async () => {
  const copy = await copied(store);
  const bytes = Buffer.alloc(40 << 20, 'large ');
  const hash = sha256(bytes);
  await copy.agent.createDocument({}, { attachments: [{ path: 'large.bin', contents: bytes }] });
  fs.cpSync(copy.data, copy.mirror, { recursive: true });
  fs.truncateSync(path.join(copy.data, 'files', hash), 30 << 20);
  expect(await copy.agent.check(copy.repair)).toMatchObject({ damaged: 1, repaired: 1 });
  expect(sha256(fs.readFileSync(path.join(copy.data, 'files', hash)))).toBe(hash);
}, 60_000);

test('a repair is refused where it must not be', async () => {
  const copy = await copied(store);
  const { agent, data, repair, quarantine } = copy;
  const itself = { repairFrom: { jacs_data_directory: data }, quarantine };
  await refusal(agent.check(itself), 'JACS_CONFIG');
  await refusal(agent.check({ ...itself, repairFrom: { jacs_data_directory: path.join(data, 'x') } }), 'JACS_CONFIG');
  await refusal(agent.check({ ...repair, quarantine: path.join(data, 'quarantine') }), 'JACS_INPUT');
  await refusal(agent.check({ quarantine }), 'JACS_INPUT');
  await refusal(agent.check({ repairFrom: 7 }), 'JACS_INPUT');
  const readOnly = await loadAgain({ ...store.place, data }, {}, { readOnly: true, password: undefined });
  await refusal(readOnly.check(repair), 'JACS_PERMISSION');
  expect(await readOnly.check()).toMatchObject({ findings: [], complete: true });
  expect(fs.existsSync(quarantine)).toBe(false);
});

test('another agent’s document does not take the place of the owner’s', async () => {
  const copy = await copied(store, { mirrored: false });
  const keys = copy.history();
  const texts = keys.map((key) => fs.readFileSync(path.join(copy.data, pathOf(key)), 'utf8'));
  const mirror = await newAgent();
  const first = JSON.parse(texts[0]);
  for (const member of ['jacsSignature', 'jacsSha256']) delete first[member];
  await mirror.agent.createDocument({ ...first, n: 'forged' });
  fs.cpSync(path.join(mirror.data, 'agents'), path.join(copy.data, 'agents'), { recursive: true, force: false });
  const place = path.join(copy.data, pathOf(keys[0]));
  fs.writeFileSync(place, texts[0].replace('{', '{"more":1,'));
  const damaged = fs.readFileSync(place, 'utf8');
  const report = await copy.agent.check({ ...copy.repair, repairFrom: { jacs_data_directory: mirror.data } });
  expect(report).toMatchObject({ repaired: 0 });
  expect(report.findings).toContainEqual(expect.objectContaining({ key: keys[0], kind: 'hash', repaired: false }));
  expect(fs.readFileSync(place, 'utf8')).toBe(damaged);
});

test('a check that looked on does not go on as one that repairs', async () => {
  const copy = await copied(store);
  const resume = path.join(copy.folder, 'resume');
  const abort = new AbortController();
  abort.abort();
  fs.rmSync(path.join(copy.data, 'documents'), { recursive: true });
  await refusal(copy.agent.check({ resume, signal: abort.signal }), 'JACS_ABORTED');
  if (fs.existsSync(resume)) await refusal(copy.agent.check({ ...copy.repair, resume }), 'JACS_INPUT');
});
