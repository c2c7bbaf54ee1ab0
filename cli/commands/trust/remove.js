'use strict';

function define(command) {
  command
    .description(
      'BLOCK an agent: what it signed is refused (JACS_UNTRUSTED), whatever the storage says, until `trust add`. ' +
        'With --forget only its entry goes: it is neither pinned nor blocked then',
    )
    .argument('<id>', 'of the agent')
    .option('--forget', 'remove the entry and block nobody; the storage is believed about the agent again');
}

const examples = ['jacs-agent trust remove "$stranger"', 'jacs-agent trust remove "$partner" --forget'];

async function run(session, id) {
  const { options, output } = session;
  const forget = options.forget ?? false;
  const agent = await session.openReader();
  await agent.untrustAgent(id, { forget });
  if (options.json) return output.json(forget ? { forgotten: id } : { blocked: id });
  return session.note(
    forget
      ? `forgot ${id}: it is neither pinned nor blocked`
      : `blocked ${id}: what it signed is refused until \`trust add\``,
  );
}

module.exports = { define, examples, run };
