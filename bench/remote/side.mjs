// Starts one side of a comparison in a process of its own: worker.mjs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

/**
 * Starts the side that `module` of this folder opens with `settings`; `groups` are the process groups of the server.
 * Resolves to
 * - `pass(name)`: a side for `compare`;
 * - `setup(name)` and `run(name)`: a pass of it in two parts, off the clock;
 * - `call(name, ...args)`, `close()`, and `stop()`, which waits for nothing but the end of the process.
 */
export async function startSide(module, settings, groups) {
  const child = fork(WORKER, { env: environment() });
  const gone = once(child, 'exit').then(([code, signal]) => ({ error: `the side ended: ${signal ?? code}` }));
  const ask = async (verb, ...args) => {
    child.send({ verb, args });
    const { value, error } = await Promise.race([once(child, 'message').then(([answer]) => answer), gone]);
    if (error) throw new Error(`${module}, ${verb} ${args[0] ?? ''}: ${error}`);
    return value;
  };
  const stop = async () => {
    if (child.connected) child.disconnect();
    await gone;
  };
  await ask('open', new URL(module, import.meta.url).href, settings, groups);
  return {
    pass: (name) => ({ sample: (times) => ask('sample', name, times) }),
    setup: (name) => ask('setup', name),
    run: (name) => ask('run', name),
    call: (name, ...args) => ask('call', name, ...args),
    async close() {
      await ask('close');
      await stop();
    },
    stop,
  };
}

// Without the settings that the person who measures may have for a cloud of their own, and without proxies.
function environment() {
  const own = Object.entries(process.env).filter(([name]) => !/^(AWS|HAI|JACS)_|_PROXY$/i.test(name));
  return {
    ...Object.fromEntries(own),
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    // A word about node's version that each process would say.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}
