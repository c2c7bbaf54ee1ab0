// What the documents of the benches are made of: orders, 1 KiB of JSON each, all different, the same in every run.

const BYTES = 1024;
const NAMES = [
  'Ada Lovelace',
  'Grace Hopper',
  'José Núñez',
  'Barbara Liskov',
  'Łukasz Wójcik',
  'Alan Kay',
  'Ian McKay',
];
const CITIES = ['Rotterdam', 'Nairobi', 'São Paulo', 'Boston', 'Osaka', 'Kraków', 'Portland'];
const PARTS = ['bearing', 'gasket', 'valve "B"', 'hex bolt', 'pump housing', 'drive belt', 'sensor'];
const WORDS = 'deliver to gate two before noon and call the warehouse when the truck has left the yard again'.split(
  ' ',
);

/** `count` JSON texts of 1 KiB: strings, escapes, numbers and nesting; keys in the order in which people write them. */
export function orders(count) {
  const random = generator(1024);
  return Array.from({ length: count }, (_, number) => order(number, random));
}

function order(number, random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const items = Array.from({ length: 3 }, (_, line) => ({
    part: `${pick(PARTS)} ${Math.floor(random() * 9000)}`,
    line: line + 1,
    count: 1 + Math.floor(random() * 40),
    price: Math.round(random() * 1e5) / 100,
    dimensions: { width: random() * 100, height: random() * 100 },
  }));
  const value = {
    title: `Order ${100_000 + number}`,
    kind: 'order',
    number: 100_000 + number,
    customer: {
      name: pick(NAMES),
      email: `customer${Math.floor(random() * 1e6)}@example.com`,
      address: { street: `Main Street ${Math.floor(random() * 400)}`, city: pick(CITIES), country: null },
    },
    items,
    total: items.reduce((sum, item) => sum + item.count * item.price, 0),
    paid: random() < 0.5,
    tags: [pick(WORDS), pick(WORDS)],
    due: new Date(1.7e12 + Math.floor(random() * 1e10)).toISOString(),
    note: '',
  };
  return filled(value, () => pick(WORDS));
}

/** The value as text, its note made so long that the text has its size. */
function filled(value, word) {
  const missing = BYTES - Buffer.byteLength(JSON.stringify(value));
  let note = '';
  while (note.length < missing) note += `${word()} `;
  return JSON.stringify({ ...value, note: note.slice(0, Math.max(missing, 0)) });
}

/** mulberry32: small, and the same everywhere. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
