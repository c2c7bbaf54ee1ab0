'use strict';
// A file that changes while it is uploaded: refused, and neither the old bytes nor the new ones are stored under a name
// that is not theirs.

const fs = require('node:fs');
const { attached, FILE, newSource, PART } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');

/** Several parts, of which the last are not yet read when the first are on their way. */
const LENGTH = 6 * PART;

const CHANGES = {
  grows: (file) => fs.appendFileSync(file, 'more'),
  'is cut short': (file) => fs.truncateSync(file, LENGTH - 1),
  'is emptied': (file) => fs.truncateSync(file, 0),
  'is touched': (file) => fs.utimesSync(file, new Date(), new Date(1_000_000_000_000)),
  'is written to': (file) => writeAt(file, LENGTH - 10),
  'is written to, and keeps its times': (file) => {
    const { atime, mtime } = fs.statSync(file);
    writeAt(file, LENGTH - 10);
    fs.utimesSync(file, atime, mtime);
  },
  'is replaced by another': (file) => {
    const other = `${file}.new`;
    fs.writeFileSync(other, Buffer.alloc(LENGTH, 'y'));
    fs.renameSync(other, file);
  },
};

function writeAt(file, position) {
  const descriptor = fs.openSync(file, 'r+');
  fs.writeSync(descriptor, 'other', position);
  fs.closeSync(descriptor);
}

describeBackends('a file that changes while it is uploaded', (backend) => {
  let place;
  let at;
  beforeAll(async () => {
    place = await backend.start();
    at = attached(place);
  });
  afterEach(async () => {
    place.proxy.clear();
    await at.clean();
  });

  const BODY = { method: 'PUT', path: FILE };

  test.each(Object.keys(CHANGES))('it %s between its hash and its upload', async (name) => {
    const source = newSource(LENGTH);
    const before = await place.stored();
    // What was hashed is not what will be sent.
    const look = place.proxy.fail({ path: FILE, when: () => CHANGES[name](source.path) ?? true });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    expect(look.hits).toBe(1);
    if (name === 'is replaced by another' && !(outcome instanceof Error)) {
      // It has the old one open, whose bytes do not change.
      return at.expectStored(outcome, source, before);
    }
    expect(outcome).toMatchObject({ name: 'JacsError', code: 'JACS_ATTACHMENT', path: source.path });
    expect(outcome.document).toBeUndefined();
    await at.expectNothing(before);
  });

  test.each(Object.keys(CHANGES))('it %s in the middle of its upload', async (name) => {
    const source = newSource(LENGTH);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...BODY, when: () => CHANGES[name](source.path) ?? true, trickleRequest: 2e8 });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    expect(fault.hits).toBe(1);
    // All bytes may have been read by then: what is stored are these.
    if (!(outcome instanceof Error)) return at.expectStored(outcome, source, before);
    expect(outcome).toMatchObject({ name: 'JacsError', code: 'JACS_ATTACHMENT', path: source.path });
    await at.expectNothing(before);
  });

  test('and is then as it was: stored, though the server was asked again', async () => {
    const source = newSource(1_000_000);
    const before = await place.stored();
    const fault = place.proxy.fail({ ...BODY, reset: 'after' });
    const text = await at.create(place.agent, source);
    expect(fault.hits).toBe(1);
    await at.expectStored(text, source, before);
  });

  test('between two attempts to send it: refused', async () => {
    const source = newSource(1_000_000);
    const before = await place.stored();
    // Only a body that is read again for each attempt can meet this.
    const change = () => fs.writeFileSync(source.path, Buffer.alloc(1_000_000, 'y'));
    place.proxy.fail({ ...BODY, when: () => change() ?? true, reset: 'before' });
    const outcome = await at.create(place.agent, source).catch((error) => error);
    if (!(outcome instanceof Error)) return at.expectStored(outcome, source, before);
    expect(outcome.code).toBe('JACS_ATTACHMENT');
    await at.expectNothing(before);
  });
});
