'use strict';
// A migration through a network with faults, to a server and from it: it finishes, or tells what is missing and can be gone
// on with; nothing is lost, and nothing arrives that is not the source's.

const fs = require('node:fs');
const { Agent } = require('../../index.js');
const { refusal } = require('../support/agents.js');
const { DOCUMENT, FILE, describePlaces, newCheckpoint, objectsAt } = require('../support/places.js');
const {
  addMass,
  emptyPlace,
  expectDone,
  expectSame,
  fsConfig,
  objectsOf,
  rootsOf,
  newStore,
} = require('../support/transfer.js');

const LIST = { aws: { method: 'GET', path: 'list-type=2' }, hai: { method: 'PROPFIND' } };
const DIES = [
  ['is reset before the server heard', { reset: 'before' }],
  ['is reset after the server answered', { reset: 'after' }],
  ['is answered with 503', { answer: { status: 503, body: 'no' } }],
  ['is answered with 500 although it was done', { instead: { status: 500, body: 'no' } }],
];

describePlaces('a migration', ({ name, place }) => {
  let store;
  let objects;
  let full;
  beforeAll(async () => {
    store = await newStore();
    await addMass(store.agent, { mass: 60, files: 6 });
    objects = objectsOf(store.data);
    full = await place();
    await Agent.migrate({ from: fsConfig(store.data), to: full.config(), env: full.direct });
  }, 60_000);
  beforeEach(() => full.proxy.clear());

  const upTo = (server, options, settings) =>
    Agent.migrate({ from: fsConfig(store.data), to: server.config(settings), env: server.env, ...options });
  const downTo = (to, options, settings) =>
    Agent.migrate({ from: full.config(settings), to: fsConfig(to), env: full.env, ...options });

  describe('to it', () => {
    const WRITES = [{ method: 'PUT', path: DOCUMENT }, { method: 'PUT', path: FILE }, LIST[name]];

    test.each([...DIES, ['is cut', { cutRequest: 300 }], ['comes cut', { cutAnswer: 300 }]])(
      'where each kind of request %s, twice',
      async (how, fault) => {
        const server = await place();
        // The look back at what was stored as well, where there is one. A listing has no body, and a write little answer.
        const kinds = how === 'is cut' ? WRITES.slice(0, 2) : how === 'comes cut' ? WRITES.slice(2) : WRITES;
        const faults = kinds.map((request) => server.proxy.fail({ ...request, ...fault, times: 2 }));
        server.proxy.fail({ method: 'GET', path: DOCUMENT, ...fault, times: 2 });
        const report = await upTo(server);
        for (const { hits } of faults) expect(hits).toBeGreaterThan(0);
        // Whoever's answer was lost may find what it stored: then it is there already.
        expect(report.copied + report.same).toBe(objects.size);
        expect(report).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
        expect(report.root).toEqual(rootsOf(store.data, store.data));
        expect(await objectsAt(server)).toEqual(objects);
      },
      60_000,
    );

    test.each([
      ['a document', { method: 'PUT', path: DOCUMENT }],
      ['a file', { method: 'PUT', path: FILE }],
    ])(
      'where a byte of %s changes on its way: it is not called copied',
      async (_, request) => {
        const server = await place();
        const fault = server.proxy.fail({ ...request, flipRequest: 200 });
        const report = await upTo(server).catch((error) => error);
        expect(fault.hits).toBe(1);
        const there = await objectsAt(server);
        const wrong = [...objects].filter(([each, hash]) => there.get(each) !== hash);
        if (wrong.length === 0) return expectDone(report, { copied: objects.size - report.same, same: report.same });
        // The server took it: at least that is told.
        expect(report.conflicts + report.failed).toBe(1);
        expect(report.failures.filter(({ path }) => path === wrong[0][0])).toHaveLength(1);
        expect(report.root.from).not.toBe(report.root.to);
      },
      60_000,
    );
  });

  describe('from it', () => {
    const READS = [
      ['a document', { method: 'GET', path: DOCUMENT }],
      ['a file', { method: 'GET', path: FILE }],
      ['the listing', LIST[name]],
    ];

    test.each([...DIES, ['comes cut', { cutAnswer: 300 }]])(
      'where each kind of request %s, twice',
      async (_, fault) => {
        const faults = READS.map(([, request]) => full.proxy.fail({ ...request, ...fault, times: 2 }));
        const to = emptyPlace();
        const report = await downTo(to);
        expect(faults.map(({ hits }) => hits)).toEqual([2, 2, 2]);
        expectDone(report, { copied: objects.size });
        await expectSame(store.data, to);
      },
      60_000,
    );

    test.each(READS.slice(0, 2))(
      'where a byte of %s changes on its way: no other bytes arrive',
      async (_, request) => {
        const fault = full.proxy.fail({ ...request, flipAnswer: 200 });
        const to = emptyPlace();
        const report = await downTo(to);
        expect(fault.hits).toBe(1);
        for (const [each, hash] of objectsOf(to)) expect([each, hash]).toEqual([each, objects.get(each)]);
        expect(report.copied + report.failed).toBe(objects.size);
        // What was called damaged is not: the next call has it.
        expect(await downTo(to)).toMatchObject({ conflicts: 0, failed: 0 });
        await expectSame(store.data, to);
      },
      60_000,
    );

    test('where one document cannot be had: all else is copied, and it is told', async () => {
      const [one] = [...objects.keys()].filter((each) => each.startsWith('documents/'));
      full.proxy.fail({ method: 'GET', path: one, times: Infinity, answer: { status: 503, body: 'no' } });
      const to = emptyPlace();
      const checkpoint = newCheckpoint();
      const report = await downTo(to, { checkpoint }, { jacs_storage_options: { retries: 0 } });
      expect(report).toMatchObject({ copied: objects.size - 1, same: 0, conflicts: 0, failed: 1 });
      expect(report.failures).toMatchObject([{ kind: 'failed', code: 'JACS_UNAVAILABLE', path: one }]);
      expect(objectsOf(to).size).toBe(objects.size - 1);
      full.proxy.clear();
      const again = await downTo(to, { checkpoint }, { jacs_storage_options: { retries: 0 } });
      expect(again).toMatchObject({ conflicts: 0, failed: 0, failures: [] });
      expect(again.copied + again.same).toBe(objects.size);
      await expectSame(store.data, to);
      expect(fs.existsSync(checkpoint)).toBe(false);
    }, 60_000);

    test('where the listing cannot be had: the call is refused, and nothing is written', async () => {
      full.proxy.fail({ ...LIST[name], times: Infinity, answer: { status: 503, body: 'no' } });
      const to = emptyPlace();
      const error = await refusal(downTo(to, {}, { jacs_storage_options: { retries: 0 } }), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      expect(objectsOf(to).size).toBe(0);
    }, 60_000);

    test('where it is not allowed: the call is refused', async () => {
      full.proxy.fail({ times: Infinity, answer: { status: 403, body: 'no' } });
      await refusal(downTo(emptyPlace()), 'JACS_PERMISSION');
    }, 60_000);
  });
});
