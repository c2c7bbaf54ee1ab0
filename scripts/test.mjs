// `npm test`: installs, builds and runs everything, from a fresh clone on. Arguments go to jest.
// `--soak` runs what goes in rounds, with as many as a night has time for: the JavaScript tests on the release addon,
// the Rust tests in the debug build, which also checks for overflows.
import fs from 'node:fs';
import path from 'node:path';
import { line, none, ofCargoLine, ofJestFile, sum, withExitCode } from './counts.mjs';
import { installPackages } from './install.mjs';
import { Failure, follow, main, npm, root, status, underCI } from './process.mjs';
import { installTools } from './system.mjs';
import { checkToolchain, hostTarget } from './toolchain.mjs';
import { startServers } from './servers/attached.mjs';
import { installMoto, pythonWithJacs } from './venv.mjs';

/** The Rust tests that go in rounds. */
const SOAKED = ['crash', 'power_cut'];

const soak = process.argv.includes('--soak');
const jestArguments = process.argv.slice(2).filter((argument) => argument !== '--soak');

main(async () => {
  const started = Date.now();
  checkToolchain();
  installPackages();
  const env = testEnvironment();
  if (!soak) npm(['run', '--silent', 'build:debug']);
  const total = await withServers(env, async () => {
    const cargo = await cargoTests(env);
    npm(['run', '--silent', 'build']);
    return sum(cargo, jestTests(env));
  });
  console.log(`\n${Math.round((Date.now() - started) / 1000)} s`);
  console.log(line(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
});

function testEnvironment() {
  const missing = installTools();
  for (const tool of missing)
    console.log(`missing: ${tool.name} (${tool.packages.join(' ')}); left out: ${tool.leavesOut}`);
  const jacs = pythonWithJacs();
  if (!jacs) console.log('left out: exchange with jacs 0.15.0 (python)');
  const moto = installMoto();
  if (!moto) console.log('left out: what S3 has and Ceph lacks (moto)');
  if (missing.length > 0 && !underCI) console.log('JACS_TEST_INSTALL=1 npm test, as root, installs what is missing');
  if (underCI && (missing.length > 0 || !jacs || !moto)) throw new Failure('under CI=true nothing may be left out');
  return {
    ...process.env,
    ...(jacs && { JACS_PYTHON: jacs }),
    ...(soak && { JACS_TEST_SOAK: '1', JACS_TEST_ADDON: 'release' }),
  };
}

/** Runs the tests beside servers of their own, or beside those that JACS_TEST_SERVERS names. */
async function withServers(env, tests) {
  if (process.platform !== 'linux' || env.JACS_TEST_SERVERS) return tests();
  const servers = await startServers();
  try {
    if (underCI && !servers.complete) throw new Failure('a server did not start');
    env.JACS_TEST_SERVERS = servers.file;
    return await tests();
  } finally {
    await servers.stop();
  }
}

async function cargoTests(testEnv) {
  let counts = none;
  const count = (text) => (counts = sum(counts, ofCargoLine(text)));
  // napi names the target when it builds; naming the same one here shares what it compiled.
  const env = { CARGO_BUILD_TARGET: hostTarget(), ...testEnv };
  const chosen = soak ? SOAKED.flatMap((name) => ['--test', name]) : [];
  const code = await follow('cargo', ['test', '--locked', '--no-fail-fast', ...chosen], count, { env });
  return withExitCode(counts, code);
}

function jestTests(env) {
  const file = path.join(root, 'target', 'jest.json');
  fs.rmSync(file, { force: true });
  const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
  const flags = ['--json', `--outputFile=${path.relative(root, file)}`, ...(underCI ? ['--ci'] : [])];
  const code = status(process.execPath, [jest, ...flags, ...jestArguments], { env });
  return withExitCode(ofJestFile(file), code);
}
