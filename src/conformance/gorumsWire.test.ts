import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DecodedCall, decodeCall, parseRecording, settingsOf } from './gorumsWire/recording.ts';
import { run } from './gorumsWire.ts';
import { captureRuns, folder, stderr, stdout } from './testing/capture.ts';

const SHARED = join(import.meta.dirname, '../../../shared/conformance/gorums-wire');

captureRuns();

/** A line of a recording; the messages are given in hexadecimal. */
function call(seq: number, atMs: number, to: number, method: string, request: string, response: string): string {
  const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
  return JSON.stringify({ seq, at_ms: atMs, to, method, request: base64(request), response: base64(response) });
}

// Server 5 of the cluster 3, 5, 7 is asked by 7 for a pre-vote and a vote, gets an entry, and later refuses one that is not next.
const PRE_VOTE = call(0, 100, 5, 'RequestVote', '080710012801', '08011001');
const VOTE = call(1, 110, 5, 'RequestVote', '08071001', '08011001');
const VOTE_OF_3 = call(2, 111, 3, 'RequestVote', '08071001', '08011001');
const NOOP = call(3, 120, 5, 'AppendEntries', '08071001320a0801100122046e6f6f70', '08011801');
const GAP = call(4, 140, 5, 'AppendEntries', '0807100118092001', '08011001');

async function judge(...lines: string[]) {
  await writeFile(join(folder, 'trace.jsonl'), `${lines.join('\n')}\n`);
  return run(folder);
}

describe('recordings of the original servers', () => {
  it.skipIf(!existsSync(SHARED))(
    'keep their bytes and are answered alike (skipped where ../shared is absent)',
    async () => {
      expect({ ...(await run(SHARED)), stderr }).toEqual({ passed: 5, failed: 0, stderr: [] });
      expect(stdout).toContain('pass trace.jsonl server 2: answered as recorded (993 calls)');
      expect(stdout).toContain('pass trace.jsonl server 4: answered as recorded (471 calls)');
    },
  );

  it('are judged at every server that only follows, whatever its id', async () => {
    expect(await judge(PRE_VOTE, VOTE, VOTE_OF_3, NOOP, GAP)).toEqual({ passed: 4, failed: 0 });
    expect(stdout.filter((line) => line.includes('server')).map((line) => line.split(':')[0])).toEqual([
      'pass trace.jsonl server 3',
      'pass trace.jsonl server 5',
    ]);
  });

  it.each([
    ['a vote refused', [PRE_VOTE, call(1, 110, 5, 'RequestVote', '08071001', '0801')]],
    ['another term', [PRE_VOTE, call(1, 110, 5, 'RequestVote', '08071001', '08021001')]],
    ['another log length', [VOTE, NOOP, call(4, 140, 5, 'AppendEntries', '0807100118092001', '08011002')]],
    ['success where there is a gap', [VOTE, call(4, 140, 5, 'AppendEntries', '0807100118092001', '08011801')]],
    [
      'a pre-vote granted beside a leader',
      [VOTE, NOOP, call(4, 140, 5, 'RequestVote', '08031002180120012801', '08021001')],
    ],
  ])('fail where the engine answers otherwise: %s', async (_, lines) => {
    expect((await judge(...lines)).failed).toBe(1);
    expect(stdout.at(-1)).toMatch(/^FAIL trace\.jsonl server 5: answered as recorded/);
    expect(stderr[0]).toMatch(/^seq \d at \d+ ms: \w+ \(.*\)\n {2}recorded .*\n {2}answered /);
  });

  it('fail where a message is malformed or not canonical, with the call', async () => {
    const cutShort = call(5, 150, 5, 'AppendEntries', '0887', '0801');
    const explicitZero = call(6, 160, 7, 'CatchMeUp', '08031000', '');
    expect((await judge(VOTE, cutShort, explicitZero)).failed).toBe(2);
    expect(stderr[0]).toMatch(
      /^seq 5: gorums\.Raft AppendEntries request: malformed at byte 2: an integer is cut short/,
    );
    expect(stderr[1]).toBe('seq 6: request\n  recorded 08031000\n  encoded  0803');
  });

  it('fail where nobody only follows: nothing would be replayed', async () => {
    expect(
      (await judge(VOTE, call(2, 120, 7, 'CatchMeUp', '08051001', ''), call(3, 121, 5, 'CatchMeUp', '08071001', '')))
        .failed,
    ).toBe(1);
    expect(stderr[0]).toContain('there is none whose place an engine could take');
  });

  it.each([
    ['not JSON', '{', 'trace.jsonl:1: not a JSON object'],
    ['of an unknown method', call(0, 1, 2, 'Vote', '', ''), 'trace.jsonl:1: '],
    ['not base64', call(0, 1, 2, 'CatchMeUp', '', '').replace('"request":""', '"request":"*"'), 'trace.jsonl:1: '],
  ])('are refused, naming the line, where a line is %s', async (_, line, reason) => {
    await expect(judge(line)).rejects.toThrow(reason);
  });
});

describe('the settings of a recording', () => {
  const decode = (...lines: string[]) =>
    parseRecording(lines.join('\n'), 'trace.jsonl')
      .map(decodeCall)
      .filter((decoded): decoded is DecodedCall => !(decoded instanceof Error));

  it('come from its calls', () => {
    const usual = decode(PRE_VOTE, VOTE, VOTE_OF_3, NOOP);
    expect(settingsOf(usual, undefined)).toEqual({ electionTimeoutMs: 500, heartbeatMs: 20, cluster: [3, 5, 7] });
    const impatient = call(9, 330, 3, 'RequestVote', '08051002180120012801', '08021001');
    expect(settingsOf([...usual, ...decode(impatient)], undefined).electionTimeoutMs).toBe(210);
  });

  it('come first of all from meta.json', () => {
    const meta = '{"electionTimeoutMs": 1000, "cluster": [1, 2]}';
    const expected = { electionTimeoutMs: 1000, heartbeatMs: 20, cluster: [1, 2] };
    expect(settingsOf(decode(VOTE), meta)).toEqual(expected);
    expect(() => settingsOf([], '{"cluster": "1,2"}')).toThrow('meta.json: expected an object');
  });
});
