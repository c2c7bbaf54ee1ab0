// The other side on S3: @aws-sdk/client-s3, which signs requests but no documents, and verifies none.
import fs from 'node:fs';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { inFlight } from '../support/measure.mjs';

/**
 * `signed` is a file with the texts that are written, `keys` one with those of documents below the prefix `store`, of
 * which `documents` are read. `checksums` is the client's setting for requests and answers.
 */
export async function open({ server, bucket, checksums, signed, keys, store, documents, concurrency }) {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: concurrency } },
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
  });
  const known = JSON.parse(fs.readFileSync(keys, 'utf8')).slice(0, documents);
  const objects = known.map((key) => `${store}/documents/${key.replace(':', '/')}.json`);
  const prefixes = objects.map((object) => object.slice(0, object.lastIndexOf('/') + 1));
  const bodies = JSON.parse(fs.readFileSync(signed, 'utf8')).slice(0, documents).map(bodyOf);

  async function get(Key) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return Body.transformToString();
  }
  async function newest(Prefix) {
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }));
    return get(Contents.map(({ Key }) => Key).reduce((a, b) => (a > b ? a : b)));
  }
  async function list() {
    let found = 0;
    let ContinuationToken;
    do {
      const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: `${store}/documents/`, ContinuationToken });
      const page = await client.send(command);
      found += page.Contents.length;
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    return found;
  }
  let made = 0;
  const passes = {
    // Below a new prefix each time, because the keys are the same.
    create: {
      setup: () => `sdk-${process.pid}-${made++}`,
      run: (prefix) =>
        inFlight(bodies, concurrency, ({ name, Body }) => {
          const Key = `${prefix}/documents/${name}`;
          return client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType: 'application/json' }));
        })(),
    },
    get: inFlight(objects, concurrency, get),
    newest: inFlight(prefixes, concurrency, newest),
    list,
  };
  const calls = {
    get: (key) => get(`${store}/documents/${key.replace(':', '/')}.json`),
    newest: (id) => newest(`${store}/documents/${id}/`),
  };
  return { passes, calls, close: () => client.destroy() };
}

function bodyOf(text) {
  const { jacsId, jacsVersion } = JSON.parse(text);
  return { name: `${jacsId}/${jacsVersion}.json`, Body: Buffer.from(text) };
}
