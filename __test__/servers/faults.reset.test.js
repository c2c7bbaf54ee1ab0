'use strict';
// Connections that are reset, before the server heard of a request or after it did what it was asked.

const { all, keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');

describeBackends('a reset connection', (backend) => {
  let place;
  let impatient;
  beforeAll(async () => {
    place = await backend.start();
    impatient = await place.again({ jacs_storage_options: { retries: 0 } });
  });
  beforeEach(() => place.proxy.clear());

  const newDocument = () => place.agent.createDocument({ title: 'before' });

  /** Each: which requests are hit, the call, and what is stored then: texts that must be there, keys that must not. */
  const CALLS = {
    create: {
      rule: backend.write,
      call: (agent) => agent.createDocument({ title: 'new' }),
      stored: (_, result) => [result],
    },
    update: {
      rule: backend.write,
      prepare: newDocument,
      call: (agent, text) => agent.updateDocument(keyOf(text), { title: 'after' }),
      stored: (text, result) => [text, result],
    },
    save: {
      rule: backend.write,
      prepare: () => place.agent.createDocument({ title: 'saved' }, { noSave: true }),
      call: (agent, text) => agent.saveDocument(text),
      stored: (text, result) => [text, result],
    },
    get: {
      rule: backend.read,
      prepare: newDocument,
      call: (agent, text) => agent.getDocument(keyOf(text), { cache: false }),
      stored: (text, result) => [text, result],
    },
    list: {
      rule: backend.list,
      prepare: newDocument,
      call: async (agent, text) => {
        const keys = (await all(agent.listDocuments())).map(({ key }) => key);
        return keys.includes(keyOf(text)) ? text : keys;
      },
      stored: (text, result) => [text, result],
    },
    versions: {
      rule: backend.list,
      prepare: newDocument,
      call: async (agent, text) => {
        const keys = (await agent.versions(JSON.parse(text).jacsId)).map(({ key }) => key);
        return keys.includes(keyOf(text)) ? text : keys;
      },
      stored: (text, result) => [text, result],
    },
  };
  const WHEN = ['before', 'after'];
  const cases = Object.keys(CALLS).flatMap((name) => WHEN.map((reset) => [name, reset]));

  test.each(cases)('%s, %s the server did it: tried again, stored once', async (name, reset) => {
    const { rule, prepare, call, stored } = CALLS[name];
    const before = await place.stored();
    const prepared = await prepare?.();
    const fault = place.proxy.fail({ ...rule, reset });
    const result = await call(place.agent, prepared);
    expect(fault.hits).toBe(1);
    const texts = new Map(stored(prepared, result).map((text) => [keyOf(text), text]));
    expect(await place.stored()).toEqual(new Map([...before, ...texts]));
  });

  test.each(['create', 'update', 'save'].flatMap((name) => WHEN.map((reset) => [name, reset])))(
    '%s, %s the server did it, without retries: refused with the document, which is saved then',
    async (name, reset) => {
      const { prepare, call } = CALLS[name];
      const prepared = await prepare?.();
      const before = await place.stored();
      const fault = place.proxy.fail({ ...backend.write, reset });
      const error = await place.refused(call(impatient, prepared), 'JACS_UNAVAILABLE');
      expect(fault.hits).toBe(1);
      expect(error.retryable).toBe(true);
      // What somebody brought signed, he has.
      const document = name === 'save' ? prepared : error.document;
      expect(error.key).toBe(keyOf(document));
      const there = new Map([...before, [keyOf(document), document]]);
      expect(await place.stored()).toEqual(reset === 'after' ? there : before);
      await expect(impatient.saveDocument(document)).resolves.toBe(document);
      await expect(impatient.saveDocument(document)).resolves.toBe(document);
      expect(await place.stored()).toEqual(there);
      await expect(place.agent.getDocument(JSON.parse(document).jacsId, { cache: false })).resolves.toBe(document);
    },
  );

  test.each(['get', 'list', 'versions'].flatMap((name) => WHEN.map((reset) => [name, reset])))(
    '%s, %s the server did it, without retries: refused, and done by the next call',
    async (name, reset) => {
      const { rule, prepare, call } = CALLS[name];
      const prepared = await prepare();
      const fault = place.proxy.fail({ ...rule, reset });
      const error = await place.refused(call(impatient, prepared), 'JACS_UNAVAILABLE');
      expect([fault.hits, error.retryable, error.document]).toEqual([1, true, undefined]);
      await expect(call(impatient, prepared)).resolves.toBe(prepared);
    },
  );

  describe('of a removal', () => {
    const FORMS = {
      'a version': (agent, text) => agent.removeDocument(keyOf(text)),
      'all versions': (agent, text) => agent.removeDocument(JSON.parse(text).jacsId, { allVersions: true }),
    };
    // Several versions go in one request where the server takes them so.
    const chosen = ({ method, url }) => method === 'DELETE' || (method === 'POST' && url.includes('delete'));
    const cases = Object.keys(FORMS).flatMap((form) => WHEN.map((reset) => [form, reset]));

    test.each(cases)('%s, %s the server did it: tried again', async (form, reset) => {
      const before = await place.stored();
      const text = await newDocument();
      const fault = place.proxy.fail({ when: chosen, reset });
      await FORMS[form](place.agent, text);
      expect(fault.hits).toBe(1);
      expect(await place.stored()).toEqual(before);
      await place.refused(place.agent.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
    });

    test.each(cases)('%s, %s the server did it, without retries: refused', async (form, reset) => {
      const before = await place.stored();
      const text = await newDocument();
      const fault = place.proxy.fail({ when: chosen, reset });
      const error = await place.refused(FORMS[form](impatient, text), 'JACS_UNAVAILABLE');
      expect([fault.hits, error.retryable]).toEqual([1, true]);
      const left = reset === 'before';
      expect(await place.stored()).toEqual(left ? new Map([...before, [keyOf(text), text]]) : before);
      if (left) await FORMS[form](impatient, text);
      // Nobody is told that he has a document that was removed.
      await place.refused(impatient.getDocument(keyOf(text)), 'JACS_NOT_FOUND');
      await place.refused(FORMS[form](impatient, text), 'JACS_NOT_FOUND');
      expect(await place.stored()).toEqual(before);
    });
  });

  if (backend.name === 'hai') {
    test.each(WHEN)('a collection, %s the server made it: tried again, or told with the document', async (reset) => {
      const before = await place.stored();
      const made = place.proxy.fail({ method: 'MKCOL', reset });
      const text = await place.agent.createDocument({ title: 'in a new collection' });
      place.proxy.fail({ method: 'MKCOL', reset });
      const { document } = await place.refused(impatient.createDocument({ title: 'in another' }), 'JACS_UNAVAILABLE');
      expect(made.hits).toBe(1);
      const there = new Map([...before, [keyOf(text), text]]);
      expect(await place.stored()).toEqual(there);
      await expect(impatient.saveDocument(document)).resolves.toBe(document);
      expect(await place.stored()).toEqual(there.set(keyOf(document), document));
    });
  }

  test('a batch in which every third write is reset is stored whole', async () => {
    const before = await place.stored();
    let count = 0;
    const fault = place.proxy.fail({
      ...backend.write,
      times: Infinity,
      when: () => ++count % 3 === 0,
      reset: 'after',
    });
    const texts = await place.agent.createDocuments(Array.from({ length: 30 }, (_, number) => ({ number })));
    expect(fault.hits).toBeGreaterThanOrEqual(10);
    expect(await place.stored()).toEqual(new Map([...before, ...texts.map((text) => [keyOf(text), text])]));
  });
});
