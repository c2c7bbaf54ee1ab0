'use strict';
// The command moves a whole storage to a server: credentials from the environment, Ctrl-C and on, a server that is away.

const { once } = require('node:events');
const { Workspace, lines, start } = require('../cli/support.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { s3Variables } = require('../support/remote.js');
const { newBucket, s3, servers } = require('../support/servers.js');

const COUNT = 60;
const MIGRATE = ['migrate', '--from', 'jacs.config.json', '--to', 's3.config.json'];
// So that a test finds out at once that nobody answers.
const IMPATIENT = { retries: 0 };

describeWith(['rgw'], 'a storage to S3', () => {
  let template;
  let bucket;
  let proxy;
  let env;
  let workspace;

  beforeAll(async () => {
    template = new Workspace();
    await template.done(['init']);
    const names = Array.from({ length: COUNT }, (_, number) => template.write(`${number}.json`, { number }));
    template.write('attached.txt', 'attached');
    await template.done(['create', ...names]);
    await template.done(['create', '0.json', '--attach', 'attached.txt']);
    proxy = await startProxy(servers.rgw.endpoint);
    env = s3Variables(servers.rgw, { endpoint: proxy.url });
  });

  beforeEach(async () => {
    proxy.clear();
    bucket = await newBucket();
    workspace = template;
    workspace.write('s3.config.json', {
      jacs_default_storage: 'aws',
      jacs_data_directory: `s3://${bucket}/data`,
      jacs_storage_options: IMPATIENT,
    });
  });

  const there = async () => {
    const { body } = await s3('GET', bucket, { at: servers.rgw, query: { 'list-type': '2' } });
    return [...body.toString().matchAll(/<Key>data\/(\w+)\//g)].map(([, kind]) => kind);
  };
  const EXPECTED = COUNT + 3; // with the agent, one more document and its attachment

  test('migrate, interrupted, and the same once more', async () => {
    // Slow enough to be interrupted.
    proxy.fail({ method: 'PUT', path: '/documents/', delay: 100, times: Infinity });
    const { child, ended } = start(workspace, [...MIGRATE, '--concurrency', '2'], undefined, env);
    while ((await there()).length < 10 && child.exitCode === null);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^jacs-agent: JACS_ABORTED: interrupted: \d+ .*; to go on there: jacs-agent migrate .*\n$/);
    const before = (await there()).length;
    expect(before).toBeLessThan(EXPECTED);
    proxy.clear();
    const written = () =>
      proxy.requests.filter(({ method, path }) => method === 'PUT' && path.includes('/documents/')).length;
    const asked = written();
    const [{ report }] = lines(await workspace.done([...MIGRATE, '--concurrency', '2', '--json'], { env }));
    // Of a few the note that they are there did not come to be written.
    expect(report).toMatchObject({ conflicts: 0, failed: 0 });
    expect(report.copied + report.same).toBe(EXPECTED);
    expect(report.root.to).toBe(report.root.from);
    expect(await there()).toHaveLength(EXPECTED);
    expect(written() - asked).toBeLessThanOrEqual(EXPECTED - before + 4);
  }, 60_000);

  test('a server that is away: the way on is told, and goes on', async () => {
    proxy.fail({ reset: 'before', times: Infinity });
    const away = await workspace.run(MIGRATE, { env });
    expect(away).toMatchObject({ code: 1, stdout: '' });
    expect(away.stderr).toMatch(/jacs-agent: JACS_UNAVAILABLE: .*; to go on there: jacs-agent migrate .*\n$/);
    proxy.clear();
    expect(await workspace.done(MIGRATE, { env })).toMatch(/\nroot\t[0-9a-f]{64} on both sides\n$/);
  }, 60_000);

  test('mirror --watch-interval: a round finds the server away, the next one does not', async () => {
    proxy.fail({ reset: 'before', times: Infinity });
    const { child, ended } = start(
      workspace,
      ['mirror', 's3.config.json', '--watch-interval', '1', '--json'],
      undefined,
      env,
    );
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more) => (text += more));
    await once(child.stdout, 'data');
    expect(lines(text)).toMatchObject([{ error: { code: 'JACS_UNAVAILABLE' } }]);
    proxy.clear();
    while (!text.includes('"report"')) await once(child.stdout, 'data');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stderr: '' });
    const { report } = lines(text).find((line) => line.report);
    expect(report).toMatchObject({ copied: EXPECTED, failed: 0 });
    expect(await there()).toHaveLength(EXPECTED);
  }, 60_000);
});
