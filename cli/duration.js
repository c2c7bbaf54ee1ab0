'use strict';
// Lengths of time as people write them.

const { InvalidArgumentError } = require('commander');

const SECONDS = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `90s`, `15m`, `24h` or `7d` as seconds: at least one, at most `most`. */
function secondsUpTo(most) {
  return (text) => {
    const [, count, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
    const seconds = Number(count) * SECONDS[unit];
    const fits = seconds >= 1 && seconds <= most;
    if (!fits) throw new InvalidArgumentError(`It must be 1 to ${most} seconds, such as 90, 15m, 24h or 7d.`);
    return seconds;
  };
}

module.exports = { secondsUpTo };
