'use strict';
// A check that ended before its time goes on where it was, whatever ended it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { root } = require('../support/addon.js');
const { loadAgain, refusal, treeOf } = require('../support/agents.js');
const { environment } = require('../support/run.js');
const { LASTING, NOTES, REPAIRED, damageAll } = require('./damage.js');
const { copied, found, madeStore, pathOf } = require('./store.js');

let store;

beforeAll(async () => {
  store = await madeStore({ documents: 900, storedHistories: 10 });
}, 60_000);

/** Aborts it when so many objects were looked at; the error, or the report when it was quicker. */
function abortedAfter(agent, done, options) {
  const abort = new AbortController();
  const onProgress = (now) => now.done >= done && abort.abort();
  return agent.check({ ...options, signal: abort.signal, onProgress }).catch((error) => error);
}

test('what was looked at is not looked at again, and all is in the report', async () => {
  const copy = await copied(store, { mirrored: false });
  const expected = damageAll(copy, REPAIRED, LASTING, NOTES);
  const whole = await copy.agent.check();
  expect(found(whole)).toEqual(expected);
  const resume = path.join(copy.folder, 'resume');
  // Told at once of the first page; of later ones not more often than every 50 ms, and by then it may have ended.
  const error = await abortedAfter(copy.agent, 1, { resume });
  expect(error).toMatchObject({ code: 'JACS_ABORTED', path: resume });
  expect(fs.statSync(resume).mode & 0o777).toBe(0o600);
  const lines = fs.readFileSync(resume, 'utf8').trim().split('\n').map(JSON.parse);
  expect(lines.length).toBeGreaterThan(2);
  const before = lines.reduce((sum, { scanned = 0 }) => sum + scanned, 0);
  expect(before).toBeGreaterThan(0);

  let done = 0;
  const heard = [];
  const report = await copy.agent.check({
    resume,
    onProgress: (now) => (done = now.done),
    onFinding: (finding) => heard.push(finding),
  });
  expect({ ...report, findings: found(report) }).toEqual({ ...whole, findings: expected });
  expect(done).toBe(whole.scanned - before);
  expect(heard.length).toBeLessThan(expected.length);
  expect(fs.existsSync(resume)).toBe(false);
});

test('attachments that were named before are not without a document', async () => {
  const copy = await copied(store, { mirrored: false });
  const resume = path.join(copy.folder, 'resume');
  for (let round = 0; round < 20; round++) {
    const outcome = await abortedAfter(copy.agent, 1, { resume });
    if (!(outcome instanceof Error)) {
      expect(outcome).toMatchObject({ findings: [], complete: true });
      return;
    }
  }
  expect(await copy.agent.check({ resume })).toMatchObject({ findings: [], complete: true });
});

test('a file of something else is refused and stays', async () => {
  const copy = await copied(store);
  const resume = path.join(copy.folder, 'resume');
  await abortedAfter(copy.agent, 1, { resume });
  const text = fs.readFileSync(resume, 'utf8');
  const other = await loadAgain({ ...store.place, data: copy.mirror });
  await refusal(other.check({ resume }), 'JACS_INPUT');
  await refusal(copy.agent.check({ resume, sample: 0.5 }), 'JACS_INPUT');
  await refusal(copy.agent.check({ resume, since: new Date(0).toISOString() }), 'JACS_INPUT');
  await refusal(copy.agent.check({ resume: path.join(copy.data, 'resume') }), 'JACS_INPUT');
  expect(fs.readFileSync(resume, 'utf8')).toBe(text);
  for (const wrong of ['my diary\n', '', '{"jacs-agent-checkpoint":1}\n']) {
    fs.writeFileSync(resume, wrong);
    await refusal(copy.agent.check({ resume }), 'JACS_INPUT');
    expect(fs.readFileSync(resume, 'utf8')).toBe(wrong);
  }
});

/** Runs in a process of its own. */
async function worker(name, config, options) {
  const { Agent } = require(name);
  const agent = new Agent();
  await agent.load(config, options.load);
  require('node:fs').writeSync(1, 'loaded\n');
  const report = await agent.check(options.check);
  require('node:fs').writeSync(1, `${JSON.stringify(report)}\n`);
}

/** Checks in another process, which is killed after so many ms; its report, if it was quicker. */
async function killedAfter(ms, copy, check) {
  const config = { jacs_data_directory: copy.data, jacs_key_directory: store.place.keys };
  const settings = { jacs_storage_options: { durability: 'none' }, jacs_max_document_bytes: 1 << 20 };
  const load = { password: store.place.password, env: {} };
  const script = `(${worker})(...${JSON.stringify([root, { ...config, ...settings }, { load, check }])})`;
  const child = spawn(process.execPath, ['-e', script], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = [];
  child.stdout.setEncoding('utf8').on('data', (text) => printed.push(text));
  const closed = once(child, 'close');
  while (printed.length === 0 && child.exitCode === null) await sleep(1);
  await sleep(ms);
  child.kill('SIGKILL');
  await closed;
  const [, report] = printed.join('').split('\n');
  return report ? JSON.parse(report) : undefined;
}

test('killed again and again, it comes to its end and has seen everything', async () => {
  const copy = await copied(store, { mirrored: false });
  const expected = damageAll(copy, REPAIRED, LASTING, NOTES);
  const whole = await copy.agent.check();
  const resume = path.join(copy.folder, 'resume');
  let report;
  for (let round = 0; round < 12 && !report; round++) report = await killedAfter(Math.random() * 250, copy, { resume });
  report ??= await copy.agent.check({ resume });
  expect({ ...report, findings: found(report) }).toEqual({ ...whole, findings: expected });
  expect(fs.existsSync(resume)).toBe(false);
}, 60_000);

test('killed while it repairs, nothing is lost, and the next call ends it', async () => {
  const copy = await copied(store);
  const whole = treeOf(copy.data);
  damageAll(copy, REPAIRED);
  const spoiled = [];
  for (let key = copy.single(); key && spoiled.length < 400; key = copy.single()) {
    fs.writeFileSync(path.join(copy.data, pathOf(key)), `spoiled ${key}`);
    spoiled.push(key);
  }
  const damaged = treeOf(copy.data);
  let kills = 0;
  for (let round = 0; round < 12; round++) {
    if (await killedAfter(50 + Math.random() * 500, copy, copy.repair)) break;
    kills++;
    // At every moment each object is in the store or in the quarantine, whole.
    const kept = quarantined(copy);
    const now = treeOf(copy.data);
    for (const [name, trace] of Object.entries(damaged)) {
      if (whole[name] === trace) expect([name, now[name]]).toEqual([name, trace]);
      else
        expect([name, [now[name], kept[name], kept[`${name}.replacing`]]]).toEqual([
          name,
          expect.arrayContaining([trace]),
        ]);
    }
  }
  expect(kills).toBeGreaterThan(0);
  await copy.agent.check(copy.repair);
  expect(await copy.agent.check(copy.repair)).toMatchObject({ damaged: 0, findings: [] });
  expect(treeOf(copy.data)).toEqual(whole);
  const kept = quarantined(copy);
  expect(Object.keys(kept).filter((name) => name.endsWith('.replacing'))).toEqual([]);
  for (const key of spoiled) expect(kept[pathOf(key)]).toBe(damaged[pathOf(key)]);
}, 90_000);

function quarantined(copy) {
  if (!fs.existsSync(copy.quarantine)) return {};
  return Object.assign({}, ...fs.readdirSync(copy.quarantine).map((call) => treeOf(path.join(copy.quarantine, call))));
}
