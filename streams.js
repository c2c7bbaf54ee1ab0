'use strict';
// Streams: those that become attachments, and those that attachments are read as.

const os = require('node:os');
const { isDisturbed } = require('node:stream');
const { ReadableStream } = require('node:stream/web');
const { isUint8Array } = require('node:util/types');

/** Bytes that were given to another thread look like none. */
const isDetached = (buffer) => {
  try {
    return new Uint8Array(buffer, 0, 0).length > 0;
  } catch {
    return true;
  }
};
const given = (value) => value !== undefined && value !== null;
const isBytes = (value) => isUint8Array(value) && !isDetached(value.buffer);
const isStream = (value) => typeof value === 'object' && typeof value[Symbol.asyncIterator] === 'function';

/** Attachments in the form of native code: their contents are numbers, and the sources say what the numbers stand for. */
class Attachments {
  #sources;
  #streams;

  /** Bytes are copied now. */
  constructor(attachments, { native, input }) {
    this.#sources = new native.Sources();
    const streamed = [];
    this.list = (Array.isArray(attachments) ? attachments : [attachments]).map((item) => {
      if (typeof item === 'string') return { path: item };
      if (typeof item !== 'object' || item === null || typeof item.path !== 'string')
        throw input('an attachment must be a path, or an object with `path`');
      const { contents, ...entry } = item;
      if (!given(contents)) return entry;
      if (isBytes(contents)) return { ...entry, contents: this.#sources.bytes(contents) };
      if (!isStream(contents)) throw input('the contents of an attachment must be a Uint8Array, or a stream of them');
      if (isDisturbed(contents) || streamed.some((other) => other.contents === contents))
        throw input('the stream of an attachment was read from already, or is given twice');
      streamed.push({ entry, contents });
      return entry;
    });
    const before = this.list.filter((entry) => entry.contents !== undefined).length;
    for (const [index, { entry }] of streamed.entries()) entry.contents = before + index;
    this.#streams = streamed.map(({ contents }) => contents);
  }

  get areStreamed() {
    return this.#streams.length > 0;
  }

  get sources() {
    return this.#sources;
  }

  /** Reads the streams to their ends, into files without names. */
  async spooled(signal, { native, input, settle }) {
    const readers = this.#streams.splice(0).map(readerOf);
    try {
      for (const reader of readers) {
        const spool = new native.Spool(os.tmpdir());
        try {
          for await (const piece of pieces(reader, signal, input)) {
            if (!isBytes(piece)) throw input('a stream of an attachment gave something else than a Uint8Array');
            settle(await spool.write(piece));
          }
          settle(this.#sources.spooled(spool));
        } finally {
          spool.clear();
        }
      }
    } catch (error) {
      this.#sources.clear();
      // Of none of them anything more is wanted. Not waited for: who hangs in its next piece may hang in this, too.
      for (const reader of readers) reader.stop(error);
      throw error;
    }
    return this.#sources;
  }
}

/** How the next piece of a stream is asked for, and how it is told that no further one is wanted. */
function readerOf(contents) {
  const quietly = (end) => {
    Promise.resolve()
      .then(end)
      .catch(() => {});
  };
  if (typeof contents.getReader === 'function') {
    let reader;
    const open = () => (reader ??= contents.getReader());
    return { next: async () => open().read(), stop: (reason) => quietly(() => open().cancel(reason)) };
  }
  let iterator;
  const next = async () => (iterator ??= contents[Symbol.asyncIterator]()).next();
  if (typeof contents.destroy === 'function') return { next, stop: () => quietly(() => contents.destroy()) };
  return { next, stop: () => quietly(() => iterator?.return?.()) };
}

/** The pieces of a stream, until somebody has aborted: it may never give another one. */
async function* pieces(reader, signal, input) {
  const aborted = () => input('the call was aborted by its signal', undefined, 'JACS_ABORTED');
  let stop;
  // A promise for each piece: one that lived as long as the stream would hold on to all pieces that were raced with it.
  const next = () =>
    new Promise((resolve, reject) => {
      stop = () => reject(aborted());
      reader
        .next()
        .then(resolve, (error) => reject(input('the stream of an attachment failed', error, 'JACS_ATTACHMENT')));
    });
  const abort = () => stop?.();
  signal?.addEventListener('abort', abort);
  try {
    for (;;) {
      if (signal?.aborted) throw aborted();
      const { done, value } = await next();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** A stream of what a reader gives. It fails where the reader does, also where none could be made. */
function streamOf(makeReader, settle) {
  let reader;
  let failure;
  try {
    reader = makeReader();
  } catch (error) {
    failure = error;
  }
  return new ReadableStream(
    {
      async pull(controller) {
        if (failure) throw failure;
        const piece = settle(await reader.next());
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
      cancel() {
        reader?.close();
      },
    },
    { highWaterMark: 0 },
  );
}

module.exports = { Attachments, streamOf };
