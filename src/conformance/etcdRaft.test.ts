import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { processTerminal } from '../cli/terminal.ts';
import { lineDifference } from './etcdRaft/difference.ts';
import { parseCommand, parseScript, ScriptSyntaxError } from './etcdRaft/script.ts';
import { run, runScript } from './etcdRaft.ts';

const SHARED = join(import.meta.dirname, '../../../shared/conformance/etcd-raft');

/** Of our own making; what upstream's scripts say is checked where they are. */
const ELECTION = `# Two servers, of which the first is elected.
log-level info
----
ok

add-nodes 2 voters=(1,2) index=5
----
INFO whatever is logged is left out

campaign 1
----
ok

stabilize
----
> 1 handling Ready
  Ready MustSync=true:
  Lead:0 State:StateCandidate
  HardState Term:1 Vote:1 Commit:5
  Messages:
  1->2 MsgVote Term:1 Log:1/5
> 2 receiving messages
  1->2 MsgVote Term:1 Log:1/5
> 2 handling Ready
  Ready MustSync=true:
  HardState Term:1 Vote:1 Commit:5
  Messages:
  2->1 MsgVoteResp Term:1 Log:0/0
> 1 receiving messages
  2->1 MsgVoteResp Term:1 Log:0/0
> 1 handling Ready
  Ready MustSync=true:
  Lead:1 State:StateLeader
  Entries:
  1/6 EntryNormal ""
  Messages:
  1->2 MsgApp Term:1 Log:1/5 Commit:5 Entries:[1/6 EntryNormal ""]
> 2 receiving messages
  1->2 MsgApp Term:1 Log:1/5 Commit:5 Entries:[1/6 EntryNormal ""]
> 2 handling Ready
  Ready MustSync=true:
  Lead:1 State:StateFollower
  Entries:
  1/6 EntryNormal ""
  Messages:
  2->1 MsgAppResp Term:1 Log:0/6
> 1 receiving messages
  2->1 MsgAppResp Term:1 Log:0/6
> 1 handling Ready
  Ready MustSync=false:
  HardState Term:1 Vote:1 Commit:6
  CommittedEntries:
  1/6 EntryNormal ""
  Messages:
  1->2 MsgApp Term:1 Log:1/6 Commit:6
> 2 receiving messages
  1->2 MsgApp Term:1 Log:1/6 Commit:6
> 2 handling Ready
  Ready MustSync=false:
  HardState Term:1 Vote:1 Commit:6
  CommittedEntries:
  1/6 EntryNormal ""
  Messages:
  2->1 MsgAppResp Term:1 Log:0/6
> 1 receiving messages
  2->1 MsgAppResp Term:1 Log:0/6

raft-state
----
1: StateLeader (Voter) Term:1 Lead:1
2: StateFollower (Voter) Term:1 Lead:1
`;

describe('scripts', () => {
  it('are read with arguments, lists, input, comments and output that holds blank lines', () => {
    const text =
      '# c\nadd 3 a=1 list=( 1, 2 ) flag\nin 1\nin 2\n----\nout\n\n\nnext \\\n  more\n----\n----\na\n\nb\n----\n----\n';
    const [first, second] = parseScript(text);
    expect(first).toMatchObject({ name: 'add', input: ['in 1', 'in 2'], expected: ['out'], line: 2 });
    expect(first!.args).toEqual([
      { key: '3', values: [] },
      { key: 'a', values: ['1'] },
      { key: 'list', values: ['1', '2'] },
      { key: 'flag', values: [] },
    ]);
    expect(second).toMatchObject({ name: 'next', args: [{ key: 'more' }], expected: ['a', '', 'b'] });
  });

  it('that are broken are refused with the line', () => {
    expect(() => parseScript('\ncampaign 1\nno end')).toThrow('line 2');
    expect(() => parseScript('a\n----\n----\nnever closed\n')).toThrow(ScriptSyntaxError);
    expect(() => parseCommand('a b=(1,2')).toThrow(ScriptSyntaxError);
  });

  it('show how a trace differs', () => {
    expect(lineDifference(['a', 'b', 'c'], ['a', 'b', 'c'])).toBeUndefined();
    expect(lineDifference(['a', 'b', 'c'], ['a', 'x', 'c'])).toBe('    a\n  - b\n  + x\n    c');
  });
});

describe('running a script', () => {
  it('passes where the traces are equal, log output left out', () => {
    expect(runScript(ELECTION)).toEqual([]);
  });

  it('fails where one line differs, and shows it', () => {
    const problems = runScript(ELECTION.replace('Commit:6\n> 2 receiving', 'Commit:7\n> 2 receiving'));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('line 14: stabilize');
    expect(problems[0]).toContain(
      '  -   1->2 MsgApp Term:1 Log:1/6 Commit:7\n  +   1->2 MsgApp Term:1 Log:1/6 Commit:6',
    );
  });

  it.each([
    ['a command', 'bake-cake 1\n----\nok\n'],
    ['an argument', 'add-nodes 1 voters=(1) index=2 colour=red\n----\nok\n'],
    ['a quorum command', 'committed cfg=(1) idx=(1)\n----\n     idx\n>      1    (id=1)\n1\n\nguess\n----\nok\n'],
    ['a membership command', 'simple\nv1\n----\nvoters=(1)\n1: StateProbe match=0 next=1\n\nswap\n----\nok\n'],
  ])('fails on %s that is not known', (_what, text) => {
    expect(runScript(text)).toHaveLength(1);
  });

  it('runs several commands of one step, and quietly where it shall', () => {
    const text =
      'log-level none\nadd-nodes 1 voters=(1) index=2\ncampaign 1\nstabilize\n----\nok\n\npropose 2 a\n----\n';
    expect(runScript(`${text}there is no node 2\n`)).toEqual([]);
  });
});

describe('a folder of scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-scripts-'));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is run with what is below it, and counted', async () => {
    const log = vi.spyOn(processTerminal, 'out').mockImplementation(() => {});
    const error = vi.spyOn(processTerminal, 'err').mockImplementation(() => {});
    writeFileSync(join(folder, 'good.txt'), 'vote\n----\nVoteWon\n');
    writeFileSync(join(folder, 'bad.txt'), 'vote cfg=(1) votes=(n)\n----\nVoteWon\n');
    writeFileSync(join(folder, 'notes.txt'), 'not a script\n');
    expect(await run(folder)).toEqual({ passed: 1, failed: 1 });
    expect(await run(join(folder, 'good.txt'))).toEqual({ passed: 1, failed: 0 });
    expect(error.mock.calls.flat().join('\n')).toContain('- VoteWon');
    log.mockRestore();
    error.mockRestore();
  });
});

describe.skipIf(!existsSync(SHARED))('the shared scripts of etcd-io/raft (skipped where they are absent)', () => {
  it('all pass', async () => {
    const log = vi.spyOn(processTerminal, 'out').mockImplementation(() => {});
    const { passed, failed } = await run(SHARED);
    log.mockRestore();
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThanOrEqual(27);
  });
});
