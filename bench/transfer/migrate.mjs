// One migration in a process of its own: CONFIG TARGET COUNT. Fails unless so many documents arrived.
import { Agent } from 'jacs-agent';

const [config, target, count] = process.argv.slice(2);
const to = target.startsWith('s3:') ? { jacs_default_storage: 'aws' } : {};
const report = await Agent.migrate({
  from: config,
  to: { ...to, jacs_data_directory: target, jacs_key_directory: './none' },
});
// The agent's own document comes too.
const complete = report.copied === Number(count) + 1 && report.failed === 0 && report.root.from === report.root.to;
if (!complete) {
  console.error(report);
  process.exitCode = 1;
}
