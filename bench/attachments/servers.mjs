// A file into a store on a server, and out of it, beside other clients on the same server.
import { startSide } from '../remote/side.mjs';
import { MIB } from './source.mjs';

/** Parts of our size, and as few checksums as the SDK ever makes: the quickest that its users get. */
const TUNED = { partSize: 8 * MIB, queueSize: 4 };
const LEAST = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' };

export function onServers(bench) {
  const { source, sizes } = bench;
  const mib = `${sizes.server} MiB`;
  const on = (server, module) => (pass, peerPass, settings) => async () => {
    const place = await bench.place(server);
    const file = source(sizes.server);
    const { storage, env, stored } = place;
    const ours = { storage, home: bench.home, env, data: place.data('ours'), prefix: 'ours', source: file, stored };
    const peer = { ...place.settings, ...settings, source: file, stored };
    const sides = [await startSide('../attachments/agent.mjs', ours, place.groups)];
    try {
      sides.push(await startSide(`../attachments/${module}`, peer, place.groups));
    } finally {
      bench.running.push(...sides);
    }
    return {
      ours: sides[0].pass(pass),
      peer: sides[1].pass(peerPass),
      async close() {
        for (const side of sides) await side.close();
        await place.reclaim();
      },
    };
  };
  const onS3 = on('rgw', 'upload.mjs');
  const onDav = on('dav', 'put.mjs');
  const questions = [
    {
      name: `createDocument, ${mib} to S3; Upload`,
      target: 0.9,
      server: 'rgw',
      sides: onS3('create', 'create', {}),
    },
    {
      name: `createDocument, ${mib} to S3; Upload, 8 MiB parts, WHEN_REQUIRED`,
      target: 0.9,
      server: 'rgw',
      sides: onS3('create', 'create', { upload: TUNED, client: LEAST }),
    },
    { name: `readAttachment, ${mib} from S3; GetObject, createHash`, server: 'rgw', sides: onS3('read', 'read', {}) },
    { name: `createDocument, ${mib} to WebDAV; fetch PUT`, server: 'dav', sides: onDav('create', 'fetch', {}) },
    { name: `createDocument, ${mib} to WebDAV; node:http PUT`, server: 'dav', sides: onDav('create', 'http', {}) },
    { name: `readAttachment, ${mib} from WebDAV; fetch, createHash`, server: 'dav', sides: onDav('read', 'read', {}) },
  ];
  return questions.map((question) => ({ ...question, times: 2 }));
}
