'use strict';
// A check of a store on a server that does not answer everything, or nothing any more.

const fs = require('node:fs');
const path = require('node:path');
const { keyOf } = require('../support/agents.js');
const { describeBackends } = require('../support/faulty.js');
const { temporaryFolder } = require('../support/folder.js');
const { nameOf } = require('../support/raw.js');

/** Documents that are made here; one, and the agent's own, were there before. */
const MADE = 130;
const SCANNED = MADE + 2;
const FORBIDDEN = { status: 403, body: 'no' };
const found = ({ findings }) => findings.map(({ kind, path: at }) => `${kind} ${at}`).sort();

describeBackends('check', (backend) => {
  let place;
  let texts;

  beforeAll(async () => {
    place = await backend.start();
    texts = await place.agent.createDocuments(Array.from({ length: MADE }, (_, number) => ({ number })));
  }, 60_000);

  afterEach(() => place.proxy.clear());

  const refuse = (keys) => {
    const names = keys.map((key) => nameOf(key));
    place.proxy.fail({
      method: 'GET',
      when: ({ url }) => names.some((name) => url.includes(name)),
      times: Infinity,
      answer: FORBIDDEN,
    });
    return names;
  };

  test('what the server does not give is not called damaged, and is looked at by the next call', async () => {
    const resume = path.join(temporaryFolder(), 'resume');
    const names = refuse(texts.slice(0, 3).map(keyOf));
    const report = await place.agent.check({ resume });
    expect(found(report)).toEqual(names.map((name) => `unchecked ${name}`).sort());
    expect(report).toMatchObject({ damaged: 0, complete: false, resume });
    expect(new Set(report.findings.map(({ code, severity }) => `${code} ${severity}`))).toEqual(
      new Set(['JACS_PERMISSION note']),
    );
    place.proxy.clear();
    const before = place.proxy.requests.length;
    const rest = await place.agent.check({ resume });
    expect(rest).toMatchObject({ damaged: 0, complete: true, scanned: SCANNED });
    expect(rest).not.toHaveProperty('resume');
    const read = place.proxy.requests
      .slice(before)
      .filter(({ method, path: at }) => method === 'GET' && /\.json/.test(at));
    expect(read.filter(({ path: at }) => at.includes('/documents/'))).toHaveLength(3);
    expect(fs.existsSync(resume)).toBe(false);
  });

  test('a storage that is away ends the call, which can go on', async () => {
    const resume = path.join(temporaryFolder(), 'resume');
    place.proxy.fail({ ...backend.read, times: Infinity, answer: FORBIDDEN });
    const error = await place.refused(place.agent.check({ resume }), 'JACS_PERMISSION');
    expect(error.path).toBe(resume);
    place.proxy.clear();
    expect(await place.agent.check({ resume })).toMatchObject({ damaged: 0, complete: true, scanned: SCANNED });
  });

  test('a signal is heard while the server keeps silent', async () => {
    place.proxy.fail({ ...backend.read, times: Infinity, stall: 20_000 });
    const abort = new AbortController();
    const checking = place.agent.check({ signal: abort.signal });
    setTimeout(() => abort.abort(), 300);
    const begun = Date.now();
    await place.refused(checking, 'JACS_ABORTED');
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  test('each document is read once, and few requests beside', async () => {
    const before = place.proxy.requests.length;
    expect(await place.agent.check()).toMatchObject({ findings: [], complete: true });
    const requests = place.proxy.requests.slice(before);
    const reads = requests.filter(({ method, path: at }) => method === 'GET' && /\/documents\/[^?]*\.json/.test(at));
    expect(new Set(reads.map((request) => request.path)).size).toBe(MADE + 1);
    expect(reads.length).toBe(MADE + 1);
    // S3 lists a thousand keys a request; on WebDAV each folder is listed by one.
    const others = requests.length - reads.length;
    expect(others).toBeLessThan(backend.name === 'aws' ? 30 : MADE + 40);
  });
});
