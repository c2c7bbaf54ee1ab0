'use strict';
// The public face: argument forms, pages -> async iterator, class JacsError. All else is native.

const { Attachments, streamOf } = require('./streams.js');

/** Errors are made here, not in native code: `instanceof Error` then holds in every realm, and the stack shows the caller's line. */
class JacsError extends Error {
  constructor({ code, message, retryable = false, causes = [], cause, ...details }) {
    super(message, cause || causes.length ? { cause: cause ?? causeOf(causes) } : undefined);
    this.name = 'JacsError';
    this.code = code;
    this.retryable = retryable;
    for (const [name, value] of Object.entries(details)) if (value !== undefined && value !== null) this[name] = value;
  }
}

const native = loadNative();

class Agent {
  #native = new native.NativeAgent();
  #identity;

  static async migrate(options) {
    const { env, ...rest } = checkedOptions(options, 0);
    return heard(rest, (text, cancel, listener) =>
      native.NativeAgent.migrate(text ?? '{}', environment(env), cancel, listener),
    );
  }

  static async create(options) {
    const agent = new Agent();
    const { env, ...rest } = checkedOptions(options, 0);
    settle(await agent.#native.create(encode(rest), environment(env)));
    return agent;
  }

  async load(config, options) {
    return settle(await this.#native.load(...loadArguments(config, options)));
  }

  loadSync(config, options) {
    return settle(this.#native.loadSync(...loadArguments(config, options)));
  }

  async close() {
    settle(await this.#native.close());
  }

  get id() {
    return this.#who().id;
  }

  get version() {
    return this.#who().version;
  }

  get algorithm() {
    return this.#who().algorithm;
  }

  get publicKey() {
    return Buffer.from(this.#who().publicKey, 'base64');
  }

  get agentDocument() {
    return this.#who().agentDocument;
  }

  async createDocument(json, ...rest) {
    const [text, call] = [textOf(json), createArguments(rest)];
    const sources = call.attachments?.areStreamed ? await spooled(call) : call.attachments?.sources;
    return settle(await this.#native.createDocument(text, call.options, call.cancel, sources, call.progress));
  }

  createDocumentSync(json, ...rest) {
    const { options, cancel, attachments } = withoutStreams(createArguments(rest));
    return settle(this.#native.createDocumentSync(textOf(json), options, cancel, attachments?.sources));
  }

  async createDocuments(all, options) {
    if (!guarded(() => Array.isArray(all))) throw input('the documents must be an array');
    const { progress, ...rest } = withProgress(checkedOptions(options, 1));
    return settle(
      await this.#native.createDocuments(
        guarded(() => all.map(itemOf)),
        encode(rest),
        progress,
        cancelOf(rest),
      ),
    );
  }

  async getDocument(key, options) {
    return settle(await this.#native.getDocument(key, ...encoded(options)));
  }

  getDocumentSync(key, options) {
    return settle(this.#native.getDocumentSync(key, ...encoded(options)));
  }

  async updateDocument(key, json, ...rest) {
    const [text, call] = [textOf(json), updateArguments(rest)];
    const sources = call.attachments?.areStreamed ? await spooled(call) : call.attachments?.sources;
    return settle(await this.#native.updateDocument(key, text, call.options, call.cancel, sources, call.progress));
  }

  updateDocumentSync(key, json, ...rest) {
    const { options, cancel, attachments } = withoutStreams(updateArguments(rest));
    return settle(this.#native.updateDocumentSync(key, textOf(json), options, cancel, attachments?.sources));
  }

  async saveDocument(signed) {
    return settle(await this.#native.saveDocument(signed));
  }

  async removeDocument(key, options) {
    settle(await this.#native.removeDocument(key, ...encoded(options)));
  }

  listDocuments(options) {
    return this.#pages('documents', options);
  }

  listAgents(options) {
    return this.#pages('agents', options);
  }

  async versions(id) {
    return parsed(await this.#native.versions(id));
  }

  async verifyDocument(json, options) {
    return settle(await this.#native.verifyDocument(textOf(json), ...encoded(options)));
  }

  verifyDocumentSync(json, options) {
    return settle(this.#native.verifyDocumentSync(textOf(json), ...encoded(options)));
  }

  async assertDocument(json, options) {
    return parsed(await this.#native.assertDocument(textOf(json), ...encoded(options)));
  }

  async inspectDocument(jsonOrKey, options) {
    return parsed(await this.#native.inspectDocument(jsonOrKey, ...encoded(options)));
  }

  readAttachment(jsonOrKey, path, options) {
    return streamOf(() => new native.AttachmentReader(this.#native, jsonOrKey, path, ...encoded(options)), settle);
  }

  async saveAttachments(jsonOrKey, directory, options) {
    const { progress, ...rest } = withProgress(checkedOptions(options, 2));
    return settle(await this.#native.saveAttachments(jsonOrKey, directory, encode(rest), cancelOf(rest), progress));
  }

  async exportArchive(file, options) {
    return heard(checkedOptions(options, 1), (...call) => this.#native.exportArchive(file, ...call));
  }

  async importArchive(file, options) {
    return heard(checkedOptions(options, 1), (...call) => this.#native.importArchive(file, ...call));
  }

  static async importArchive(config, file, options) {
    const { env, ...rest } = checkedOptions(options, 2);
    const place = configuration(config);
    return heard(rest, (text, ...call) =>
      native.NativeAgent.importInto(...place, file, text, environment(env), ...call),
    );
  }

  async exportBundle(file, options) {
    return heard(checkedOptions(options, 1), (...call) => this.#native.exportBundle(file, ...call));
  }

  static async verifyBundle(file, options) {
    const { config, env, ...rest } = checkedOptions(options, 1);
    const { options: text, cancel } = withCancel(rest);
    const place = given(config) ? configuration(config) : [undefined, undefined];
    return parsed(await native.NativeAgent.verifyBundle(file, ...place, text, environment(env), cancel));
  }

  async mirror(to, options) {
    const place = configuration(to);
    return heard(checkedOptions(options, 1), (...call) => this.#native.mirror(...place, ...call));
  }

  async check(options) {
    return heard(checkedOptions(options, 0), (...call) => this.#native.check(...call));
  }

  async verifyHistory(id, options) {
    return parsed(await this.#native.verifyHistory(id, ...encoded(options)));
  }

  async doctor(options) {
    return parsed(await this.#native.doctor(...encoded(options)));
  }

  async changePassword(options) {
    settle(await this.#native.changePassword(...encoded(options)));
  }

  async trustAgent(agentJson) {
    settle(await this.#native.trustAgent(textOf(agentJson)));
  }

  async untrustAgent(id, options) {
    settle(await this.#native.untrustAgent(id, ...encoded(options)));
  }

  async trustedAgents() {
    return parsed(await this.#native.trustedAgents());
  }

  dnsRecord(options) {
    return settle(this.#native.dnsRecord(encode(checkedOptions(options, 0))));
  }

  async presign(key, options) {
    return settle(await this.#native.presign(key, ...encoded(options)));
  }

  async rotateKeys(options) {
    const { env, ...rest } = checkedOptions(options, 0);
    try {
      settle(await this.#native.rotateKeys(encode(rest), environment(env)));
    } finally {
      this.#identity = undefined;
    }
  }

  async updateAgent(changes) {
    try {
      return settle(await this.#native.updateAgent(encode(checkedOptions(changes, 0))));
    } finally {
      this.#identity = undefined;
    }
  }

  async *#pages(kind, options) {
    const listing = new native.Listing(this.#native, kind, ...encoded(options));
    try {
      for (let page; (page = parsed(await listing.next())) !== undefined;) yield* page;
    } finally {
      listing.close();
    }
  }

  #who() {
    return (this.#identity ??= parsed(this.#native.identity()));
  }
}

/** Native calls give back a string, a list of them, a boolean, a number, bytes or nothing; another object is a failure. */
function settle(result) {
  const isFailure =
    typeof result === 'object' && result !== null && !Array.isArray(result) && !ArrayBuffer.isView(result);
  if (isFailure) throw new JacsError(result);
  return result ?? undefined;
}

function parsed(result) {
  const text = settle(result);
  return text === undefined ? undefined : JSON.parse(text);
}

function input(message, cause, code = 'JACS_INPUT') {
  return new JacsError({ code, message, cause });
}

/** A document as text. What JSON.stringify would silently turn into null is refused. */
function textOf(json) {
  if (typeof json !== 'object' || json === null) return json;
  return guarded(() => JSON.stringify(json, faithful));
}

/** Bytes, maps, sets, promises, errors and the like would become `{}` or lists of numbers without a word. */
const JSON_KINDS = new Set(
  ['Null', 'Object', 'Array', 'Date', 'String', 'Number', 'Boolean'].map((kind) => `[object ${kind}]`),
);

/** Called with the object that holds `value`, which is what its toJSON gave, where it has one. */
function faithful(name, value) {
  const number = value instanceof Number ? Number(value) : value;
  if (typeof number === 'number' && !Number.isFinite(number)) throw input(`a number is not finite (field: ${name})`);
  if (typeof value !== 'object') return value;
  const given = this[name];
  if (value === null && Object.prototype.toString.call(given) === '[object Date]')
    throw input(`a date is not valid (field: ${name})`);
  if (!JSON_KINDS.has(Object.prototype.toString.call(given))) {
    throw input(`a value is not JSON, nor writes itself as JSON (field: ${name})`);
  }
  return value;
}

/** An item of a batch; one that cannot be written is a failure of its own, which native code lists with the others. */
function itemOf(json) {
  try {
    return textOf(json);
  } catch (error) {
    return error;
  }
}

/** An object in second place is the options, and the last argument. */
function createArguments([schema, filename, noSave, attachments, embed, ...more]) {
  if (typeof schema === 'object' && schema !== null) {
    if ([filename, noSave, attachments, embed, ...more].some(given)) throw input('the options are the last argument');
    return withAttachments(checkedOptions(schema, 1));
  }
  if (!given(schema) && !given(filename) && !given(attachments) && !given(embed)) {
    return given(noSave) ? { options: encode({ noSave }) } : NO_OPTIONS;
  }
  return withAttachments({ schema, filename, noSave, attachments, embed });
}

function updateArguments([attachments, embed, ...more]) {
  if (typeof attachments === 'object' && attachments !== null && !Array.isArray(attachments)) {
    if ([embed, ...more].some(given)) throw input('the options are the last argument');
    return withAttachments(checkedOptions(attachments, 2));
  }
  return given(attachments) || given(embed) ? withAttachments({ attachments, embed }) : NO_OPTIONS;
}

/** What is not JSON is taken out of the options: the signal, whoever hears of progress, and the bytes of attachments. */
function withAttachments(options) {
  const { progress, ...rest } = withProgress(options);
  const attachments = given(rest.attachments)
    ? guarded(() => new Attachments(rest.attachments, { native, input }))
    : undefined;
  return { ...withCancel({ ...rest, attachments: attachments?.list }), signal: rest.signal, progress, attachments };
}

function spooled({ attachments, signal }) {
  return attachments.spooled(signal, { native, input, settle });
}

function withoutStreams(call) {
  if (call.attachments?.areStreamed) throw input('a stream needs the call that gives a promise');
  return call;
}

function withProgress({ onProgress, ...rest }) {
  if (given(onProgress) && typeof onProgress !== 'function') throw input('onProgress must be a function');
  return { ...rest, progress: onProgress ? (text) => onProgress(JSON.parse(text)) : undefined };
}

/** A long call: what it finds and how far it is comes through a listener, and all of it before the promise is settled. */
async function heard({ onProgress, onFinding, ...rest }, call) {
  for (const [name, hears] of Object.entries({ onProgress, onFinding }))
    if (given(hears) && typeof hears !== 'function') throw input(`${name} must be a function`);
  const { options, cancel } = withCancel(rest);
  let listener;
  const tell = () => {
    for (const text of listener?.take() ?? []) {
      const { finding, progress } = JSON.parse(text);
      try {
        if (finding) onFinding(finding);
        else onProgress(progress);
      } catch (error) {
        // A mistake of the listener is no outcome of the call, and keeps nobody from hearing the rest.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
  if (onProgress || onFinding) listener = new native.Listener(tell, given(onProgress), given(onFinding));
  try {
    return parsed(await call(options, cancel, listener));
  } finally {
    tell();
  }
}

/** A configuration as a path or as text, one of the two. */
function configuration(config) {
  const isObject = typeof config === 'object' && config !== null;
  return isObject ? [undefined, textOf(config)] : [config, undefined];
}

function loadArguments(config, options) {
  const { env, ...rest } = checkedOptions(options, 1);
  return [...configuration(config), encode(rest), environment(env)];
}

const NO_OPTIONS = { options: undefined, cancel: undefined };
const given = (value) => value !== undefined && value !== null;

function checkedOptions(options, place) {
  if (!given(options)) return {};
  // Of an object of a class, options that stand in the class would be passed over.
  if (!guarded(() => isPlain(options))) throw input(`argument ${place + 1} must be a plain object of options`);
  return guarded(() => ({ ...options }));
}

function isPlain(value) {
  if (typeof value !== 'object') return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What a getter or a proxy of the caller throws becomes the cause of an error of ours. */
function guarded(read) {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof JacsError ? cause : input('an argument cannot be read', cause);
  }
}

function encoded(options) {
  if (!given(options)) return [];
  const { options: text, cancel } = withCancel(checkedOptions(options, 1));
  return [text, cancel];
}

function withCancel(options) {
  return { options: encode(options), cancel: cancelOf(options) };
}

/** Options as text; native code knows their names. Only the signal stays here. */
function encode({ signal: _, ...options }) {
  for (const [name, value] of Object.entries(options)) {
    if (['function', 'symbol', 'bigint'].includes(typeof value))
      throw input(`an option is not of its type (option: ${name})`);
  }
  return textOf(options);
}

function environment(env) {
  if (given(env) && typeof env !== 'object') throw input('env must be an object');
  return guarded(() => JSON.stringify(Object.fromEntries(Object.entries(env ?? process.env))) ?? '{}');
}

/** One token a signal, however many calls share it. */
const tokens = new WeakMap();

function cancelOf({ signal }) {
  if (!given(signal)) return undefined;
  if (!guarded(() => typeof signal.addEventListener === 'function')) throw input('signal must be an AbortSignal');
  let token = tokens.get(signal);
  if (!token) {
    token = new native.Cancel();
    guarded(() => signal.addEventListener('abort', () => token.cancel(), { once: true }));
    tokens.set(signal, token);
  }
  if (signal.aborted) token.cancel();
  return token;
}

function causeOf([first, ...rest]) {
  return new Error(first, rest.length ? { cause: causeOf(rest) } : undefined);
}

function loadNative() {
  try {
    return require('./native.js');
  } catch (cause) {
    const message = `no native addon for ${process.platform} ${process.arch} in this package: build one with \`npm run build\` in its source tree`;
    throw new JacsError({ code: 'JACS_UNSUPPORTED', message, cause });
  }
}

module.exports = { Agent, JacsAgent: Agent, JacsError };
