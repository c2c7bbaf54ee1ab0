'use strict';
// How far attachments are: a bar on standard error, on a terminal only, and only for what takes longer than a moment.

const MOMENT = 500;
const WINDOW = 5_000;
const WIDEST = 30;
const NARROWEST = 5;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

class ProgressBar {
  /** What was told last; nothing before anything was. */
  latest;
  #delay;
  #bar;
  #pace = new Pace();

  constructor(notes) {
    // A terminal that has no cursor to move would show every step.
    if (notes.isTerminal && process.env.TERM !== 'dumb') this.#delay = setTimeout(() => this.#show(), MOMENT);
  }

  /** To be handed to a call as `onProgress`. */
  onProgress = (progress) => {
    this.latest = progress;
  };

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
    this.#bar = new SingleBar({ format, barsize: WIDEST, clearOnComplete: true, linewrap: true });
    this.#bar.start(1, 0);
  }

  #line(draw, width) {
    if (this.latest === undefined) return '';
    const { done, total, bytes, totalBytes } = this.latest;
    const rate = this.#pace.of(bytes);
    const share = totalBytes > 0 ? Math.min(bytes / totalBytes, 1) : undefined;
    const parts = [
      share === undefined ? sizeOf(bytes) : `${Math.floor(share * 100)}%  ${sizeOf(bytes)} of ${sizeOf(totalBytes)}`,
      rate > 0 && `${sizeOf(rate)}/s`,
      rate > 0 && share !== undefined && `${timeOf((totalBytes - bytes) / rate)} left`,
      total > 1 && `${done} of ${total} files`,
    ];
    const text = parts.filter(Boolean).join('  ');
    // Two brackets, a space behind them, and the last column, which some terminals wrap at.
    const room = Math.min(WIDEST, width - text.length - 4);
    return share === undefined || room < NARROWEST ? text : `[${draw(share, room)}] ${text}`;
  }
}

/** Bytes a second in the last seconds: what lies further back says little about what is to come. */
class Pace {
  #seen = [{ bytes: 0, at: performance.now() }];

  of(bytes) {
    const at = performance.now();
    this.#seen.push({ bytes, at });
    while (at - this.#seen[1].at > WINDOW) this.#seen.shift();
    const [first] = this.#seen;
    return Math.max(0, ((bytes - first.bytes) / (at - first.at)) * 1000);
  }
}

function sizeOf(bytes) {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

function timeOf(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const parts = hours > 0 ? [hours, twoDigits(minutes)] : [minutes];
  return [...parts, twoDigits(rest)].join(':');
}

const twoDigits = (number) => String(number).padStart(2, '0');

module.exports = { ProgressBar };
