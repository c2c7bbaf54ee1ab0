// A store to S3: ours beside programs that copy files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openServers } from '../remote/servers.mjs';
import { ratio } from '../support/measure.mjs';

const WORKER = fileURLToPath(new URL('migrate.mjs', import.meta.url));
const TARGET = 1;

/** The comparisons, each `{ name, samples, ratio, target, met }` with milliseconds a copy. */
export async function migrations({ data, rounds, documents, asked }) {
  const opened = await openServers('rgw');
  if (!opened) {
    console.error('Ceph’s gateway is not there: npm run servers:install');
    process.exit(1);
  }
  try {
    const { servers, newBucket, s3Variables } = opened;
    const { endpoint, region, accessKey, secretKey } = servers.rgw;
    const bucket = await newBucket();
    const env = { ...process.env, ...s3Variables(servers.rgw, { endpoint }), AWS_ENDPOINT_URL: endpoint };
    // Where a proxy's certificates are configured, they are not those of this server.
    for (const name of ['AWS_CA_BUNDLE', 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) delete env[name];
    const remote = `:s3,provider=Ceph,access_key_id=${accessKey},secret_access_key=${secretKey},endpoint='${endpoint}',region=${region}`;
    const commands = {
      ours: (prefix) => [process.execPath, WORKER, data, `s3://${bucket}/${prefix}`, String(documents)],
      'rclone copy': (prefix) => ['rclone', '--config', '/dev/null', 'copy', data, `${remote}:${bucket}/${prefix}`],
      'aws s3 sync': (prefix) => ['aws', 's3', 'sync', '--only-show-errors', data, `s3://${bucket}/${prefix}`],
    };
    const peers = ['rclone copy', 'aws s3 sync'].filter((peer) => asked(`migrate; ${peer}`));
    const comparisons = [];
    let prefixes = 0;
    const copy = (side) => timed(commands[side](`copy-${prefixes++}`), env);
    for (const peer of peers) {
      const samples = { ours: [], peer: [] };
      await copy('ours');
      for (let round = 0; round < rounds; round++) {
        const order = [
          () => copy('ours').then((ms) => samples.ours.push(ms)),
          () => copy(peer).then((ms) => samples.peer.push(ms)),
        ];
        if (round % 2 === 1) order.reverse();
        for (const side of order) await side();
      }
      const found = ratio(samples.peer, samples.ours);
      comparisons.push({ name: `migrate; ${peer}`, samples, ratio: found, target: TARGET, met: found >= TARGET });
    }
    return comparisons;
  } finally {
    await opened.close();
  }
}

async function timed([command, ...args], env) {
  const start = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return Math.round(performance.now() - start);
}
