'use strict';
// Writers in several processes that meet: of one key, which only one of them may create, and of one document.

const { keyOf, newAgent, unsigned } = require('../support/agents.js');
const { startAgent } = require('../support/child.js');
const { describeWith } = require('../support/needs.js');
const { agentOnDav, agentOnS3 } = require('../support/remote.js');

const SOAK = process.env.JACS_TEST_SOAK === '1';
const ROUNDS = 20;
const WRITERS = 32;
/** Updates by each of two processes. */
const UPDATES = SOAK ? 200 : 100;

const idOf = (text) => JSON.parse(text).jacsId;

/** Runs in a process: saves texts, all from a given time on; what became of each. */
function saves({ agent, attempt }, texts, at) {
  while (Date.now() < at);
  return Promise.all(
    texts.map(async (text) => {
      const { value, error } = await attempt(agent.saveDocument(text));
      return error ? error.code : value === text ? 'stored' : 'changed';
    }),
  );
}

describe.each([
  ['S3', 'rgw', agentOnS3, ({ bucket, prefix }) => ({ bucket, prefix })],
  ['WebDAV', 'dav', agentOnDav, ({ collection }) => ({ collection })],
])('%s', (_, server, make, shared) => {
  describeWith([server], `${WRITERS} creators of one key, of two agents in four processes`, () => {
    let authors;
    let processes;

    beforeAll(async () => {
      const first = await make();
      authors = [first, await make(shared(first))];
      // A first write publishes the agent, without whom what they sign is refused.
      for (const { agent } of authors) await agent.createDocument({ title: 'first' });
      processes = await Promise.all([...authors, ...authors].map((place) => startAgent(place)));
    });

    /** Texts that differ in signer and signature alone; every process has a share of those of its agent. */
    async function signed() {
      const fields = unsigned(await authors[0].agent.createDocument({ title: 'contended' }, { noSave: true }));
      const sign = (index) => {
        const { agent } = authors[index % authors.length];
        return agent.createDocument(fields, { noSave: true, resign: true });
      };
      const texts = await Promise.all(Array.from({ length: WRITERS }, (_, index) => sign(index)));
      expect(new Set(texts).size).toBe(WRITERS);
      expect(new Set(texts.map(keyOf)).size).toBe(1);
      return texts;
    }

    /** What became of each text, and what is stored. */
    async function race(texts) {
      const at = Date.now() + 30;
      const share = (index) => texts.filter((_, number) => number % processes.length === index);
      const answers = await Promise.all(processes.map((child, index) => child.run(saves, share(index), at)));
      expect(answers.flatMap(({ error }) => error?.stack ?? [])).toEqual([]);
      const outcomes = texts.map((_, number) => {
        return answers[number % processes.length].value[Math.floor(number / processes.length)];
      });
      const stored = await authors[1].agent.getDocument(keyOf(texts[0]), { cache: false });
      return { outcomes, stored };
    }

    if (server === 'rgw') {
      test(
        `one wins, ${ROUNDS} times; the others are told so, and its bytes are stored`,
        async () => {
          const winners = new Set();
          for (let round = 0; round < ROUNDS; round++) {
            const texts = await signed();
            const { outcomes, stored } = await race(texts);
            expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
            expect(outcomes.filter((outcome) => outcome === 'JACS_CONFLICT')).toHaveLength(WRITERS - 1);
            const winner = outcomes.indexOf('stored');
            expect(stored).toBe(texts[winner]);
            winners.add(winner);
          }
          // Else they did not race, and the first is merely first.
          expect(winners.size).toBeGreaterThan(1);
          const told = await Promise.all(processes.map((child) => child.call('doctor', { probe: false })));
          expect(told.map(({ value }) => value.storage.createOnce)).toEqual(processes.map(() => 'atomic'));
        },
        ROUNDS * 5_000,
      );
    } else {
      test(
        `whose bytes are stored was told so, ${ROUNDS} times; nobody is told anything but that or a conflict`,
        async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const texts = await signed();
            const { outcomes, stored } = await race(texts);
            expect(new Set(outcomes)).toEqual(new Set(['stored', 'JACS_CONFLICT']));
            expect(outcomes[texts.indexOf(stored)]).toBe('stored');
          }
        },
        ROUNDS * 5_000,
      );
    }
  });
});

/** Runs in a process: replaces the newest version `count` times, asking anew after each conflict. */
async function updates({ agent, attempt }, id, count, by) {
  const [made, seen] = [[], { conflicts: 0 }];
  const keyOf = (text) => `${id}:${JSON.parse(text).jacsVersion}`;
  let key = keyOf(await agent.getDocument(id));
  while (made.length < count) {
    const { value, error } = await attempt(agent.updateDocument(key, { by, number: made.length }));
    if (error && error.code !== 'JACS_CONFLICT') throw Object.assign(new Error(error.stack), error);
    if (error) seen.conflicts++;
    else made.push(keyOf(value));
    key = error ? error.current : keyOf(value);
  }
  return { made, ...seen };
}

/** All versions that a head leads back to, the heads included. */
function ancestry(versions, heads) {
  const byKey = new Map(versions.map((version) => [version.key, version]));
  const reached = new Set();
  for (let queue = [...heads]; queue.length > 0;) {
    const key = queue.pop();
    if (reached.has(key)) continue;
    reached.add(key);
    const { id, previous } = { id: key.split(':')[0], ...byKey.get(key) };
    if (previous) queue.push(`${id}:${previous}`);
  }
  return reached;
}

describe.each([
  ['the disk', undefined, newAgent],
  ['S3', 'rgw', agentOnS3],
  ['WebDAV', 'dav', agentOnDav],
])('on %s', (_, server, make) => {
  describeWith(server ? [server] : [], 'two processes that update one document', () => {
    test(`lose none of ${2 * UPDATES} updates, and what forked can be closed`, async () => {
      const place = await make();
      const { agent } = place;
      const first = await agent.createDocument({ title: 'first' });
      const children = await Promise.all([startAgent(place), startAgent(place)]);
      const work = children.map((child, by) => child.run(updates, idOf(first), UPDATES, by));
      const answers = await Promise.all(work);
      expect(answers.flatMap(({ error }) => error?.stack ?? [])).toEqual([]);
      const made = answers.flatMap(({ value }) => value.made);
      expect(made).toHaveLength(2 * UPDATES);

      const versions = await agent.versions(idOf(first));
      expect(versions.map(({ key }) => key)).toEqual([keyOf(first), ...made].sort());
      expect(versions.filter(({ accepted }) => !accepted)).toEqual([]);
      const heads = versions.filter(({ head }) => head).map(({ key }) => key);
      expect([...ancestry(versions, heads)].sort()).toEqual([keyOf(first), ...made].sort());
      const history = await agent.verifyHistory(idOf(first));
      expect(history).toMatchObject({ valid: true, gaps: [], heads: [...heads].sort().reverse() });

      // Where nothing keeps them apart they have met, else nothing was tried here.
      const conflicts = answers.reduce((sum, { value }) => sum + value.conflicts, 0);
      expect(conflicts + heads.length).toBeGreaterThan(1);
      if (!server) expect(heads).toHaveLength(1);

      const [winner, ...others] = [...heads].sort().reverse();
      const merged = await agent.updateDocument(winner, { title: 'merged' }, { merges: others });
      await expect(agent.getDocument(idOf(first), { onFork: 'error' })).resolves.toBe(merged);
      await expect(agent.inspectDocument(idOf(first))).resolves.toMatchObject({ valid: true, heads: [keyOf(merged)] });
    }, 180_000);
  });
});
