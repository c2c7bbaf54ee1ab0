'use strict';
// Credentials that expire while an agent works, and where new ones come from.

const fs = require('node:fs');
const path = require('node:path');
const { all, keyOf } = require('../support/agents.js');
const { BACKENDS } = require('../support/faulty.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { againOn } = require('../support/remote.js');
const { servers } = require('../support/servers.js');

const aws = BACKENDS.find(({ name }) => name === 'aws');

describeWith(['rgw'], 'aws: expired credentials', () => {
  let place;
  let text;
  beforeAll(async () => {
    place = await aws.start();
    text = await place.agent.createDocument({ title: 'there' });
  });
  beforeEach(() => place.proxy.clear());

  const CODES = ['ExpiredToken', 'TokenRefreshRequired', 'InvalidToken'];
  const refusal = (code) => ({
    status: 400,
    headers: { 'content-type': 'application/xml' },
    body: `<Error><Code>${code}</Code><Message>expired</Message><Token-0>${servers.rgw.accessKey}</Token-0></Error>`,
  });

  test.each(CODES)('%s in the middle of the work: told, and the agent works on with new ones', async (code) => {
    const before = await place.stored();
    const fault = place.proxy.fail({ skip: 3, times: Infinity, answer: refusal(code) });
    const creates = Array.from({ length: 8 }, (_, number) => place.agent.createDocument({ number }));
    const outcomes = await Promise.allSettled(creates);
    const made = outcomes.flatMap(({ value }) => value ?? []);
    const refused = outcomes.flatMap(({ reason }) => reason ?? []);
    expect([made.length, refused.length, fault.hits]).toEqual([3, 5, 5]);
    const others = [place.agent.getDocument(keyOf(text), { cache: false }), all(place.agent.listDocuments())];
    const reads = await Promise.all(others.map((call) => place.refused(call, 'JACS_PERMISSION')));
    for (const error of [...refused, ...reads]) {
      expect(error).toMatchObject({ code: 'JACS_PERMISSION', retryable: false });
      expect(error.message).toMatch(/expired/);
      place.expectNoSecret(error);
    }
    place.proxy.clear();
    expect(await place.stored()).toEqual(new Map([...before, ...made.map((text) => [keyOf(text), text])]));
    const documents = refused.map(({ document }) => document);
    await expect(Promise.all(documents.map((text) => place.agent.saveDocument(text)))).resolves.toEqual(documents);
    const there = [...made, ...documents].map((text) => [keyOf(text), text]);
    expect(await place.stored()).toEqual(new Map([...before, ...there]));
    await expect(place.agent.getDocument(keyOf(text), { cache: false })).resolves.toBe(text);
  });

  describe('from a program', () => {
    let folder;
    let agent;
    const file = (name) => path.join(folder, name);
    const calls = () => fs.readFileSync(file('calls'), 'utf8').length;
    const minutes = (count) => new Date(Date.now() + count * 60_000).toISOString();

    /** What the program says from now on. */
    function say({ accessKey, secretKey } = servers.rgw, Expiration) {
      const said = { Version: 1, AccessKeyId: accessKey, SecretAccessKey: secretKey, Expiration };
      fs.writeFileSync(file('said'), JSON.stringify(said));
    }

    beforeEach(async () => {
      folder = temporaryFolder();
      fs.writeFileSync(file('calls'), '');
      fs.writeFileSync(file('program'), `#!/bin/sh\nprintf x >> "${file('calls')}"\ncat "${file('said')}"\n`);
      fs.chmodSync(file('program'), 0o700);
      fs.writeFileSync(file('config'), `[default]\ncredential_process = ${file('program')}\n`);
      const env = {
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
        AWS_CONFIG_FILE: file('config'),
        AWS_SHARED_CREDENTIALS_FILE: file('none'),
      };
      agent = await againOn(place, { env });
    });
    afterEach(() => agent.close());

    const create = async () => {
      const made = await agent.createDocument({ title: 'made' });
      expect((await place.stored()).get(keyOf(made))).toBe(made);
    };

    test('that last are asked for once', async () => {
      say(servers.rgw, minutes(60));
      await create();
      await create();
      await all(agent.listDocuments());
      expect(calls()).toBe(1);
    });

    test('that expire shortly are asked for again', async () => {
      say(servers.rgw, minutes(1));
      await create();
      const before = calls();
      await create();
      expect(calls()).toBeGreaterThan(before);
      say(servers.rgw, minutes(60));
      await create();
      const last = calls();
      await create();
      expect(calls()).toBe(last);
    });

    test('that have expired are not used; new ones are, without loading the agent again', async () => {
      say(servers.rgw, minutes(-1));
      const before = place.proxy.requests.length;
      const error = await agent.createDocument({ title: 'late' }).catch((error) => error);
      place.expectNoSecret(error);
      expect(place.proxy.requests.length).toBe(before);
      expect(keyOf(error.document)).toBe(error.key);
      say(servers.rgw, minutes(60));
      await expect(agent.saveDocument(error.document)).resolves.toBe(error.document);
      expect((await place.stored()).get(error.key)).toBe(error.document);
    });

    test('that have expired are told to be expired', async () => {
      say(servers.rgw, minutes(-1));
      const error = await place.refused(agent.createDocument({ title: 'late' }), 'JACS_PERMISSION');
      expect(error.message).toMatch(/expired/);
    });

    // Another user's credentials are refused by the bucket; what comes next is looked at anew.
    test('that change at their end are those of the next call', async () => {
      say(servers.rgw.second, minutes(1));
      await place.refused(agent.createDocument({ title: 'refused' }), 'JACS_PERMISSION');
      say(servers.rgw, minutes(60));
      await create();
    });

    test.each([
      ['fails', 'echo "$SECRET" >&2; exit 1'],
      ['says no JSON', 'echo "$SECRET"'],
      ['says something else', `echo '{"Version":1,"Secret":"'"$SECRET"'"}'`],
      ['is not there', undefined],
    ])('that %s: no credentials, nothing of what was said, and the next call asks again', async (_, body) => {
      const { secretKey } = servers.rgw;
      const program = fs.readFileSync(file('program'));
      if (body) fs.writeFileSync(file('program'), `#!/bin/sh\nSECRET=${secretKey}\n${body}\n`);
      else fs.rmSync(file('program'));
      const error = await agent.createDocument({ title: 'none' }).catch((error) => error);
      expect(['JACS_CONFIG', 'JACS_UNAVAILABLE']).toContain(error.code);
      place.expectNoSecret(error);
      fs.writeFileSync(file('program'), program, { mode: 0o700 });
      say();
      await expect(agent.saveDocument(error.document)).resolves.toBe(error.document);
    });

    test('that hangs is not waited for beyond the time', async () => {
      fs.writeFileSync(file('program'), '#!/bin/sh\nexec sleep 20\n');
      const env = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_CONFIG_FILE: file('config') };
      const hurried = await againOn(place, { env, settings: { jacs_storage_options: { timeout_ms: 1000 } } });
      const begun = Date.now();
      const error = await place.refused(hurried.createDocument({ title: 'late' }), 'JACS_UNAVAILABLE');
      expect(error.retryable).toBe(true);
      expect(Date.now() - begun).toBeLessThan(10_000);
    });
  });
});
