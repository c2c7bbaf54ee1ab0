'use strict';
// Numbers survive: 100,000 random doubles, compared with node's own reading and writing.

const canonicalize = require('canonicalize');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const { releaseAddon } = require('../support/addon.js');

// The addon that is packed, where it is built: a test's own dependencies must not be what reads numbers right.
if (fs.existsSync(releaseAddon())) process.env.NAPI_RS_NATIVE_LIBRARY_PATH = releaseAddon();
else if (process.env.CI === 'true') throw new Error('npm run build');

const { newAgent } = require('../support/agents.js');

const IN_A_DOCUMENT = 1000;
const DOCUMENTS = 100;
/** Misread by parsers that do not round correctly. */
const HARD = [
  '481.83792520110524',
  '2.2250738585072011e-308',
  '9007199254740991',
  '0.30000000000000004',
  '5e-324',
  '1e-7',
].map(Number);

let agent;

beforeAll(async () => {
  ({ agent } = await newAgent());
});

/** So many finite doubles of random bits; integers beyond 2^53-1 are none that a document may have. */
function randomDoubles(count) {
  const doubles = [];
  while (doubles.length < count) {
    const bytes = randomBytes(8 * count);
    for (let offset = 0; offset < bytes.length && doubles.length < count; offset += 8) {
      const value = bytes.readDoubleLE(offset);
      if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) doubles.push(value);
    }
  }
  return doubles;
}

/** The first that differs, with both values; -0 becomes 0. */
function firstDifference(expected, found) {
  const index = expected.findIndex((value, position) => !Object.is(value === 0 ? 0 : value, found[position]));
  return index < 0 ? undefined : { sent: expected[index], found: found[index] };
}

async function expectSurvival(input, numbers) {
  const text = await agent.createDocument(input, { noSave: true });
  const { numbers: found } = JSON.parse(text);
  expect(found).toHaveLength(numbers.length);
  expect(firstDifference(numbers, found)).toBeUndefined();
  expect(text === canonicalize(JSON.parse(text))).toBe(true);
  await expect(agent.verifyDocument(text)).resolves.toBe(true);
}

test(`${IN_A_DOCUMENT * DOCUMENTS} random doubles`, async () => {
  for (let round = 0; round < DOCUMENTS; round++) {
    const numbers = randomDoubles(IN_A_DOCUMENT);
    await expectSurvival({ numbers }, numbers);
  }
});

test.each([
  ['17 digits', (value) => value.toExponential(16)],
  ['21 digits', (value) => value.toPrecision(21)],
  ['an E and a sign', (value) => value.toExponential(16).replace('e+', 'E').replace('e-', 'E-0')],
])('random doubles spelled with %s', async (_, spell) => {
  for (let round = 0; round < 10; round++) {
    const numbers = randomDoubles(IN_A_DOCUMENT);
    const text = `{"numbers":[${numbers.map(spell).join(',')}]}`;
    expect(firstDifference(numbers, JSON.parse(text).numbers)).toBeUndefined();
    await expectSurvival(text, numbers);
  }
});

test('numbers that are hard to read or to write', async () => {
  const neighbours = HARD.flatMap((value) => [value, -value, value / 2, value / 10]);
  const powers = Array.from({ length: 340 }, (_, exponent) => Number(`1e${15 - exponent}`));
  const halves = Array.from({ length: 1074 }, (_, exponent) => 2 ** -exponent);
  const numbers = [...neighbours, ...powers, ...halves, 0, -0, 1e15, 999999999999999.9, 0.000001, 0.0000001];
  await expectSurvival({ numbers }, numbers);
});
