// What is in a server's store, past all that is measured: on WebDAV its disk, on S3 another client.
import fs from 'node:fs';
import path from 'node:path';
import { DeleteObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** `{ sizeOf(name), remove(name) }` for `{ folder }`, or for `{ s3, bucket }` with the settings of a client. */
export function storedAt({ folder, s3, bucket }) {
  if (folder) {
    return {
      sizeOf: async (name) => fs.statSync(path.join(folder, name)).size,
      remove: async (name) => fs.rmSync(path.join(folder, name), { force: true }),
    };
  }
  const client = new S3Client(s3);
  return {
    sizeOf: async (Key) => (await client.send(new HeadObjectCommand({ Bucket: bucket, Key }))).ContentLength,
    remove: (Key) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key })),
  };
}
