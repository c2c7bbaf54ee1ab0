// `npm run check:generated`: native.js and native.d.ts, as committed, are what the build makes of the sources.
import { Failure, main, npm, status } from './process.mjs';

const FILES = ['native.js', 'native.d.ts'];

main(() => {
  npm(['run', '--silent', 'build:debug']);
  if (
    status('git', ['diff', '--exit-code', '--', ...FILES]) !== 0 ||
    status('git', ['ls-files', '--error-unmatch', ...FILES]) !== 0
  ) {
    throw new Failure(`${FILES.join(' and ')} are stale: commit what the build wrote`);
  }
});
