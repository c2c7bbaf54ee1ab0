// The zones of a DNS server that is given no others: an agent's key under domains of every kind. `src/trust/dns/lookup_test.rs`
// knows them by name.
import { createHash } from 'node:crypto';

const AGENT = '550e8400-e29b-41d4-a716-446655440000';
const OTHER_AGENT = '67e55044-10b1-426f-9247-bb680e5fe0c8';
const KEY = Buffer.alloc(32, 0x99);
const OTHER_KEY = Buffer.alloc(32, 1);

const NAME = '_v1.agent.jacs';

function text(agent, key) {
  const digest = createHash('sha256').update(key).digest('base64');
  return `v=jacs; jacs_agent_id=${agent}; alg=SHA-256; enc=base64; jac_public_key_hash=${digest}`;
}

const OURS = text(AGENT, KEY);

/** A TXT record below a domain of the zone; several strings are one text. */
function txt(domain, ...strings) {
  const name = domain === '' ? NAME : `${NAME}.${domain}`;
  return `${name} TXT ${strings.map((string) => `"${string}"`).join(' ')}`;
}

const alias = (domain, to) => `${NAME}.${domain} CNAME ${to}`;
/** Texts about something else, each of some strings of 200 bytes. */
const others = (domain, count, strings) =>
  Array.from({ length: count }, (_, index) =>
    txt(domain, ...Array.from({ length: strings }, (_, string) => `${index}.${string} `.padEnd(200, '-'))),
  );

export const ZONES = {
  'example.test': {
    records: [
      txt('', OURS),
      txt('unrelated', 'v=spf1 -all'),
      txt('unrelated', 'some=thing; other'),
      txt('another-agent', text(OTHER_AGENT, KEY)),
      txt('another-key', text(AGENT, OTHER_KEY)),
      txt('two', OURS),
      txt('two', text(AGENT, OTHER_KEY)),
      txt('beside', OURS),
      txt('beside', text(OTHER_AGENT, OTHER_KEY)),
      txt('beside', 'v=spf1 -all'),
      txt('strings', OURS.slice(0, 60), OURS.slice(60, 61), '', OURS.slice(61)),
      txt('long', OURS),
      ...others('long', 1, 3),
      txt('longer', OURS),
      ...others('longer', 1, 5),
      txt('very-long', OURS),
      ...others('very-long', 30, 5),
      `${NAME}.no-text HINFO host system`,
      `${NAME}.bytes TXT "\\255\\254" "${OURS}"`,
      `*.any TXT "${OURS}"`,
      txt('own.any', text(AGENT, OTHER_KEY)),
      `*.any-alias CNAME ${NAME}`,
      ...Array.from({ length: 60 }, (_, index) => txt(`many-${index}`, OURS)),
      txt('brief', OURS).replace(' TXT', ' 1 TXT'),
      alias('alias', `${NAME}.alias-2`),
      alias('alias-2', `${NAME}`),
      alias('to-unsigned', `${NAME}.unsigned.test.`),
      alias('to-bogus', `${NAME}.bogus.test.`),
      alias('to-nothing', `${NAME}.nowhere`),
      alias('round', `${NAME}.round-2`),
      alias('round-2', `${NAME}.round`),
    ],
  },
  'nsec3.test': { dnssec: 'nsec3', records: [txt('', OURS)] },
  'unsigned.test': {
    dnssec: 'unsigned',
    records: [
      txt('', OURS),
      txt('another-key', text(AGENT, OTHER_KEY)),
      alias('to-signed', `${NAME}.example.test.`),
      alias('to-nothing', `${NAME}.nowhere`),
    ],
  },
  'bogus.test': { dnssec: 'bogus', records: [txt('', OURS)] },
  'expired.test': { dnssec: 'expired', records: [txt('', OURS)] },
  'stripped.test': { dnssec: 'stripped', records: [txt('', OURS)] },
  'missing.test': { dnssec: 'missing', records: [] },
};
