// Says at the end how much memory the process had at most, in MiB. Not by its resource usage: that of a new process begins
// with what its parent had.
import fs from 'node:fs';

process.on('exit', () => {
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  console.log(kibibytes / 1024);
});
