// bind9 with a tree of zones of its own below `test`, signed down from a trust anchor of its own: no root is asked.
//
// Zones are `{ 'example.test': { dnssec, records } }`: `records` are lines of a zone file; `dnssec`, what DNSSEC makes of them:
// - `signed` (the default) and `nsec3`: proven, and so is what is not there
// - `unsigned`: nothing is said about them, and that is proven
// - `bogus`: what stands there is not what was signed: texts had a part more then
// - `expired`: the signatures are old
// - `stripped`: there should be signatures and there are none
// - `missing`: the server fails to answer for them
import fs from 'node:fs';
import path from 'node:path';
import { Failure } from '../process.mjs';
import { end, freePorts, launch, ready, runs, tool } from './daemon.mjs';
import { ZONES } from './zones.mjs';

export const programs = ['named', 'dnssec-keygen', 'dnssec-signzone', 'dnssec-dsfromkey', 'dig'];

const PARENT = 'test';
const KINDS = ['signed', 'nsec3', 'unsigned', 'bogus', 'expired', 'stripped', 'missing'];
/** What the texts of a bogus zone had beside the rest when they were signed. */
const CHANGED = 'was=other; ';

/**
 * Starts a server; with the record of an earlier start, the same again when it does not run. Zones that changed since are
 * published: the promise resolves when they are answered.
 */
export async function start(dir, before, { zones = before?.zones ?? ZONES } = {}) {
  fs.mkdirSync(path.join(dir, 'keys'), { recursive: true, mode: 0o700 });
  const port = before?.port ?? (await freePorts(1))[0];
  const running = before && runs(before.processes[0]);
  const unchanged = JSON.stringify(before?.zones) === JSON.stringify(zones);
  if (running && unchanged) return before;
  // Larger than all before, also where a record was lost.
  const serial = Math.max((before?.serial ?? 0) + 1, Math.floor(Date.now() / 1000));
  await publish(dir, port, zones, serial);
  const record = running ? before.processes[0] : await launched(dir);
  if (running) process.kill(record.pid, 'SIGHUP');
  try {
    for (const zone of [PARENT, ...Object.keys(zones).filter((name) => zones[name].dnssec !== 'missing')]) {
      await ready(record, () => answers(port, zone, serial), 30);
    }
  } catch (error) {
    await end(record);
    throw error;
  }
  return { address: `127.0.0.1:${port}`, anchor: anchorFile(dir), zones, serial, port, dir, processes: [record] };
}

export async function stop({ processes }) {
  for (const record of processes) await end(record);
}

// In the foreground, and its log on the standard error.
function launched(dir) {
  return launch('named', 'named', ['-g', '-n', '1', '-c', path.join(dir, 'named.conf')], path.join(dir, 'named.log'));
}

async function answers(port, zone, serial) {
  const args = ['@127.0.0.1', '-p', String(port), '+time=1', '+tries=1', '+short', 'SOA', zone];
  const soa = await tool('dig', args).catch(() => '');
  return soa.split(' ')[2] === String(serial);
}

async function publish(dir, port, zones, serial) {
  for (const [name, { dnssec = 'signed' }] of Object.entries(zones)) {
    if (!/^[a-z0-9-]+\.test$/.test(name) || !KINDS.includes(dnssec))
      throw new Failure(`no such zone: ${name} ${dnssec}`);
  }
  const signed = await Promise.all(Object.entries(zones).map(([name, zone]) => child(dir, name, zone, serial)));
  const delegations = Object.keys(zones).flatMap((name) => [`${name}. NS ns.${name}.`, `ns.${name}. A 127.0.0.1`]);
  const parent = zoneFile(dir, PARENT, serial, [...delegations, ...signed.flat()]);
  await key(dir, PARENT);
  await sign(dir, PARENT, parent);
  fs.writeFileSync(anchorFile(dir), dnskey(dir, PARENT));
  fs.writeFileSync(path.join(dir, 'named.conf'), configuration(dir, port, [PARENT, ...Object.keys(zones)]));
}

/** Writes a zone below the parent; what the parent says about its keys. */
async function child(dir, name, { dnssec = 'signed', records }, serial) {
  const published = path.join(dir, `${name}.published`);
  fs.rmSync(published, { force: true });
  const lines = dnssec === 'bogus' ? records.map((line) => line.replace('"v=', `"${CHANGED}v=`)) : records;
  const file = zoneFile(dir, name, serial, lines);
  if (dnssec === 'missing') return [];
  if (dnssec === 'unsigned') {
    fs.copyFileSync(file, published);
    return [];
  }
  await key(dir, name);
  if (dnssec === 'stripped') fs.copyFileSync(file, published);
  else await sign(dir, name, file, dnssec);
  if (dnssec === 'bogus') {
    fs.writeFileSync(published, fs.readFileSync(published, 'utf8').replaceAll(CHANGED, ''));
  }
  return [(await tool('dnssec-dsfromkey', ['-2', keyFile(dir, name)])).trim()];
}

function zoneFile(dir, name, serial, lines) {
  const file = path.join(dir, `${name}.zone`);
  const head = [`$ORIGIN ${name}.`, '$TTL 300', `@ SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ NS ns'];
  fs.writeFileSync(file, [...head, 'ns A 127.0.0.1', ...lines, ''].join('\n'));
  return file;
}

async function sign(dir, name, file, dnssec) {
  const times = dnssec === 'expired' ? ['-P', '-s', '20200101000000', '-e', '20200201000000'] : [];
  const denial = dnssec === 'nsec3' ? ['-3', '-'] : [];
  const args = ['-q', '-S', '-z', '-N', 'keep', ...times, ...denial, '-K', path.join(dir, 'keys'), '-d', dir];
  await tool('dnssec-signzone', [...args, '-o', name, '-f', path.join(dir, `${name}.published`), file]);
}

async function key(dir, name) {
  if (keyFile(dir, name)) return;
  const args = ['-q', '-a', 'ECDSAP256SHA256', '-f', 'KSK', '-K', path.join(dir, 'keys'), name];
  await tool('dnssec-keygen', args);
}

function keyFile(dir, name) {
  const folder = path.join(dir, 'keys');
  const file = fs.readdirSync(folder).find((entry) => entry.startsWith(`K${name}.+`) && entry.endsWith('.key'));
  return file && path.join(folder, file);
}

function dnskey(dir, name) {
  const lines = fs.readFileSync(keyFile(dir, name), 'utf8').split('\n');
  return `${lines.filter((line) => line.includes('DNSKEY')).join('\n')}\n`;
}

function anchorFile(dir) {
  return path.join(dir, 'anchor');
}

function configuration(dir, port, names) {
  const zones = names.map((name) => `zone "${name}" { type primary; file "${name}.published"; };`);
  return `options {
  directory "${dir}";
  pid-file "${dir}/named.pid";
  session-keyfile "${dir}/session.key";
  managed-keys-directory "${dir}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  allow-transfer { none; };
};
controls { };
${zones.join('\n')}
`;
}
