'use strict';
// Migrations in processes of their own, which can be killed.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { root } = require('./addon.js');
const { environment } = require('./run.js');
const { temporaryFolder } = require('./folder.js');

const running = new Set();

/** Runs in the process. */
async function worker(name, options) {
  const fs = require('node:fs');
  const { Agent } = require(name);
  fs.writeSync(1, 'begun\n');
  try {
    const report = await Agent.migrate(options);
    fs.writeSync(1, `${JSON.stringify({ report })}\n`);
  } catch (error) {
    fs.writeSync(1, `${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
  }
}

/** Starts a migration: `begun` resolves when it is called, `ended` to its report, or to undefined when it was killed. */
function startMigration(options) {
  const script = `(${worker})(...${JSON.stringify([root, options])})`;
  const child = spawn(process.execPath, ['-e', script], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  let printed = '';
  child.stdout.setEncoding('utf8');
  const begun = once(child.stdout, 'data');
  child.stdout.on('data', (text) => (printed += text));
  const ended = once(child, 'close').then(([, signal]) => {
    running.delete(child);
    if (signal === 'SIGKILL') return undefined;
    const outcome = JSON.parse(printed.trim().split('\n').at(-1));
    if (outcome.error) throw new Error(`the migration was refused: ${JSON.stringify(outcome.error)}`);
    return outcome.report;
  });
  return { begun, ended, kill: () => child.kill('SIGKILL') };
}

/**
 * Migrates with a checkpoint, killed at random moments and gone on with until it is done, so many times that it was killed
 * `kills` times in all: `options()` gives the options of a migration to an empty place, and `finished(report, options)` looks
 * at each that is done. Resolves to how many were done.
 */
async function migrateKilled({ kills, options, finished }) {
  // How long one takes that nobody kills.
  let whole = await timed(options, finished);
  let done = 1;
  for (let killed = 0; killed < kills; done++) {
    const own = withCheckpoint(options());
    for (let report; report === undefined;) {
      const migration = startMigration(own);
      await migration.begun;
      if (killed < kills) {
        const timer = setTimeout(migration.kill, Math.random() * whole);
        report = await migration.ended;
        clearTimeout(timer);
      } else report = await migration.ended;
      if (report === undefined) killed++;
      // On a machine that is busy for a while, not to wait for a moment that never comes.
      else whole *= 0.8;
      if (report) await expectFinished(report, own, finished);
    }
  }
  return done;
}

/**
 * Migrates with a checkpoint to the end, killed each time that so many lines stand in it; resolves to the report, `killed`
 * and the `checkpoint`, which is gone.
 */
async function migrateKilledAt(options, lines) {
  const own = withCheckpoint(options);
  let killed = 0;
  for (const line of [...lines.toSorted((a, b) => a - b), Infinity]) {
    const migration = startMigration(own);
    const state = { ended: false };
    const ended = migration.ended.finally(() => (state.ended = true));
    while (!state.ended && linesOf(own.checkpoint) < line) await Promise.race([sleep(5), ended]);
    // Not always at the same step.
    if (!state.ended) await Promise.race([sleep(20 * Math.random()), ended]);
    if (!state.ended) migration.kill();
    const report = await ended;
    if (report) return { report, killed, checkpoint: own.checkpoint };
    killed++;
  }
}

function linesOf(file) {
  return fs.existsSync(file) ? fs.readFileSync(file).filter((byte) => byte === 10).length : 0;
}

async function timed(options, finished) {
  const own = withCheckpoint(options());
  const migration = startMigration(own);
  await migration.begun;
  const begun = Date.now();
  const report = await migration.ended;
  const whole = Date.now() - begun;
  await expectFinished(report, own, finished);
  return whole;
}

async function expectFinished(report, own, finished) {
  expect(fs.existsSync(own.checkpoint)).toBe(false);
  expect(fs.readdirSync(path.dirname(own.checkpoint))).toEqual([]);
  await finished(report, own);
}

const withCheckpoint = (options) => ({ checkpoint: path.join(temporaryFolder(), 'checkpoint'), ...options });

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  while (running.size > 0) await sleep(5);
});

module.exports = { startMigration, migrateKilled, migrateKilledAt, withCheckpoint };
