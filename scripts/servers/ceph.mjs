// The configuration of a Ceph cluster of one monitor, one manager and one storage daemon, all under one directory.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { tool } from './daemon.mjs';

/** Writes a cluster's configuration, its keys and its monitor's data into an empty directory. */
export async function makeCluster(dir, { port, monitor }) {
  for (const name of ['mon', 'mgr', 'osd', 'rgw', 'log', 'run']) fs.mkdirSync(path.join(dir, name), { mode: 0o700 });
  const fsid = randomUUID();
  const address = `[v2:127.0.0.1:${monitor[0]},v1:127.0.0.1:${monitor[1]}]`;
  fs.writeFileSync(path.join(dir, 'ceph.conf'), configuration(dir, { fsid, address, port }), { mode: 0o600 });
  const keyring = path.join(dir, 'keyring');
  for (const [index, [name, ...capabilities]] of KEYS.entries()) {
    const caps = capabilities.flatMap(([type, allowed]) => ['--cap', type, allowed]);
    const create = index === 0 ? ['--create-keyring'] : [];
    await tool('ceph-authtool', [...create, keyring, '--gen-key', '-n', name, ...caps]);
  }
  const map = path.join(dir, 'monmap');
  await tool('monmaptool', ['--create', '--clobber', '--fsid', fsid, '--addv', 'a', address, map]);
  await tool('ceph-mon', [...conf(dir), '-i', 'a', '--mkfs', '--monmap', map, '--keyring', keyring]);
}

/** Makes the storage daemon's data; the monitor must run. */
export async function makeStore(dir) {
  const uuid = randomUUID();
  await tool('ceph', [...conf(dir), 'osd', 'new', uuid, '0']);
  await tool('ceph-osd', [...conf(dir), '-i', '0', '--mkfs', '--osd-uuid', uuid]);
}

/** The argument that names a cluster. */
export function conf(dir) {
  return ['-c', path.join(dir, 'ceph.conf')];
}

const KEYS = [
  ['mon.', ['mon', 'allow *']],
  ['client.admin', ['mon', 'allow *'], ['osd', 'allow *'], ['mgr', 'allow *'], ['mds', 'allow *']],
  ['mgr.x', ['mon', 'allow profile mgr'], ['osd', 'allow *'], ['mds', 'allow *']],
  ['osd.0', ['mon', 'allow profile osd'], ['osd', 'allow *'], ['mgr', 'allow profile osd']],
  ['client.rgw', ['mon', 'allow rw'], ['osd', 'allow rwx'], ['mgr', 'allow rw']],
];

// No admin socket: its path would be too long for a socket in many a directory, and nothing here asks it. bluestore,
// because data must survive a restart; its file of 8 GiB is sparse. tcp_nodelay: without it a GET takes 44 ms. No
// cache: gateways tell each other what to forget, and after one was killed a new bucket would wait 30 s for its word.
// What is removed leaves the disk within seconds, or large files of tests would fill it. With the key `testkey-1` a test can
// ask for aws:kms.
function configuration(dir, { fsid, address, port }) {
  return `[global]
fsid = ${fsid}
mon host = ${address}
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
osd crush chooseleaf type = 0
log file = ${dir}/log/$name.log
admin socket =
run dir = ${dir}/run
keyring = ${dir}/keyring
[mon.a]
mon data = ${dir}/mon
mon data avail crit = 1
mon data avail warn = 2
[mgr.x]
mgr data = ${dir}/mgr
[osd.0]
osd data = ${dir}/osd
osd objectstore = bluestore
bluestore block size = 8589934592
bluestore block create = true
osd class load list = *
osd class default list = *
osd memory target = 1073741824
[client.rgw]
rgw data = ${dir}/rgw
rgw frontends = ${frontend(port)}
rgw cache enabled = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo= testkey-2=aWIKTWFrZWZpbGUKbWFuCm91dApzcmMKVGVzdGluZwo=
rgw enable usage log = false
rgw enable ops log = false
rgw gc max objs = 8
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
rgw lc max objs = 8
`;
}

/** Where and how a gateway listens. */
export function frontend(port) {
  return `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`;
}
