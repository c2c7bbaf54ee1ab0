// Adds up what the test runners report.
import fs from 'node:fs';

export const none = { passed: 0, failed: 0, skipped: 0 };

export function sum(...counts) {
  return counts.reduce(
    (a, b) => ({
      passed: a.passed + b.passed,
      failed: a.failed + b.failed,
      skipped: a.skipped + b.skipped,
    }),
    none,
  );
}

/**
 * The counts in a line of cargo's such as `test result: ok. 6 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out;`.
 * Nothing is filtered out of our runs: a line that says otherwise is of a child, which a test started from its own program.
 */
export function ofCargoLine(line) {
  const found = /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored; .* 0 filtered out;/.exec(line);
  if (!found) return none;
  const [passed, failed, skipped] = found.slice(1).map(Number);
  return { passed, failed, skipped };
}

/** The counts in the file that `jest --json --outputFile` wrote; a suite that could not run is one failure. */
export function ofJestFile(file) {
  if (!fs.existsSync(file)) return none;
  const result = JSON.parse(fs.readFileSync(file, 'utf8'));
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

/** A run that failed without a failed test (it did not compile, it was killed) is one failure. */
export function withExitCode(counts, code) {
  return code !== 0 && counts.failed === 0 ? sum(counts, { ...none, failed: 1 }) : counts;
}

export function line({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
}
