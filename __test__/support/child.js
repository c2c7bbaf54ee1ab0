'use strict';
// An agent in a process of its own that does what it is told, one call after the other or several at a time.

const { spawn } = require('node:child_process');
const { root } = require('./addon.js');
const { environment } = require('./run.js');

const running = new Set();

/**
 * Starts node, which loads the agent of `config` (a path or an object) with the variables `env` of its place; resolves
 * when it did, to
 * - `call(verb, ...args)`: calls the agent, and resolves to `{ value }` or `{ error }`. Of a listing, the list.
 * - `run(body, ...args)`: the same of a function, which is sent as text and gets `{ agent, attempt, all, require }`.
 * - `pid`, and `stop()`, which is done for every child after the tests of the file.
 *
 * `wrapper` is a command that runs node in its own place, `name` how `require` there names the package.
 */
async function startAgent({ config, password, env: variables = {} }, { wrapper = [], name = root, ...options } = {}) {
  const script = `(${worker})(...${JSON.stringify([name, config, password, variables])})`;
  const [command, ...args] = [...wrapper, process.execPath, '-e', script];
  const env = { ...environment(), ...options.env };
  const child = spawn(command, args, { ...options, env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  running.add(child);
  const waiting = new Map();
  const answered = (id) =>
    new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
    });
  child.on('message', ({ id, ...outcome }) => {
    waiting.get(id).resolve(outcome);
    waiting.delete(id);
  });
  const ended = (why) => {
    running.delete(child);
    for (const { reject } of waiting.values()) reject(new Error(`the process of the agent ended: ${why}`));
    waiting.clear();
  };
  child.on('error', ended);
  child.on('exit', (code, signal) => ended(signal ?? code));
  let next = 1;
  const ask = (question) => {
    const id = next++;
    const answer = answered(id);
    child.send({ id, ...question });
    return answer;
  };
  const ready = answered(0);
  const { error } = await ready;
  if (error) throw new Error(`the agent was not loaded: ${error.code ?? error.stack}`);
  return {
    pid: child.pid,
    call: (verb, ...args) => ask({ verb, args }),
    run: (body, ...args) => ask({ body: String(body), args }),
    stop: () => stopped(child),
  };
}

/** Runs in the process. */
async function worker(name, config, password, env) {
  const { Agent } = require(name);
  const agent = new Agent();
  const all = async (iterable) => {
    const items = [];
    for await (const item of iterable) items.push(item);
    return items;
  };
  // An error loses its fields on its way to another process.
  const attempt = (promise) =>
    promise.then(
      (value) => ({ value }),
      (error) => ({ error: { ...error, code: error.code, stack: error.stack, cause: undefined } }),
    );
  const verbs = (verb, args) => {
    const result = agent[verb](...args);
    return result?.[Symbol.asyncIterator] ? all(result) : result;
  };
  const context = { agent, attempt, all, require };
  process.on('message', async ({ id, verb, body, args }) => {
    const work = async () => (verb ? verbs(verb, args) : new Function(`return (${body})`)()(context, ...args));
    process.send({ id, ...(await attempt(work())) });
  });
  process.send({ id: 0, ...(await attempt(agent.load(config, { password, env }))) });
}

/** Its standing channel is what keeps a child alive. */
async function stopped(child) {
  if (!running.has(child)) return;
  const exit = new Promise((resolve) => {
    child.on('exit', resolve);
  });
  child.disconnect();
  await exit;
}

afterAll(async () => {
  await Promise.all([...running].map(stopped));
});

module.exports = { startAgent };
