'use strict';
// What a verb works with: its options, the streams, the signal of Ctrl-C, and the agent.

const { WrongUse } = require('./failure.js');
const { fromFile, inEnvironment } = require('./password.js');
const { askHidden, canAsk } = require('./prompt.js');

class Session {
  /** The password that was read from a file or typed; nothing when the agent finds it in the environment. */
  password;
  #agent;

  /** `commandLine`: what was typed, to be typed again. */
  constructor({ options, signal, output, notes, commandLine }) {
    Object.assign(this, { options, signal, output, notes, commandLine });
  }

  /** An agent that reads and verifies; needs no password. */
  openReader() {
    return this.#load({ readOnly: true });
  }

  /** An agent that signs. */
  openSigner() {
    return this.withPassword((password) => this.#load({ password }));
  }

  /** Does what needs a password. It is asked for only after everything else about the agent has been found in order. */
  async withPassword(work) {
    this.password = await this.readPassword(this.options.passwordFile);
    try {
      return await work(this.password);
    } catch (error) {
      if (error.code !== 'JACS_PASSWORD' || this.password !== undefined || inEnvironment() || !canAsk()) throw error;
    }
    this.password = await askHidden('Password: ', this.signal);
    return work(this.password);
  }

  /** The password in a file that an option names; nothing without the option. */
  async readPassword(path) {
    return path === undefined ? undefined : fromFile(path, (warning) => this.note(warning));
  }

  /** For what loads no agent, so that nobody takes its silence about `--offline` for a promise. */
  refuseOffline() {
    if (!this.options.offline) return;
    throw new WrongUse(
      '--offline is not for this: who is asked for keys, jacs_key_resolution of the configuration says',
    );
  }

  /** Keeps a freshly made agent, to be closed at the end. */
  keep(agent) {
    this.#agent = agent;
    return agent;
  }

  /** A remark for people, on standard error. */
  note(text) {
    return this.notes.write(`jacs-agent: ${text}\n`);
  }

  async close() {
    await this.#agent?.close();
  }

  async #load(options) {
    const { Agent } = publicApi();
    const agent = new Agent();
    const { config, offline } = this.options;
    await agent.load(config, { ...options, offline });
    this.keep(agent);
    // Not every call of the agent takes the signal: what was interrupted by now must not, say, remove anything.
    this.signal.throwIfAborted();
    return agent;
  }
}

/** Loaded late: `--help` works where the native addon does not. */
function publicApi() {
  return require('../index.js');
}

module.exports = { Session, publicApi };
