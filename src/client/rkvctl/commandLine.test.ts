import { describe, expect, it } from 'vitest';
import { UsageError } from '../../goflags/goFlags.ts';
import { parseCommandLine, usage } from './commandLine.ts';

const action = (line: string) => parseCommandLine(line.split(' ').filter((word) => word !== '')).action;
const refusal = (line: string) => {
  try {
    action(line);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'accepted';
};

describe('parseCommandLine', () => {
  it('reads commands, with flags on either side', () => {
    expect(action('get a')).toEqual({ kind: 'get', key: 'a' });
    expect(action('put a 1')).toEqual({ kind: 'put', key: 'a', value: '1' });
    expect(action('put -- a -1')).toEqual({ kind: 'put', key: 'a', value: '-1' });
    expect(action('status')).toEqual({ kind: 'status' });
    expect(action('leader')).toEqual({ kind: 'leader' });
    expect(action('transfer')).toEqual({ kind: 'transfer', to: 0 });
    expect(action('transfer 3')).toEqual({ kind: 'transfer', to: 3 });
    expect(action('log data/rkvd-1 -json')).toEqual({ kind: 'log', folder: 'data/rkvd-1' });
    expect(action('snapshot save a')).toEqual({ kind: 'snapshot-save', file: 'a' });
    expect(action('snapshot status a')).toEqual({ kind: 'snapshot-status', file: 'a' });
    expect(action('snapshot restore a -members 4,2')).toEqual({
      kind: 'snapshot-restore',
      file: 'a',
      members: [4, 2],
    });
    expect(action('help')).toEqual({ kind: 'help' });
    for (const line of ['-cluster :1,:2 get a', 'get -cluster=:1,:2 a', 'get a --cluster :1,:2']) {
      expect(parseCommandLine(line.split(' ')).addresses).toEqual(['127.0.0.1:1', '127.0.0.1:2']);
    }
  });

  it('puts load on the cluster where there is no command, as the original', () => {
    const { action, flags, addresses } = parseCommandLine([]);
    expect(action).toEqual({ kind: 'load' });
    expect(addresses).toEqual(['127.0.0.1:9201', '127.0.0.1:9202', '127.0.0.1:9203']);
    expect(flags).toMatchObject({
      clients: 1,
      throughput: 1,
      forever: true,
      time: 0,
      count: 0,
      reads: 0,
      payload: 16,
      keyspace: 10_000,
      zipfs: 1.1,
      zipfv: 4,
      ensure: false,
      rpc: 'stream',
    });
    expect(action.kind).toBe('load');
  });

  it('reads changes of the membership', () => {
    expect(action('-add 4')).toEqual({ kind: 'reconfigure', change: 'add', serverId: 4 });
    expect(action('-remove=2 -ensure')).toEqual({ kind: 'reconfigure', change: 'remove', serverId: 2 });
  });

  it('refuses what makes no sense', () => {
    expect(refusal('get')).toBe('expected: rkvctl get KEY');
    expect(refusal('put a')).toBe('expected: rkvctl put KEY VALUE');
    expect(refusal('status now')).toBe('expected: rkvctl status');
    expect(refusal('log')).toBe('expected: rkvctl log DIR');
    for (const line of ['snapshot', 'snapshot save', 'snapshot load a', 'snapshot save a b'])
      expect(refusal(line)).toBe('expected: rkvctl snapshot save FILE, snapshot restore FILE or snapshot status FILE');
    for (const members of ['', '0', '1,1', '1,x', '1;2'])
      expect(refusal(`snapshot restore a -members=${members}`)).toContain('expected ids of servers');
    expect(refusal('snapshot restore a -backend none')).toContain('backend');
    expect(refusal('frobnicate')).toBe('unknown command "frobnicate"');
    expect(refusal('transfer x')).toContain('bad server id "x"');
    expect(refusal('-ensure')).toBe('-ensure goes with -add or -remove');
    expect(refusal('-add 4 -remove 1')).toContain('two changes');
    expect(refusal('-add 4 get a')).toContain('stand alone');
    expect(refusal('-add 0')).toContain('must be at least 1');
    expect(refusal('-payload 15')).toContain('must be at least 16');
    expect(refusal('-zipfs 1')).toContain('must be above 1');
    expect(refusal('-zipfs nan')).toContain('must be above 1');
    expect(refusal('-reads 2')).toContain('must be at most 1');
    expect(refusal('-forever=false')).toBe('-forever=false needs -time or -count');
    expect(refusal('-cluster nonsense get a')).toContain('expected host:port or :port');
    expect(refusal('-x')).toBe('flag provided but not defined: -x');
  });

  it('explains itself', () => {
    for (const word of ['get KEY', 'transfer [ID]', '-throughput', 'Exit codes']) expect(usage()).toContain(word);
  });
});
