'use strict';
// What a long call over a whole storage looks like on a terminal.

const { withAgent } = require('./support.js');
const { CHECKED, NOTE, TRANSFERRED, staged } = require('./staged.js');
const { CTRL_C, describeTerminal, onTerminal } = require('./terminal.js');

const MIGRATE = ['migrate', '--from', 'a.json', '--to', 'b.json'];
const BAR = /\[=*-*\] \d+% {2}\d+ of 300 objects {2}[\d.]+\/s {2}0:\d\d left {2}(2 \w+) {2}[\d.]+ \w+ {2}[\d.]+ \w+\/s/;
const WITHOUT_TOTAL = /\d+ objects {2}[\d.]+\/s {2}[\d.]+ \w+ {2}[\d.]+ \w+\/s/;
const [TAKEN_AWAY, SAVED, RESTORED] = ['<1G<2K', '<7', '<8'];

/** Steps of 100 ms, each ten objects of 300. */
const slow = (count, more = {}) =>
  Array.from({ length: count }, (_, step) => [
    { wait: 100 },
    { progress: { done: step * 10, total: 300, bytes: step << 18, failed: 2, ...more } },
  ]).flat();

/** What the terminal was sent, with `<` for the escapes. */
async function shown(workspace, args, steps, env) {
  const { code, transcript } = await onTerminal(workspace, args, steps, env);
  return { code, text: transcript.replaceAll('\u001b[', '<').replaceAll('\u001b', '<').replaceAll('\r\n', '\n') };
}

describeTerminal('on a terminal', () => {
  test.each([
    [MIGRATE, TRANSFERRED, '2 failed', 'copied         3 objects, 4.0 KiB\n'],
    [['check'], CHECKED, '2 damaged', 'checked        5 objects, 4.0 KiB\n'],
  ])('%j: objects, rates, time that is left, failures; then the bar is gone', async (args, result, failures, first) => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: slow(12), result });
    const { text } = await shown(workspace, args, [], env);
    expect(text).toMatch(BAR);
    expect(BAR.exec(text)[1]).toBe(failures);
    expect(text).toContain(`${RESTORED}${TAKEN_AWAY}${first}`);
  });

  test('while the total is not known: no share and no time', async () => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: slow(12, { total: undefined, failed: 0 }), result: CHECKED });
    const { text } = await shown(workspace, ['check'], [], env);
    expect(text).toMatch(WITHOUT_TOTAL);
    expect(text).not.toMatch(/%|left|0 damaged/);
  });

  test.each([
    [[], 'note    stray                 x\\u000a\\u001b[31m  no place for it\n'],
    [['--json'], `${JSON.stringify({ finding: NOTE })}\n`],
  ])('a finding (%j) takes the place of the bar, which goes on below it', async (more, line) => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: [...slow(8), { finding: NOTE }, ...slow(4)], result: CHECKED });
    const { text } = await shown(workspace, ['check', ...more], [], env);
    const [before, after] = text.split(`${TAKEN_AWAY}${line}${SAVED}`);
    expect(before).toMatch(BAR);
    expect(after).toMatch(BAR);
    // What is cleared in the end is the line of the bar, and not that of the finding.
    expect(after.split(`${RESTORED}${TAKEN_AWAY}`)).toHaveLength(2);
  });

  test('Ctrl-C takes it away', async () => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: [...slow(8), { until: 'abort' }] });
    const { code, text } = await shown(workspace, MIGRATE, [['of 300', CTRL_C]], env);
    expect(code).toBe(130);
    expect(text).toMatch(/<2Kjacs-agent: JACS_ABORTED: interrupted: \d+ of 300 objects are done; .*\n$/);
  });

  test('SIGTERM ends it at once, bar or not', async () => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: [...slow(8), { kill: 'SIGTERM' }, { until: 'abort' }] });
    const { signal, transcript } = await onTerminal(workspace, MIGRATE, [], env);
    expect(transcript).toMatch(BAR);
    expect(signal).toBe(15);
  });

  test('where it takes no time there is only the finding', async () => {
    const workspace = await withAgent();
    const { env } = staged(workspace, { steps: [{ finding: { ...NOTE, path: 'x' } }], result: CHECKED });
    const { text } = await shown(workspace, ['check'], [], env);
    expect(text).toMatch(/^note {4}stray {17}x {2}no place for it\nchecked {8}5 objects/);
  });
});
