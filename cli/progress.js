'use strict';
// How far a long call is: a bar on standard error, on a terminal only, and only for what takes longer than a moment.

const { objects, sizeOf, timeOf } = require('./amounts.js');

const MOMENT = 500;
const WINDOW = 5_000;
const WIDEST = 30;
const NARROWEST = 5;

/** What is drawn: `share` of the bar, where the end is known, and what stands behind it. Empty parts are left out. */
const DRAWINGS = {
  /** Attachments: few, and of any size. */
  files({ done, total, bytes, totalBytes }, pace) {
    const share = totalBytes > 0 ? Math.min(bytes / totalBytes, 1) : undefined;
    const parts = [
      share === undefined ? sizeOf(bytes) : `${sizeOf(bytes)} of ${sizeOf(totalBytes)}`,
      pace.bytes > 0 && `${sizeOf(pace.bytes)}/s`,
      pace.bytes > 0 && share !== undefined && `${timeOf((totalBytes - bytes) / pace.bytes)} left`,
      total > 1 && `${done} of ${total} files`,
    ];
    return { share, parts };
  },
  /** Of a whole storage: many, and how many is known late. */
  objects({ done, total, bytes, failed }, pace, failures) {
    const share = total > 0 ? Math.min(done / total, 1) : undefined;
    const parts = [
      share === undefined ? objects(done) : `${done} of ${objects(total)}`,
      pace.done > 0 && `${pace.done < 10 ? pace.done.toFixed(1) : Math.round(pace.done)}/s`,
      pace.done > 0 && share !== undefined && `${timeOf((total - done) / pace.done)} left`,
      failed > 0 && `${failed} ${failures}`,
      sizeOf(bytes),
      pace.bytes > 0 && `${sizeOf(pace.bytes)}/s`,
    ];
    return { share, parts };
  },
};

/**
 * Shows how far `work(bar)` is. `drawing`: one of the above; `failures`: what those are called that failed.
 * `failed(error, latest)`: the error that is told when it failed, or was interrupted.
 */
async function withProgress({ notes }, { drawing, failures, failed }, work) {
  const bar = new ProgressBar(notes, (latest, pace) => DRAWINGS[drawing](latest, pace, failures));
  try {
    return await work(bar);
  } catch (error) {
    throw failed(error, bar.latest);
  } finally {
    bar.stop();
  }
}

class ProgressBar {
  /** What was told last; nothing before anything was. */
  latest;
  #delay;
  #bar;
  #draw;
  #pace;

  constructor(notes, draw) {
    this.#draw = draw;
    // A terminal that has no cursor to move would show every step.
    if (notes.isTerminal && process.env.TERM !== 'dumb') this.#delay = setTimeout(() => this.#show(), MOMENT);
  }

  /** To be handed to a call as `onProgress`. */
  onProgress = (progress) => {
    this.latest = progress;
    // What a call that goes on where another was stopped tells first, it has not done itself.
    this.#pace ??= new Pace(progress);
  };

  /** Writes whole lines while the bar is shown; it goes on below them. */
  above(write) {
    if (!this.#bar?.isActive) return write();
    const { terminal } = this.#bar;
    terminal.cursorTo(0);
    terminal.clearLine();
    const written = write();
    // In the end the bar is taken away where the cursor was saved.
    terminal.cursorSave();
    return written;
  }

  /** Takes the bar away: what is printed next starts on a clean line. */
  stop() {
    clearTimeout(this.#delay);
    this.#bar?.stop();
  }

  #show() {
    // Loaded here: most runs never show a bar.
    const { Format, SingleBar } = require('cli-progress');
    const format = (options, { maxWidth }) => {
      const draw = (share, barsize) => Format.BarFormat(share, { ...options, barsize });
      return this.#line(draw, maxWidth);
    };
    // With `linewrap` the library cuts its line by itself: a second Ctrl-C leaves the terminal's settings as they were.
    // With `forceRedraw` it draws a line again that `above` cleared. Signals are ours: it would swallow a SIGTERM.
    const looks = { barsize: WIDEST, clearOnComplete: true, linewrap: true, forceRedraw: true };
    this.#bar = new SingleBar({ format, ...looks, gracefulExit: false });
    this.#bar.start(1, 0);
  }

  #line(draw, width) {
    if (this.latest === undefined) return '';
    const { share, parts } = this.#draw(this.latest, this.#pace.of(this.latest));
    const percent = share !== undefined && `${Math.floor(share * 100)}%`;
    const text = [percent, ...parts].filter(Boolean).join('  ');
    // Two brackets, a space behind them, and the last column, which some terminals wrap at.
    const room = Math.min(WIDEST, width - text.length - 4);
    return share === undefined || room < NARROWEST ? text : `[${draw(share, room)}] ${text}`;
  }
}

/** Bytes and things done a second in the last seconds: what lies further back says little about what is to come. */
class Pace {
  #seen;

  constructor({ bytes, done }) {
    this.#seen = [{ bytes, done, at: performance.now() }];
  }

  of({ bytes, done }) {
    const at = performance.now();
    this.#seen.push({ bytes, done, at });
    while (at - this.#seen[1].at > WINDOW) this.#seen.shift();
    const [first] = this.#seen;
    const rate = (name, now) => Math.max(0, ((now - first[name]) / (at - first.at)) * 1000);
    return { bytes: rate('bytes', bytes), done: rate('done', done) };
  }
}

module.exports = { withProgress };
