// One migration in a process of its own, to S3: DATA TARGET COUNT. Fails unless so many documents arrived.
import { Agent } from 'jacs-agent';
import { must } from '../support/answer.mjs';

const [data, target, count] = process.argv.slice(2);
const report = await Agent.migrate({
  from: { jacs_data_directory: data },
  to: { jacs_default_storage: 'aws', jacs_data_directory: target },
});
// The agent's own document comes too.
const complete = report.copied === Number(count) + 1 && report.failed === 0 && report.root.from === report.root.to;
must(complete, `${report.copied} objects were copied, ${report.failed} were not`);
