// How fast are documents stored on S3, read and listed, beside AWS's own client that neither signs nor verifies them?
//   node bench/aws.mjs [--check] [--only TEXT] [--rounds N] [--documents N] [--stored N]
// --check: exit code 1 when a target is missed. --only: just the questions with TEXT in their names. Then, and with other
// numbers of documents, no file is kept.
// Needs the release addon (npm run build), and Ceph's gateway: that of JACS_TEST_SERVERS or of `npm run servers`; else it
// is started. What is written stays in a bucket of its own there.
//
// Both sides speak to one gateway and one bucket, over plain HTTP on this machine, with 64 operations under way, in turns;
// each in a process of its own that keeps its connections, so that the processors' time is that of the whole client, all
// threads, and of nothing else.
// - The documents are 1 KiB of JSON. createDocument parses, signs and stores them (about 2 KiB), on the condition that
//   nothing is there. The other side has those bytes ready, and just puts them under keys of the same form.
// - getDocument reads past the cache and verifies hash and signature; the other side makes a text of the bytes, no more.
//   By id alone, both list the versions and read the greatest.
// - The SDK may have 64 connections, as ours (its default is 50), and keeps them. It is asked twice: as it comes, with
//   checksums of its own (WHEN_SUPPORTED), and without those that S3 does not demand (WHEN_REQUIRED). Over plain HTTP it
//   sends the SHA-256 of the bytes in both, which the request's signature covers; ours sends their MD5 so.
import { createRequire } from 'node:module';
import { measureBeside } from './remote/beside.mjs';

const AS_IT_COMES = 'WHEN_SUPPORTED';
const LEAST = 'WHEN_REQUIRED';

const CREATE = { ours: 'create', target: 1, cpuTarget: 1, mostRequests: 1 };
const GET = { ours: 'get', target: 1 };
const NEWEST = { ours: 'newest', target: 1 };

process.exitCode = await measureBeside({
  name: 'aws',
  server: 'rgw',
  storage: 'aws',
  peer: `@aws-sdk/client-s3 ${createRequire(import.meta.url)('@aws-sdk/client-s3/package.json').version}`,
  sizes: { documents: 640, stored: 10_000 },
  place,
  questions: [
    { name: 'createDocument; PutObject of the same bytes', ...CREATE, peer: [AS_IT_COMES, 'create'] },
    { name: `createDocument; PutObject, ${LEAST}`, ...CREATE, peer: [LEAST, 'create'] },
    { name: 'getDocument, id:version; GetObject', ...GET, peer: [AS_IT_COMES, 'get'] },
    { name: `getDocument, id:version; GetObject, ${LEAST}`, ...GET, peer: [LEAST, 'get'] },
    { name: 'getDocument, id; ListObjectsV2, GetObject', ...NEWEST, peer: [AS_IT_COMES, 'newest'] },
    { name: 'listDocuments; ListObjectsV2', ours: 'list', peer: [AS_IT_COMES, 'list'] },
  ],
});

async function place({ servers, newBucket, s3Variables }) {
  const { region, accessKey, secretKey, endpoint } = servers.rgw;
  const bucket = await newBucket();
  return {
    url: endpoint,
    data: (name) => `s3://${bucket}/${name}`,
    env: (url) => s3Variables(servers.rgw, { endpoint: url }),
    peers(url) {
      const sdk = { server: { endpoint: url, region, accessKey, secretKey }, bucket, store: 'store' };
      const side = (checksums) => [checksums, ['sdk.mjs', { ...sdk, checksums }]];
      return Object.fromEntries([AS_IT_COMES, LEAST].map(side));
    },
  };
}
