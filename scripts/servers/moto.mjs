// moto, a simulation of AWS, for what the RADOS Gateway lacks. It takes any credentials and keeps nothing.
import fs from 'node:fs';
import path from 'node:path';
import { answers, end, freePorts, launch, ready, runs } from './daemon.mjs';
import { motoServer } from '../venv.mjs';

export const programs = [motoServer];

/** Starts moto; with the record of an earlier start, on the same port when it does not run. */
export async function start(dir, before) {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const port = before?.port ?? (await freePorts(1))[0];
  const endpoint = `http://127.0.0.1:${port}`;
  const log = path.join(dir, 'moto.log');
  const args = ['-H', '127.0.0.1', '-p', String(port)];
  const record =
    before && runs(before.processes[0]) ? before.processes[0] : await launch('moto', motoServer, args, log);
  try {
    await ready(record, () => answers(`${endpoint}/moto-api/`));
  } catch (error) {
    await end(record);
    throw error;
  }
  return { endpoint, region: 'us-east-1', accessKey: 'moto', secretKey: 'moto', port, dir, processes: [record] };
}

export async function stop({ processes }) {
  for (const record of processes) await end(record);
}
