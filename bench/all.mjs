// The benches one after the other; each gets the arguments. The disk's first: the other one leaves it many deleted files.
//   node bench/all.mjs [--check] [--only TEXT] [--rounds N]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const name of ['fs.mjs', 'documents.mjs', 'aws.mjs', 'hai.mjs']) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exitCode ||= status ?? 1;
  if (status === null) break;
}
