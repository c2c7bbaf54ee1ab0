'use strict';
// What every rejection is: an Error of this realm with a stable code, the caller's line in its stack, and its cause.

const fs = require('node:fs');
const path = require('node:path');
const { inspect } = require('node:util');
const { Agent, JacsAgent, JacsError } = require('../..');
const { root } = require('../support/addon.js');
const { keyOf, loadAgain, newAgent, refusal, storedText } = require('../support/agents.js');
const { temporaryFolder } = require('../support/folder.js');
const { succeed } = require('../support/run.js');
const { rehashed } = require('../support/witness.js');
const native = require('../../native.js');

const UNKNOWN = 'f47ac10b-58cc-4372-a567-0e02b2c3d479:f47ac10b-58cc-4372-a567-0e02b2c3d479';

let place;
let agent;
beforeAll(async () => {
  place = await newAgent();
  ({ agent } = place);
});

/** Calls that are refused, by code. */
const REFUSALS = {
  JACS_CONFIG: () => new Agent().doctor(),
  JACS_INPUT: () => agent.createDocument('[1]'),
  JACS_SCHEMA: () => agent.createDocument({ a: 1 }, { schema: { type: 'object', required: ['b'] }, noSave: true }),
  JACS_NOT_FOUND: () => agent.getDocument(UNKNOWN),
  JACS_CONFLICT: () => Agent.create({ configPath: place.config, password: 'Correct-Horse-7', env: {} }),
  JACS_HASH: async () => agent.assertDocument(tampered(await signed())),
  JACS_SIGNATURE: async () => agent.assertDocument(unsigned(await signed())),
  JACS_UNTRUSTED: async () => agent.assertDocument(await signed(), { signedBy: UNKNOWN.split(':')[0] }),
  JACS_KEY: () => new Agent().load({ jacs_key_directory: temporaryFolder() }, { password: 'x', env: {} }),
  JACS_PASSWORD: () => new Agent().load(place.config, { password: 'wrong', env: {} }),
  JACS_PERMISSION: async () => (await loadAgain(place, {}, { readOnly: true })).createDocument({ a: 1 }),
  JACS_UNSUPPORTED: () => loadAgain(place, { jacs_default_storage: 'gcs', jacs_data_directory: 'gcs://bucket' }),
  JACS_ABORTED: () => agent.createDocument({ a: 1 }, { signal: AbortSignal.abort() }),
};

function signed() {
  return agent.createDocument({ a: 1 }, { noSave: true });
}

function tampered(text) {
  return JSON.stringify({ ...JSON.parse(text), a: 2 });
}

/** Without a signature, and with a hash that holds. */
function unsigned(text) {
  return rehashed({ ...JSON.parse(text), jacsSignature: undefined });
}

/** The error of a call, caught by the function that waits for it: its line is then the caller's. */
async function caught(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('not refused');
}

describe.each(Object.entries(REFUSALS))('%s', (code, call) => {
  test('is an Error, a JacsError, and has its fields', async () => {
    const error = await caught(call);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(JacsError);
    expect(Object.getPrototypeOf(JacsError.prototype)).toBe(Error.prototype);
    expect(error).toMatchObject({ name: 'JacsError', code, retryable: false });
    expect(error.message).toMatch(/^\S.*[^.\s]$/);
    expect(String(error)).toBe(`JacsError: ${error.message}`);
    expect(error.stack.startsWith(`JacsError: ${error.message}\n`)).toBe(true);
    expect(inspect(error)).toContain(code);
    for (const name of ['key', 'path', 'document', 'current', 'heads', 'documents', 'failures']) {
      expect(error[name]).not.toBeNull();
      if (error[name] === undefined) expect(Object.keys(error)).not.toContain(name);
    }
  });
});

test('the class goes by both names', () => {
  expect(JacsAgent).toBe(Agent);
  expect(new JacsAgent()).toBeInstanceOf(Agent);
});

