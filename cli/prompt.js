'use strict';
// Questions at the terminal. They go to standard error, so that standard output stays clean.

const { Refusal } = require('./failure.js');

const BACKSPACES = [0x08, 0x7f];
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;

function canAsk() {
  return process.stdin.isTTY === true;
}

/** Asks without showing what is typed. */
async function askHidden(question, signal) {
  const { stdin, stderr } = process;
  // Before the question: who answers at once must not see the answer either.
  stdin.setRawMode(true);
  stderr.write(question);
  try {
    const answer = await readLine(signal);
    if (answer === undefined) throw new Refusal('JACS_PASSWORD', 'no password was typed');
    return answer;
  } finally {
    stdin.setRawMode(false);
    stderr.write('\n');
  }
}

/** Asks twice, since nobody sees a slip. */
async function askNew(question, signal) {
  const first = await askHidden(`${question}: `, signal);
  const second = await askHidden(`${question}, again: `, signal);
  if (first !== second) throw new Refusal('JACS_PASSWORD', 'the two passwords differ');
  return first;
}

/** Whether the answer is yes; the end of input is no. */
async function confirm(question, signal) {
  process.stderr.write(`${question} [y/N] `);
  return /^\s*y(es)?\s*$/i.test((await readLine(signal)) ?? '');
}

/** One line of standard input, `undefined` at its end. In raw mode the keys that a terminal handles itself are handled here. */
function readLine(signal) {
  const { stdin } = process;
  const { promise, resolve, reject } = withResolvers();
  const line = new Line();
  const onData = (chunk) => {
    const rest = line.take(chunk);
    if (rest === undefined) return;
    // What was pasted behind the line belongs to the next question, or is the document.
    stdin.off('data', onData).pause();
    if (rest.length) stdin.unshift(rest);
    resolve(line.text);
  };
  const onEnd = () => resolve(line.text || undefined);
  const onAbort = () => reject(signal.reason);
  // Resumed by hand: a stream that was paused stays so when it gets a listener.
  stdin.on('data', onData).once('end', onEnd).resume();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise.finally(() => {
    stdin.off('data', onData).off('end', onEnd).pause();
    signal.removeEventListener('abort', onAbort);
  });
}

class Line {
  #bytes = [];
  #ended = false;

  /** `undefined` when the line was ended by Ctrl-D with nothing typed. */
  get text() {
    return this.#ended ? undefined : Buffer.from(this.#bytes).toString('utf8');
  }

  /** The bytes behind the line once it is whole, else nothing. */
  take(chunk) {
    for (const [at, byte] of chunk.entries()) {
      if (byte === CTRL_D && this.#bytes.length === 0) this.#ended = true;
      if (byte === CTRL_D || byte === LINE_FEED || byte === RETURN) return chunk.subarray(at + 1 + isPair(chunk, at));
      if (byte === CTRL_C) process.emit('SIGINT');
      else if (byte === CTRL_U) this.#bytes = [];
      else if (BACKSPACES.includes(byte)) this.#dropCharacter();
      else this.#bytes.push(byte);
    }
    return undefined;
  }

  #dropCharacter() {
    // UTF-8: continuation bytes are 10xxxxxx, before them stands the one that leads.
    while ((this.#bytes.at(-1) & 0xc0) === 0x80) this.#bytes.pop();
    this.#bytes.pop();
  }
}

const isPair = (chunk, at) => Number(chunk[at] === RETURN && chunk[at + 1] === LINE_FEED);

function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => {
    Object.assign(parts, { resolve, reject });
  });
  return parts;
}

module.exports = { askHidden, askNew, canAsk, confirm };
