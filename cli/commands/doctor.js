'use strict';

const WIDTHS = [13];

function define(command) {
  command.description(
    'show configuration, keys and storage, and what is wrong with them; exit code 1 unless all is well',
  );
  command.option('--no-probe', 'write nothing: a server is not shown the object by which its abilities are found');
}

const examples = ['jacs-agent doctor', 'jacs-agent doctor --json | jq .warnings'];

async function run(session) {
  const { output, options } = session;
  const agent = await session.openReader();
  const diagnosis = await agent.doctor({ probe: options.probe });
  await (options.json ? output.json(diagnosis) : print(diagnosis, output));
  return diagnosis.ok ? 0 : 1;
}

async function print({ ok, settings, agent, keys, storage, warnings, advice }, output) {
  for (const { key, value, source } of settings) await output.row(['setting', `${key} = ${value} (${source})`], WIDTHS);
  for (const [part, facts] of Object.entries({ agent, keys, storage })) {
    for (const [name, value] of Object.entries(facts)) await output.row([part, `${name}: ${shown(value)}`], WIDTHS);
  }
  for (const warning of warnings) await output.row(['warning', warning], WIDTHS);
  for (const text of advice) await output.row(['advice', text], WIDTHS);
  await output.row(['ok', ok ? 'yes' : 'no'], WIDTHS);
}

const shown = (value) =>
  typeof value === 'object' && !Array.isArray(value)
    ? Object.entries(value)
        .map(([name, part]) => `${name} ${part}`)
        .join(', ')
    : value;

module.exports = { define, examples, run };
