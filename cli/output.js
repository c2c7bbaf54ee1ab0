'use strict';
// Writing to the standard streams.

/** One of the process's output streams. Nobody reading any more (EPIPE) is no error: what is written then is dropped. */
class Output {
  /** Why nothing can be written any more. */
  failure;
  #stream;

  constructor(stream) {
    this.#stream = stream;
    // Without a listener the error would also be thrown out of band, as an uncaught exception.
    stream.on('error', (error) => this.#fail(error));
  }

  /** Nobody reads any more, so that a listing may stop. */
  get closed() {
    return this.failure?.code === 'EPIPE';
  }

  get isTerminal() {
    return this.#stream.isTTY === true;
  }

  /** Resolves when the text has left, so that a slow reader slows the writer down instead of filling the memory. */
  write(text) {
    return new Promise((resolve, reject) => {
      const settle = () => (this.failure && !this.closed ? reject(this.failure) : resolve());
      if (this.failure) {
        settle();
        return;
      }
      this.#stream.write(text, (error) => {
        if (error) this.#fail(error);
        settle();
      });
    });
  }

  /** A document: exactly the stored bytes, then a line end. */
  document(text) {
    return this.write(`${text}\n`);
  }

  json(value) {
    return this.write(`${JSON.stringify(value)}\n`);
  }

  /** Cells in columns on a terminal, else separated by tabs for `cut` and `awk`. The last column is never padded. */
  row(cells, widths = []) {
    const texts = cells.map((cell) => printable(String(cell ?? '-')));
    const padded = texts.map((text, column) => (column < texts.length - 1 ? text.padEnd(widths[column] ?? 0) : text));
    return this.write(this.isTerminal ? `${padded.join('  ')}\n` : `${texts.join('\t')}\n`);
  }

  #fail(error) {
    this.failure ??= error.code === 'EPIPE' ? error : unwritable(error);
  }
}

/** Standard error: there is no place left to complain about it. */
class Notes extends Output {
  async write(text) {
    await super.write(text).catch(() => undefined);
  }
}

function unwritable(cause) {
  const error = new Error('standard output cannot be written', { cause });
  return Object.assign(error, { code: 'JACS_UNAVAILABLE', retryable: true });
}

/** Text of others on one line: control characters could move the cursor, or forge a second line. */
function printable(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

module.exports = { Notes, Output, printable };
