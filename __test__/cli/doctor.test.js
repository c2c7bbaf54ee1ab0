'use strict';

const { withAgent } = require('./support.js');

test('shows every setting with its source, agent and storage', async () => {
  const workspace = await withAgent();
  const text = await workspace.done(['doctor'], { env: { JACS_PRIVATE_KEY_PASSWORD: undefined } });
  expect(text).toMatch(/^setting\tjacs_default_storage = fs \((file|default)\)$/m);
  expect(text).toMatch(/^agent\talgorithm: ring-Ed25519$/m);
  expect(text).toMatch(/^storage\tcreateOnce: atomic$/m);
  expect(text).toMatch(/^ok\tyes$/m);
});

test('--json; the environment counts', async () => {
  const workspace = await withAgent();
  const diagnosis = JSON.parse(await workspace.done(['doctor', '--json'], { env: { JACS_CACHE_BYTES: '0' } }));
  expect(diagnosis).toMatchObject({ ok: true, agent: { algorithm: 'ring-Ed25519' } });
  expect(diagnosis.settings).toContainEqual({ key: 'jacs_cache_bytes', value: '0', source: 'environment' });
});

test('a configuration that was edited by hand is a warning', async () => {
  const workspace = await withAgent();
  const config = JSON.parse(workspace.read('jacs.config.json'));
  workspace.write('jacs.config.json', { ...config, jacs_cache_bytes: 1000 });
  const { stdout } = await workspace.run(['doctor']);
  expect(stdout).toMatch(/^warning\t.*signature/m);
});

test('a configuration that cannot be read is refused', async () => {
  const workspace = await withAgent();
  workspace.write('jacs.config.json', '{');
  await workspace.refused(['doctor'], 'JACS_CONFIG');
});

test('wrong use', async () => {
  await (await withAgent()).misused(['doctor', 'now']);
});
