'use strict';
// `jacs-agent doctor` about a server: for people, for machines, and by its exit code.

const { Workspace } = require('../cli/support.js');
const { filesUnder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { davVariables, s3Variables } = require('../support/remote.js');
const { newBucket, newCollection, servers } = require('../support/servers.js');

/** A workspace whose agent is on a server; the variables go with every command. */
async function workspaceOn(config, env) {
  const workspace = new Workspace();
  workspace.write('jacs.config.json', config);
  await workspace.done(['init'], { env });
  return { workspace, run: (args, more) => workspace.run(args, { env: { ...env, ...more } }) };
}

async function onS3() {
  const proxy = await startProxy(servers.rgw.endpoint);
  const bucket = await newBucket();
  const config = { jacs_default_storage: 'aws', jacs_data_directory: `s3://${bucket}/data` };
  return { proxy, bucket, ...(await workspaceOn(config, s3Variables(servers.rgw, { endpoint: proxy.url }))) };
}

describeWith(['rgw'], 'on S3', () => {
  let place;
  beforeAll(async () => {
    place = await onS3();
  });

  test('all is well', async () => {
    const [people, machines] = await Promise.all([place.run(['doctor']), place.run(['doctor', '--json'])]);
    expect(people).toMatchObject({ code: 0, stderr: '' });
    const lines = people.stdout.split('\n').map((line) => line.split(/\t| {2,}/));
    const said = (part) => lines.filter(([first]) => first === part).map(([, text]) => text);
    expect(said('storage')).toEqual(
      expect.arrayContaining([
        'scheme: s3',
        `endpoint: ${place.proxy.url}`,
        'createOnce: atomic',
        'permissions: list true, read true, remove true, write true',
        'versioning: false',
      ]),
    );
    expect(said('warning')).toEqual([]);
    expect(said('advice')).toHaveLength(2);
    expect(said('ok')).toEqual(['yes']);
    expect(machines).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(machines.stdout)).toMatchObject({ ok: true, storage: { createOnce: 'atomic', scheme: 's3' } });
  });

  test('--no-probe writes nothing', async () => {
    const before = place.proxy.requests.length;
    const { code, stdout } = await place.run(['doctor', '--no-probe', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).storage.permissions).toEqual({ list: true });
    const methods = place.proxy.requests.slice(before).map(({ method }) => method);
    expect(new Set(methods)).toEqual(new Set(['GET']));
  });

  test.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, /JACS_PERMISSION/],
    ['nobody at the address', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }, /JACS_UNAVAILABLE/],
    ['no credentials', { AWS_SECRET_ACCESS_KEY: undefined }, /JACS_CONFIG.*AWS_SECRET_ACCESS_KEY/],
  ])('%s: a report with warnings, and exit code 1', async (_, env, expected) => {
    const [people, machines] = await Promise.all([
      place.run(['doctor'], env),
      place.run(['doctor', '--json', '--no-probe'], env),
    ]);
    expect(people).toMatchObject({ code: 1, stderr: '' });
    expect(people.stdout).toMatch(/^warning\s/m);
    expect(people.stdout).toMatch(expected);
    expect(people.stdout).toMatch(/^ok\s+no$/m);
    expect(machines).toMatchObject({ code: 1, stderr: '' });
    const { ok, warnings } = JSON.parse(machines.stdout);
    expect(ok).toBe(false);
    expect(warnings.join('\n')).toMatch(expected);
  });

  test('a configuration that cannot be loaded is an error', async () => {
    const { code, stdout, stderr } = await place.run(['doctor'], { AWS_REGION: '' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^jacs-agent: JACS_CONFIG: .*AWS_REGION/);
  });
});

describeWith(['dav'], 'on WebDAV', () => {
  test('all is well, and nothing stays', async () => {
    const collection = newCollection();
    const config = { jacs_default_storage: 'hai', jacs_data_directory: `${collection.name}/data` };
    const { run } = await workspaceOn(config, davVariables(servers.dav));
    await run(['create', '-'], {});
    const before = filesUnder(collection.folder);
    const { code, stdout, stderr } = await run(['doctor']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/createOnce: checked/);
    expect(stdout).toMatch(/partialUploads: false/);
    expect(filesUnder(collection.folder)).toEqual(before);
    const refused = await run(['doctor'], { HAI_STORAGE_TOKEN: 'wrong' });
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/^warning\s.*JACS_PERMISSION/m);
  });
});
