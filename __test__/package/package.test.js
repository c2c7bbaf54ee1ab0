'use strict';
// The package as it is shipped: what the tarball carries, and that it works where it is installed.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { releaseAddon, root } = require('../support/addon.js');
const { temporaryFolder } = require('../support/folder.js');
const { describeWith } = require('../support/needs.js');
const { copyOfSources, filesIn, pack, projectWith } = require('../support/packed.js');
const { OWN_ADDON, run, succeed } = require('../support/run.js');

const MINUTES = 60_000;
const SHIPPED =
  /^(docs\/[a-z0-9]+\.md|(index|native|streams)\.js|index\.d\.ts|package\.json|README\.md|LICENSE|CHANGELOG\.md|cli\/[\w/-]+\.js|[\w.-]+\.node)$/;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'prepublish'];

jest.setTimeout(5 * MINUTES);

// The addon in the tarball is under test, not the one that the other tests use.
const env = OWN_ADDON;
const tool = (name) => path.join(root, 'node_modules', '.bin', name);

describeWith(['release addon'], 'the package', () => {
  let tarball;
  let project;
  const node = (args, options) => succeed(process.execPath, args, { cwd: project, env, ...options });

  beforeAll(async () => {
    tarball = await pack(copyOfSources());
    project = await projectWith(tarball, ['jest', 'typescript', '@types/node', '@types/jest']);
    fs.cpSync(path.join(__dirname, 'fixtures', 'consumer'), project, { recursive: true });
  });

  describe('the tarball', () => {
    test('carries the release addon of this platform, the interface and the command, and nothing else', async () => {
      const files = await filesIn(tarball);
      expect(files.filter((name) => !SHIPPED.test(name))).toEqual([]);
      const needed = [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'cli/main.js',
        'index.d.ts',
        'index.js',
        'streams.js',
        'native.js',
        'package.json',
      ];
      expect(files).toEqual(expect.arrayContaining([...needed, path.basename(releaseAddon())]));
    });

    test('carries the addon unchanged', () => {
      const installed = path.join(project, 'node_modules', 'jacs-agent', path.basename(releaseAddon()));
      expect(sha256(installed)).toBe(sha256(releaseAddon()));
    });

    test('runs nothing on installation', () => {
      const installed = path.join(project, 'node_modules', 'jacs-agent');
      const { scripts = {} } = JSON.parse(fs.readFileSync(path.join(installed, 'package.json')));
      expect(INSTALL_SCRIPTS.filter((name) => name in scripts)).toEqual([]);
      expect(fs.existsSync(path.join(installed, 'binding.gyp'))).toBe(false);
      const lock = JSON.parse(fs.readFileSync(path.join(project, 'package-lock.json')));
      expect(lock.packages['node_modules/jacs-agent'].hasInstallScript).toBeUndefined();
    });

    test('pleases publint', async () => {
      await succeed(tool('publint'), ['run', tarball, '--strict'], { cwd: project, env });
    });

    test(
      'has types that resolve under every module setting',
      async () => {
        await succeed(tool('attw'), [tarball], { cwd: project, env });
      },
      MINUTES,
    );
  });

  describe('installed', () => {
    test('require and import give the same classes', async () => {
      const script = `
        const required = require('jacs-agent');
        import('jacs-agent').then((imported) => {
          for (const name of ['Agent', 'JacsAgent', 'JacsError']) {
            if (typeof required[name] !== 'function' || imported[name] !== required[name]) throw new Error(name);
          }
        });`;
      await node(['-e', script]);
    });

    test.each(['node16', 'nodenext', 'bundler'])(
      'compiles in strict TypeScript, moduleResolution %s',
      async (name) => {
        await node([path.join('node_modules', 'typescript', 'bin', 'tsc'), '--project', `tsconfig.${name}.json`]);
      },
      MINUTES,
    );

    test(
      'what was compiled runs in jest, where failures are instances of Error',
      async () => {
        await node([path.join('node_modules', 'jest', 'bin', 'jest.js'), '--ci', '--rootDir', 'out-node16']);
      },
      MINUTES,
    );

    test('what was compiled to a module runs', async () => {
      await node([path.join('out-node16', 'module.mjs')]);
    });

    test('the command is there', async () => {
      const command = path.join(project, 'node_modules', '.bin', 'jacs-agent');
      const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json')));
      expect(await succeed(command, ['--version'], { cwd: project, env })).toContain(version);
    });
  });

  describe('without a fitting addon', () => {
    const report = `
      try { require('jacs-agent'); } catch (error) {
        const { name, code, message } = error;
        console.log(JSON.stringify({ name, code, message, isError: error instanceof Error, caused: error.cause instanceof Error }));
      }`;
    const unsupported = (platform) => ({
      name: 'JacsError',
      code: 'JACS_UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`${platform}.*npm run build`, 's')),
      isError: true,
      caused: true,
    });

    test('the error names this platform and the command that builds one', async () => {
      const folder = temporaryFolder();
      const installed = path.join(folder, 'node_modules', 'jacs-agent');
      const filter = (file) => !file.endsWith('.node');
      fs.cpSync(path.join(project, 'node_modules', 'jacs-agent'), installed, { recursive: true, filter });
      const printed = await node(['-e', report], { cwd: folder });
      expect(JSON.parse(printed)).toEqual(unsupported(process.platform));
    });

    test('the error names a platform that nobody builds for', async () => {
      const preload = path.join(project, 'sunos.js');
      fs.writeFileSync(preload, `Object.defineProperty(process, 'platform', { value: 'sunos' });`);
      const printed = await node(['--require', preload, '-e', report]);
      expect(JSON.parse(printed)).toEqual(unsupported('sunos'));
    });
  });

  describe('npm pack refuses', () => {
    const refused = (source) => run('npm', ['pack', '--dry-run'], { cwd: source, env });

    test('without the release addon', async () => {
      const source = copyOfSources();
      for (const name of fs.readdirSync(source)) if (name.endsWith('.node')) fs.rmSync(path.join(source, name));
      const { code, stderr } = await refused(source);
      expect(stderr).toContain('npm run build');
      expect(code).not.toBe(0);
    });

    test('with an addon that is older than a source file', async () => {
      const source = copyOfSources();
      const later = new Date(fs.statSync(releaseAddon()).mtimeMs + 1000);
      fs.utimesSync(path.join(source, 'src', 'lib.rs'), later, later);
      const { code, stderr } = await refused(source);
      expect(stderr).toContain(path.join('src', 'lib.rs'));
      expect(code).not.toBe(0);
    });
  });
});

function sha256(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}
