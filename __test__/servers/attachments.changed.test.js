'use strict';
// A file that changes while it is uploaded: refused, and neither the old bytes nor the new ones are stored under a name
// that is not theirs.

const fs = require('node:fs');
const { attached, FILE, LARGE, newSource, PART } = require('../support/attached.js');
const { describeBackends } = require('../support/faulty.js');

/** Some parts: an upload has begun before the last of them is read. */
const LENGTH = 2 * LARGE;
/** More than are under way at once, so that the last are read late. */
const LONG = 6 * PART;

const CHANGES = {
  grows: (file) => fs.appendFileSync(file, 'more'),
  'is cut short': (file) => fs.truncateSync(file, fs.statSync(file).size - 1),
  'is emptied': (file) => fs.truncateSync(file, 0),
  'is touched': (file) => fs.utimesSync(file, new Date(), new Date(1_000_000_000_000)),
  'is written to': (file) => writeAtEnd(file),
  'is written to, and keeps its times': (file) => {
    const { atime, mtime } = fs.statSync(file);
    writeAtEnd(file);
    fs.utimesSync(file, atime, mtime);
  },
  'is replaced by another': (file) => {
    fs.writeFileSync(`${file}.new`, Buffer.alloc(LENGTH, 'y'));
    fs.renameSync(`${file}.new`, file);
  },
};

function writeAtEnd(file) {
  const descriptor = fs.openSync(file, 'r+');
  fs.writeSync(descriptor, 'other', fs.statSync(file).size - 10);
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

  test.each(['is cut short', 'is written to'])('it %s in the middle of its upload', async (name) => {
    const source = newSource(LONG);
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
