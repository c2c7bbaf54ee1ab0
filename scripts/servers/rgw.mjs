// Ceph's RADOS Gateway: the S3 of a real distributed store, here on one storage daemon.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { conf, frontend, makeCluster, makeStore } from './ceph.mjs';
import { answers, end, freePorts, launch, ready, runs, tool } from './daemon.mjs';

export const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-mgr', 'ceph-osd', 'ceph', 'ceph-authtool'];

// In the order of their start.
const DAEMONS = [
  ['mon', 'ceph-mon', ['-i', 'a']],
  ['mgr', 'ceph-mgr', ['-i', 'x']],
  ['osd', 'ceph-osd', ['-i', '0']],
];

/** Starts a cluster with a gateway; with the record of an earlier start, what of it does not run, with its data. */
export async function start(dir, before) {
  if (before) {
    const processes = [];
    try {
      for (const record of before.processes) processes.push(runs(record) ? record : await again(dir, record));
      await ready(processes.at(-1), () => answers(before.endpoint));
    } catch (error) {
      await stop({ processes });
      throw error;
    }
    return { ...before, processes };
  }
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const processes = [];
  try {
    return await create(dir, processes);
  } catch (error) {
    await stop({ processes });
    throw error;
  }
}

/** Ends the gateway before what it stands on. */
export async function stop({ processes }) {
  for (const record of processes.toReversed()) await end(record);
}

/** A gateway on a port of its own to a cluster that runs: one that a test may kill and start again. */
export async function startGateway(dir, before, { cluster }) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const port = before?.port ?? (await freePorts(1))[0];
  const { endpoint, region, accessKey, secretKey, second, dir: clusterDir } = cluster;
  const record = before && runs(before.processes[0]) ? before.processes[0] : await gateway(clusterDir, dir, port);
  const extra = { endpoint: `http://127.0.0.1:${port}`, region, accessKey, secretKey, second, port, dir };
  try {
    await ready(record, () => answers(extra.endpoint));
  } catch (error) {
    await end(record);
    throw error;
  }
  return { ...extra, sibling: endpoint, processes: [record] };
}

async function create(dir, processes) {
  const [port, ...monitor] = await freePorts(3);
  const keys = { accessKey: accessKey(), secretKey: secretKey() };
  const second = { accessKey: accessKey(), secretKey: secretKey() };
  const endpoint = `http://127.0.0.1:${port}`;
  await makeCluster(dir, { port, monitor });
  for (const [name, command, args] of DAEMONS) {
    if (name === 'osd') await makeStore(dir);
    processes.push(await daemon(dir, name, command, args));
  }
  processes.push(await gateway(dir, dir, port));
  await ready(processes.at(-1), () => answers(endpoint));
  await Promise.all([makeUser(dir, 'test', keys), makeUser(dir, 'second', second)]);
  return { endpoint, region: 'us-east-1', ...keys, second, port, dir, processes };
}

function daemon(dir, name, command, args) {
  return launch(name, command, ['-f', ...conf(dir), ...args], path.join(dir, 'log', `${name}.out`));
}

function again(dir, { name, command, args }) {
  return launch(name, command, args, path.join(dir, 'log', `${name}.out`));
}

function gateway(clusterDir, dir, port) {
  const log = path.join(dir, 'gateway.log');
  const options = [`--rgw-frontends=${frontend(port)}`, `--log-file=${log}`];
  return launch('rgw', 'radosgw', ['-f', ...conf(clusterDir), '-n', 'client.rgw', ...options], `${log}.out`);
}

function makeUser(dir, name, { accessKey, secretKey }) {
  const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`];
  return tool('radosgw-admin', [...conf(dir), 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys]);
}

function accessKey() {
  return `AK${randomBytes(9).toString('hex').toUpperCase()}`;
}

function secretKey() {
  return randomBytes(20).toString('hex');
}
