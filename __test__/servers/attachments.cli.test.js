'use strict';
// Attachments by the command on a server: there and back, and Ctrl-C in the midst of an upload.

const fs = require('node:fs');
const { randomBytes } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { Workspace, parsed, start } = require('../cli/support.js');
const { filesUnder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { startProxy } = require('../support/proxy.js');
const { davVariables, s3Variables } = require('../support/remote.js');
const { newBucket, newCollection, s3, servers } = require('../support/servers.js');

const MIB = 2 ** 20;

/** What each server's suite needs: the configuration, the variables, and what lies there beside agents. */
const PLACES = {
  rgw: async () => {
    const bucket = await newBucket();
    const list = async (query) => (await s3('GET', bucket, { at: servers.rgw, query })).body.toString();
    return {
      config: { jacs_default_storage: 'aws', jacs_data_directory: `s3://${bucket}/data` },
      server: servers.rgw.endpoint,
      variables: (endpoint) => s3Variables(servers.rgw, { endpoint }),
      there: async () =>
        [...(await list({ 'list-type': '2' })).matchAll(/<Key>data\/(.*?)<\/Key>/g)].map(([, key]) => key),
      unfinished: async () => (await list({ uploads: '' })).includes('<Upload>'),
    };
  },
  dav: async () => {
    const collection = newCollection();
    return {
      config: { jacs_default_storage: 'hai', jacs_data_directory: `${collection.name}/data` },
      server: servers.dav.url,
      variables: (endpoint) => davVariables(servers.dav, { endpoint }),
      there: async () => filesUnder(collection.folder).map((name) => name.replace(/^data\//, '')),
      unfinished: async () => false,
    };
  },
};

describe.each(Object.keys(PLACES))('%s', (name) => {
  describeWith([name], 'attachments', () => {
    let place;
    let proxy;
    let workspace;
    let env;

    beforeAll(async () => {
      place = await PLACES[name]();
      proxy = await startProxy(place.server);
      env = place.variables(proxy.url);
      workspace = new Workspace();
      workspace.write('jacs.config.json', place.config);
      await workspace.done(['init'], { env });
      workspace.write('in.json', '{}');
      await workspace.done(['create', 'in.json'], { env });
    });

    const files = async () => (await place.there()).filter((key) => key.startsWith('files/'));

    test('there and back', async () => {
      const bytes = randomBytes(17 * MIB + 1);
      workspace.write('large.bin', bytes);
      const args = ['create', 'in.json', '--attach', 'large.bin'];
      const { key, jacsFiles } = parsed(await workspace.done(args, { env }));
      expect(await files()).toEqual([`files/${jacsFiles[0].sha256}`]);
      const listed = await workspace.done(['attachments', 'list', key, '--contents'], { env });
      expect(listed).toMatch(/^large\.bin\t.*\tstore\tok\n$/);
      await workspace.done(['attachments', 'save', key, 'out'], { env });
      expect(fs.readFileSync(workspace.path('out', 'large.bin')).equals(bytes)).toBe(true);
    });

    test('Ctrl-C in the midst of an upload leaves no document, no file and no part', async () => {
      const before = await place.there();
      workspace.write('other.bin', randomBytes(24 * MIB));
      const rule = proxy.fail({ method: 'PUT', path: '/files/', times: Infinity, stall: 20_000 });
      const { child, ended } = start(workspace, ['create', 'in.json', '--attach', 'other.bin'], undefined, env);
      while (rule.hits === 0 && child.exitCode === null) await sleep(20);
      child.kill('SIGINT');
      expect(await ended).toEqual({
        code: 130,
        signal: null,
        stderr: 'jacs-agent: JACS_ABORTED: interrupted: no document was signed or stored\n',
      });
      proxy.clear();
      // Apache keeps a part of its own until it notices that the connection is gone.
      for (let n = 0; n < 250 && (await place.there()).length > before.length; n++) await sleep(20);
      expect(await place.there()).toEqual(before);
      expect(await place.unfinished()).toBe(false);
    });
  });
});