describe('the codes', () => {
  /** The members of the union in index.d.ts. */
  function declared() {
    const types = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8');
    const [, union] = types.match(/export type JacsErrorCode =([^;]+);/);
    return union
      .split('|')
      .map((member) => member.trim())
      .filter(Boolean)
      .map((member) => member.match(/^'(JACS_[A-Z_]+)'$/)[1]);
  }

  test('index.d.ts declares those that native code has, in their order', () => {
    expect(declared()).toEqual(native.errorCodes());
    expect(new Set(declared()).size).toBe(declared().length);
  });

  test('none has been renamed', () => {
    expect(declared()).toEqual([
      ...['JACS_CONFIG', 'JACS_INPUT', 'JACS_SCHEMA', 'JACS_NOT_FOUND', 'JACS_CONFLICT', 'JACS_HASH', 'JACS_SIGNATURE'],
      ...['JACS_UNTRUSTED', 'JACS_KEY', 'JACS_PASSWORD', 'JACS_ATTACHMENT', 'JACS_PERMISSION', 'JACS_UNSUPPORTED'],
      ...['JACS_UNAVAILABLE', 'JACS_ABORTED', 'JACS_INTERNAL'],
    ]);
  });

  test('the documentation names no other', () => {
    const mentioned = new Set(fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8').match(/JACS_[A-Z_]+/g));
    const variables = ['JACS_PRIVATE_KEY_PASSWORD', 'JACS_PASSWORD_FILE'];
    expect([...mentioned].filter((name) => !declared().includes(name)).sort()).toEqual(variables.sort());
  });
});

describe('the stack shows the caller’s line', () => {
  /** The line of this file in which `here` was called, `below` lines down. */
  function here(below) {
    const [, line] = new Error().stack.split('\n')[2].match(/errors\.test\.js:(\d+)/);
    return `errors.test.js:${Number(line) + below}:`;
  }

  test.each(Object.entries(REFUSALS).filter(([, call]) => call.constructor.name === 'Function'))(
    'of a promise that is awaited: %s',
    async (_, call) => {
      const error = await caught(call);
      expect(error.stack).toContain('errors.test.js:');
    },
  );

  test('the very line, asynchronous', async () => {
    let error;
    const line = here(2);
    try {
      await agent.getDocument(UNKNOWN);
    } catch (reason) {
      error = reason;
    }
    expect(error.stack).toContain(line);
  });

  test('the very line, synchronous', () => {
    let error;
    const line = here(2);
    try {
      agent.getDocumentSync(UNKNOWN);
    } catch (reason) {
      error = reason;
    }
    expect(error.stack).toContain(line);
  });

  test('the very line of load, create and a listing', async () => {
    const errors = [];
    const lines = [here(2)];
    try {
      await new Agent().load('/no/such/configuration');
    } catch (reason) {
      errors.push(reason);
    }
    lines.push(here(2));
    try {
      await Agent.create({ nmae: 'x' });
    } catch (reason) {
      errors.push(reason);
    }
    lines.push(here(2));
    try {
      for await (const entry of agent.listDocuments({ limit: -1 })) expect(entry).toBeUndefined();
    } catch (reason) {
      errors.push(reason);
    }
    expect(errors).toHaveLength(3);
    for (const [index, error] of errors.entries()) expect(error.stack).toContain(lines[index]);
  });

  test('in a process of its own too, several functions up', async () => {
    const folder = temporaryFolder();
    const script = path.join(folder, 'service.js');
    fs.writeFileSync(
      script,
      `const { Agent } = require(${JSON.stringify(root)});
async function readNewest(agent) {
  return agent.getDocument(${JSON.stringify(UNKNOWN)}).then((text) => text);
}
async function handle(agent) {
  await readNewest(agent);
}
const agent = new Agent();
agent.loadSync(${JSON.stringify(place.config)}, ${JSON.stringify({ password: place.password, env: {} })});
handle(agent).catch((error) => console.log(error.stack));
`,
    );
    const stack = await succeed(process.execPath, [script]);
    expect(stack).toContain('service.js:6');
  });
});

describe('details', () => {
  test('key: of the document that the error is about', async () => {
    expect((await refusal(agent.getDocument(UNKNOWN), 'JACS_NOT_FOUND')).key).toBe(UNKNOWN);
    const [id] = UNKNOWN.split(':');
    expect((await refusal(agent.getDocument(id), 'JACS_NOT_FOUND')).key).toBe(id);
    const text = await signed();
    expect((await refusal(agent.assertDocument(tampered(text)), 'JACS_HASH')).key).toBe(keyOf(text));
  });

  test('path: of the file that the error is about', async () => {
    const missing = path.join(place.folder, 'missing.json');
    expect((await refusal(new Agent().load(missing), 'JACS_CONFIG')).path).toBe(missing);
    const { config } = await newAgent();
    const [before, options] = [fs.readFileSync(config, 'utf8'), { password: place.password, env: {} }];
    expect((await refusal(Agent.create({ configPath: config, ...options }), 'JACS_CONFLICT')).path).toBe(config);
    expect(fs.readFileSync(config, 'utf8')).toBe(before);
  });

  test('current and heads: of an update that came too late', async () => {
    const first = await agent.createDocument({ n: 1 });
    const second = await agent.updateDocument(keyOf(first), { n: 2 });
    const error = await refusal(agent.updateDocument(keyOf(first), { n: 3 }), 'JACS_CONFLICT');
    expect(error).toMatchObject({ current: keyOf(second), heads: [keyOf(second)] });
  });

  test('document: what was signed and could not be stored; saving it is the retry', async () => {
    const data = path.join(temporaryFolder(), 'data');
    fs.writeFileSync(data, 'a file stands where the data directory should be');
    const other = await loadAgain({ ...place, data });
    const error = await caught(() => other.createDocument({ precious: true }));
    expect(error.code).toMatch(/^JACS_(UNAVAILABLE|PERMISSION|CONFIG)$/);
    expect(JSON.parse(error.document)).toMatchObject({ precious: true });
    expect(error.key).toBe(keyOf(error.document));
    expect(await other.verifyDocument(error.document)).toBe(true);
    fs.rmSync(data);
    expect(await other.saveDocument(error.document)).toBe(error.document);
    expect(storedText(data, error.key)).toBe(error.document);
  });

  test('documents and failures: of a batch', async () => {
    const error = await refusal(agent.createDocuments([{ n: 0 }, '[]', { n: 2 }]), 'JACS_INPUT');
    expect(error.documents.map((text) => text && JSON.parse(text).n)).toEqual([0, null, 2]);
    expect(error.failures).toEqual([{ index: 1, code: 'JACS_INPUT', message: expect.any(String) }]);
  });
});

describe('the cause', () => {
  test('of the operating system’s refusal', async () => {
    const error = await refusal(new Agent().load('/no/such/configuration', { env: {} }), 'JACS_CONFIG');
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause.message).toContain('os error 2');
    expect(error.message).not.toContain('os error');
  });

  test('of an object that JSON.stringify refuses: its TypeError', async () => {
    const cycle = {};
    cycle.self = cycle;
    for (const value of [cycle, { a: 10n }]) {
      const error = await refusal(agent.createDocument(value), 'JACS_INPUT');
      expect(error.cause).toBeInstanceOf(TypeError);
      const sync = await caught(async () => agent.createDocumentSync(value));
      expect(sync).toMatchObject({ code: 'JACS_INPUT' });
      expect(sync.cause).toBeInstanceOf(TypeError);
    }
  });

  test('of an object whose toJSON throws: what it threw', async () => {
    const thrown = new RangeError('not today');
    const value = {
      toJSON() {
        throw thrown;
      },
    };
    expect((await refusal(agent.createDocument(value), 'JACS_INPUT')).cause).toBe(thrown);
  });

  test('is not there where there is none', async () => {
    for (const call of [REFUSALS.JACS_CONFIG, REFUSALS.JACS_INPUT, REFUSALS.JACS_ABORTED]) {
      expect(await caught(call)).not.toHaveProperty('cause');
    }
  });

  test('a chain of them ends', async () => {
    const data = path.join(temporaryFolder(), 'data');
    fs.writeFileSync(data, '');
    const other = await loadAgain({ ...place, data });
    let depth = 0;
    for (let { cause } = await caught(() => other.createDocument({ a: 1 })); cause; { cause } = cause) {
      expect(cause).toBeInstanceOf(Error);
      depth += 1;
    }
    expect(depth).toBeGreaterThan(0);
  });
});
