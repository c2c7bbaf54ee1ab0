'use strict';
// Streams that fail, that cannot be read, or that nobody reads to the end: no document, and nothing is left behind.

const { Readable } = require('node:stream');
const { newAgent, refusal } = require('../support/agents.js');
const { bytesOf, noise, nothingMade, soon } = require('../support/attachments.js');
const { startAgent } = require('../support/child.js');
const { filesUnder } = require('../support/folder.js');

let place;
let agent;
let before;

beforeAll(async () => {
  place = await newAgent();
  agent = place.agent;
  await agent.createDocument({ title: 'stored' });
});

beforeEach(() => {
  before = filesUnder(place.data);
});

const create = (attachments, options) => agent.createDocument({ title: 'x' }, { attachments, ...options });

describe('a stream that fails', () => {
  const cause = new RangeError('mine');
  const FAILING = {
    async *'an iterable that throws'() {
      yield noise(10);
      throw cause;
    },
    'an iterable that throws at once': () => ({
      [Symbol.asyncIterator]() {
        throw cause;
      },
    }),
    'a web stream': () =>
      new ReadableStream({
        pull(controller) {
          controller.error(cause);
        },
      }),
    'a stream of node': () =>
      new Readable({
        read() {
          this.destroy(cause);
        },
      }),
  };

  test.each(Object.entries(FAILING))('%s: its error is the cause', async (_, contents) => {
    for (const embed of [undefined, true]) {
      const error = await refusal(create({ path: 'x', contents: contents() }, { embed }), 'JACS_ATTACHMENT');
      expect(error.cause).toBe(cause);
      nothingMade(place.data, before);
    }
  });

  test.each([
    ['text', 'text'],
    ['a number', 7],
    ['an object', {}],
    ['null', null],
    ['a list of numbers', [1, 2]],
    ['numbers of two bytes', new Uint16Array(2)],
  ])('one that gives %s in place of bytes', async (_, chunk) => {
    async function* chunks() {
      yield noise(10);
      yield chunk;
    }
    for (const embed of [undefined, true]) {
      await refusal(create({ path: 'x', contents: chunks() }, { embed }), 'JACS_INPUT');
      nothingMade(place.data, before);
    }
  });

  test('one of node that is closed too early', async () => {
    const stream = new Readable({ read() {} });
    stream.push(noise(10));
    setTimeout(() => stream.destroy(), 10);
    await refusal(create({ path: 'x', contents: stream }), 'JACS_ATTACHMENT');
    nothingMade(place.data, before);
  });

  test('one that somebody else reads', async () => {
    const locked = new ReadableStream();
    locked.getReader();
    await refusal(create({ path: 'x', contents: locked }), 'JACS_ATTACHMENT');
    nothingMade(place.data, before);
  });

  test.each([
    ['of node', () => Readable.from([noise(10)])],
    ['of the web', () => new Response(noise(10)).body],
  ])('one %s that was read already', async (_, make) => {
    const used = make();
    await bytesOf(used);
    const { code } = await create({ path: 'x', contents: used }).catch((error) => error);
    expect(code).toMatch(/^JACS_(INPUT|ATTACHMENT)$/);
  });

  /** Whether a stream was told, of a call that fails for another reason. */
  async function told(bad) {
    let ended = false;
    const contents = new Readable({ read() {} }).on('close', () => {
      ended = true;
    });
    contents.push(noise(10));
    setTimeout(() => contents.push(null), 100);
    await refusal(create([bad, { path: 'x', contents }]), 'JACS_ATTACHMENT');
    await soon(() => ended);
  }

  test('the other streams of the call are told', async () => {
    await told({ path: 'y', contents: Readable.from(['text']).map(() => Promise.reject(cause)) });
  });

  test('a stream beside a file that is missing is told', () => told('missing'));
});

/** Runs in a process of its own, where nothing urges the garbage collector: how many files without names are left. */
async function leftOver({ agent, attempt, require }, kind) {
  const fs = require('node:fs');
  const { Readable } = require('node:stream');
  const { setTimeout: sleep } = require('node:timers/promises');
  const open = () => {
    const targets = fs.readdirSync('/proc/self/fd').map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    return targets.filter((target) => target.endsWith(' (deleted)')).length;
  };
  for (let n = 0; n < 8; n++) {
    const pieces = [Buffer.alloc(1000, n), ...(kind === 'failing' ? [7] : [])];
    const stream = { path: 'x', contents: Readable.from(pieces) };
    const attachments = kind === 'beside one that is missing' ? [stream, '/missing'] : stream;
    await attempt(agent.createDocument({}, { attachments }));
  }
  await sleep(100);
  return open();
}

test.each(['attached', 'failing', 'beside one that is missing'])('what a stream gave is not kept: %s', async (kind) => {
  const child = await startAgent(place);
  expect(await child.run(leftOver, kind)).toEqual({ value: 0 });
});
