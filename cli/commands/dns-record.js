'use strict';

const { Option } = require('commander');

function define(command) {
  command
    .description("print the TXT record by which a domain names the agent's key, to be published in DNS")
    .option('--domain <name>', 'the domain; default: that of the agent document, else of the configuration')
    .addOption(
      new Option(
        '--format <format>',
        'zone: a line of a zone file; route53: for `aws route53 change-resource-record-sets --change-batch`, which replaces all TXT values of the name',
      )
        .choices(['zone', 'route53'])
        .default('zone'),
    );
}

const examples = [
  'jacs-agent dns-record --domain example.com >> example.com.zone',
  'jacs-agent dns-record --format route53 > change.json',
];

async function run(session) {
  const { domain, format, json } = session.options;
  const agent = await session.openReader();
  const record = agent.dnsRecord({ domain, format });
  await (json ? session.output.json({ format, record }) : session.output.write(`${record}\n`));
}

module.exports = { define, examples, run };
