// A certificate authority of our own with one server certificate, for this machine alone.
import fs from 'node:fs';
import path from 'node:path';
import { tool } from './daemon.mjs';

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const DAYS = '30';

const CONFIGURATION = `[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
`;

/** Makes ca.pem, cert.pem and key.pem in a new directory; their paths. */
export async function makeCertificates(dir) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = (name) => path.join(dir, name);
  fs.writeFileSync(file('openssl.cnf'), CONFIGURATION);
  const config = ['-config', file('openssl.cnf')];
  const authority = ['-x509', '-days', DAYS, '-subj', '/CN=Authority of the tests', '-extensions', 'authority'];
  await tool('openssl', ['req', ...config, ...EC, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem')]);
  const request = ['-subj', '/CN=localhost', '-keyout', file('key.pem'), '-out', file('server.csr')];
  await tool('openssl', ['req', ...config, ...EC, ...request]);
  const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', DAYS];
  const extensions = ['-extfile', file('openssl.cnf'), '-extensions', 'server'];
  await tool('openssl', [
    'x509',
    '-req',
    '-in',
    file('server.csr'),
    ...signer,
    ...extensions,
    '-out',
    file('cert.pem'),
  ]);
  return { ca: file('ca.pem'), certificate: file('cert.pem'), key: file('key.pem') };
}
