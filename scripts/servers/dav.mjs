// Apache's WebDAV, with a password, a bearer token, and TLS.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Failure, output } from '../process.mjs';
import { answers, end, freePorts, launch, ready, runs } from './daemon.mjs';
import { makeCertificates } from './tls.mjs';

export const programs = ['apache2', 'openssl'];

const MODULES = '/usr/lib/apache2/modules';
const LOADED = [
  ...['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic', 'setenvif', 'socache_shmcb'],
  ...['authn_socache', 'dav', 'dav_fs', 'dav_lock', 'ssl', 'mime'],
];
const USER = 'hai';

/**
 * Starts a server; with the record of an earlier start, the same again when it does not run, with its data. Without
 * `depthInfinity` it refuses to list more than one level, as most servers do.
 */
export async function start(dir, before, { depthInfinity = true } = {}) {
  const made = before ?? (await create(dir, depthInfinity));
  let record = made.processes[0];
  if (!record || !runs(record)) {
    // Killed alone, the first process leaves others behind that still hold the port.
    if (record) await end(record);
    fs.rmSync(path.join(dir, 'httpd.pid'), { force: true });
    const args = ['-f', path.join(dir, 'httpd.conf'), '-DFOREGROUND'];
    record = await launch('apache2', 'apache2', args, path.join(dir, 'logs', 'output.log'));
    try {
      await ready(record, () => answers(made.url));
    } catch (error) {
      await end(record);
      throw error;
    }
  }
  return { ...made, processes: [record] };
}

export async function stop({ processes }) {
  for (const record of processes) await end(record);
}

async function create(dir, depthInfinity) {
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true, mode: 0o711 });
  const owner = servingUser();
  if (owner) checkReachable(dir);
  for (const name of ['data', 'lock', 'run', 'logs']) {
    fs.mkdirSync(path.join(dir, name));
    if (owner) fs.chownSync(path.join(dir, name), owner.uid, owner.gid);
  }
  const [port, tlsPort] = await freePorts(2);
  const password = randomBytes(12).toString('hex');
  const token = randomBytes(16).toString('hex');
  // SHA-1, because with bcrypt Apache does 160 requests a second.
  const hash = createHash('sha1').update(password).digest('base64');
  fs.writeFileSync(path.join(dir, 'htpasswd'), `${USER}:{SHA}${hash}\n`, { mode: 0o600 });
  if (owner) fs.chownSync(path.join(dir, 'htpasswd'), owner.uid, owner.gid);
  const certificates = await makeCertificates(path.join(dir, 'tls'));
  const text = configuration(dir, { port, tlsPort, token, depthInfinity, owner, certificates });
  fs.writeFileSync(path.join(dir, 'httpd.conf'), text, { mode: 0o600 });
  return {
    url: `http://127.0.0.1:${port}`,
    tlsUrl: `https://localhost:${tlsPort}`,
    ca: certificates.ca,
    username: USER,
    password,
    token,
    depthInfinity,
    data: path.join(dir, 'data'),
    dir,
    processes: [],
  };
}

// Apache refuses to serve as root; another user's own account serves as itself.
function servingUser() {
  if (process.getuid() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(output('id', [flag, 'www-data'])));
  return { uid, gid };
}

function checkReachable(dir) {
  for (let folder = dir; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (!(fs.statSync(folder).mode & 0o001)) {
      throw new Failure(`${folder} is closed to www-data, who serves ${dir}: choose another directory`);
    }
  }
}

function configuration(dir, { port, tlsPort, token, depthInfinity, owner, certificates }) {
  return `ServerRoot ${dir}
ServerName localhost
DefaultRuntimeDir ${dir}/run
PidFile ${dir}/httpd.pid
ErrorLog ${dir}/logs/error.log
LogLevel warn
${owner ? 'User www-data\nGroup www-data' : ''}
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${tlsPort}
${LOADED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
DAVLockDB ${dir}/lock/DAVLock
DocumentRoot ${dir}/data
MaxKeepAliveRequests 0
LimitRequestBody 0
AuthnCacheEnable
<Directory ${dir}/data>
  Dav On
  DavDepthInfinity ${depthInfinity ? 'On' : 'Off'}
  <RequireAny>
    Require expr "%{HTTP:Authorization} == 'Bearer ${token}'"
    Require valid-user
  </RequireAny>
  AuthType Basic
  AuthName dav
  AuthBasicProvider socache file
  AuthnCacheProvideFor file
  AuthUserFile ${dir}/htpasswd
</Directory>
<VirtualHost 127.0.0.1:${tlsPort}>
  SSLEngine on
  SSLCertificateFile ${certificates.certificate}
  SSLCertificateKeyFile ${certificates.key}
</VirtualHost>
`;
}
