'use strict';
// Amounts in words.

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

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

function objects(count) {
  return `${count} ${count === 1 ? 'object' : 'objects'}`;
}

const twoDigits = (number) => String(number).padStart(2, '0');

module.exports = { objects, sizeOf, timeOf };
