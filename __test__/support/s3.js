'use strict';
// One signed request to an S3 server, by node alone: a witness that shares no code with what is tested.

const { createHash, createHmac } = require('node:crypto');

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

/**
 * Asks `/bucket/key` of a server `{ endpoint, region }` with the keys of a user `{ accessKey, secretKey }`, and resolves
 * to `{ status, headers, body }`, the body as a Buffer. `query` is an object; a subresource such as `?versioning` is
 * `{ versioning: '' }`.
 */
async function s3(method, path, { at, as = at, query = {}, headers = {}, body = '' }) {
  const url = new URL(at.endpoint);
  const pathname = `/${path.split('/').map(encoded).join('/')}`;
  const search = Object.entries(query)
    .map(([name, value]) => `${encoded(name)}=${encoded(String(value))}`)
    .sort()
    .join('&');
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const hash = sha256(body);
  const sent = lowercased({ ...headers, host: url.host, 'x-amz-date': time, 'x-amz-content-sha256': hash });
  const names = Object.keys(sent).sort();
  const signedHeaders = names.join(';');
  const canonical = [
    method,
    pathname,
    search,
    ...names.map((name) => `${name}:${sent[name]}`),
    '',
    signedHeaders,
    hash,
  ];
  const scope = `${time.slice(0, 8)}/${at.region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical.join('\n'))].join('\n');
  const key = scope.split('/').reduce(hmac, `AWS4${as.secretKey}`);
  const signature = hmac(key, text).toString('hex');
  sent.authorization = `AWS4-HMAC-SHA256 Credential=${as.accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  const response = await fetch(`${url.origin}${pathname}${search && `?${search}`}`, {
    method,
    headers: sent,
    ...(body.length > 0 && { body }),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: Buffer.from(await response.arrayBuffer()),
  };
}

// S3 signs what encodeURIComponent leaves with these four encoded too.
function encoded(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function lowercased(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]));
}

module.exports = { s3 };
