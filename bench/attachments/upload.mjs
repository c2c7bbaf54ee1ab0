// The other side on S3: Upload of @aws-sdk/lib-storage, which sends parts, four at a time. It hashes no file.
import fs from 'node:fs';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { must } from '../support/answer.mjs';
import { readHashed } from './calls.mjs';
import { MIB } from './source.mjs';
import { storedAt } from './stored.mjs';

/** `s3` and `client` are settings of the client, `upload` of the upload. */
export async function open({ s3, client: settings, upload, bucket, source, stored }) {
  const client = new S3Client({ ...s3, ...settings });
  const server = storedAt(stored);
  const name = `theirs/${source.name}`;
  const send = () => {
    const Body = fs.createReadStream(source.file, { highWaterMark: MIB });
    return new Upload({ client, params: { Bucket: bucket, Key: name, Body }, ...upload }).done();
  };
  let sent;
  const passes = {
    create: {
      async run() {
        await send();
        return 1;
      },
      async teardown() {
        must((await server.sizeOf(name)) === source.size, 'the server has not all bytes');
        await server.remove(name);
      },
    },
    read: {
      async setup() {
        sent ??= await send();
      },
      async run() {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
        await readHashed(Body, source);
        return 1;
      },
    },
  };
  const close = async () => {
    if (sent) await server.remove(name);
    client.destroy();
  };
  return { passes, calls: {}, close };
}
