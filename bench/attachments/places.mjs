// Where a server keeps what the benches write: a bucket, a collection.
import fs from 'node:fs';
import { conf } from '../../scripts/servers/ceph.mjs';
import { tool } from '../../scripts/servers/daemon.mjs';
import { openServers } from '../remote/servers.mjs';

/**
 * A place on a server (`rgw`, `dav`); undefined where it does not run and cannot be started. `{ storage, env,
 * data(name), stored, settings, groups, reclaim(), close() }`: our variables, a data directory of that name, what
 * `storedAt` wants to know, the settings of other clients, and the server's process groups.
 */
export async function openPlace(server) {
  const opened = await openServers(server);
  if (!opened) return undefined;
  const place = await PLACES[server](opened);
  const groups = opened.servers[server].processes.map(({ pid }) => pid);
  const close = async () => {
    await place.remove?.();
    await opened.close();
  };
  return { reclaim: () => {}, ...place, groups, close };
}

const PLACES = {
  async rgw({ servers, newBucket, s3Variables }) {
    const { region, accessKey, secretKey, endpoint, dir } = servers.rgw;
    const bucket = await newBucket();
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    const s3 = { endpoint, region, forcePathStyle: true, credentials };
    return {
      storage: 'aws',
      env: s3Variables(servers.rgw),
      data: (name) => `s3://${bucket}/${name}`,
      stored: { s3, bucket },
      settings: { s3, bucket },
      // The gateway keeps what was deleted for two hours, and its disk has 8 GiB.
      reclaim: () => tool('radosgw-admin', [...conf(dir), 'gc', 'process', '--include-all']),
    };
  },
  async dav({ servers, newCollection, davVariables }) {
    const { name: collection, folder } = newCollection();
    const { token, url } = servers.dav;
    return {
      storage: 'hai',
      env: davVariables(servers.dav),
      data: (name) => `${collection}/${name}`,
      stored: { folder },
      settings: { url: `${url}/${collection}`, token, folder },
      remove: () => fs.rmSync(folder, { recursive: true }),
    };
  },
};
