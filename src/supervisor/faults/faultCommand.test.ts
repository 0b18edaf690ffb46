import { describe, expect, it } from 'vitest';
import { innerCommand, runCommander } from '../../cli/runCommander.ts';
import { requestSchema } from '../control/protocol.ts';
import { addFaultCommands } from './faultCommand.ts';

/** What is asked of the supervisor of which file by this command line; or what is complained of. */
async function asked(line: string): Promise<{ cluster?: string | undefined; request?: unknown; err: string }> {
  let found: { cluster?: string | undefined; request?: unknown } = {};
  let err = '';
  const complain = (text: string): void => {
    err += text;
  };
  const terminal = { out: () => {}, json: () => {}, err: complain };
  const code = await runCommander(
    () => {
      const program = innerCommand('rkv-cluster', terminal);
      addFaultCommands(
        program,
        (command) => command.argument('[cluster]').option('--datadir <folder>'),
        async ({ cluster }, request) => {
          expect(requestSchema.safeParse(request)).toMatchObject({ success: true });
          found = { cluster, request };
          return request.command === 'status' ? { faults: [] } : request.command === 'heal' ? [] : undefined;
        },
        terminal,
      );
      return program;
    },
    ['fault', ...line.split(' ')],
    (error) => terminal.err((error as Error).message),
  );
  expect(code === 0).toBe(err === '');
  return { ...found, err };
}

const CUT = { kind: 'cut' };
const link = (targets: string, more: object = {}) => ({
  what: { kind: 'link', targets, to: true, from: true, trouble: CUT, ...more },
});
const clients = (targets: string, more: object = {}) => ({
  what: { kind: 'client-link', targets, to: true, from: true, trouble: CUT, ...more },
});
const delay = (shape: object) => link('2', { trouble: { kind: 'delay', shape } });

describe('rkv-cluster fault', () => {
  it.each<[string, object, (string | undefined)?]>([
    ['partition leader --for 5s', { ...link('leader'), forMs: 5000 }],
    ['partition leader c.yaml', link('leader'), 'c.yaml'],
    ['partition leader --from', link('leader', { to: false })],
    ['partition leader --from c.yaml', link('leader', { to: false }), 'c.yaml'],
    ['partition leader --to 2,3 c.yaml', link('leader', { from: false, peers: '2,3' }), 'c.yaml'],
    ['partition 1 --to --from', link('1')],
    ['partition 1 --to 2 --from 2', link('1', { peers: '2' })],
    ['partition --from 1 --to 2', link('1', { from: false, peers: '2' })],
    ['partition --from 1 --to followers c.yaml', link('1', { from: false, peers: 'followers' }), 'c.yaml'],
    ['partition 1,2/3 c.yaml', { what: { kind: 'groups', groups: [[1, 2], [3]] } }, 'c.yaml'],
    ['delay 2 --by 50ms', delay({ kind: 'fixed', us: 50_000 })],
    ['delay 2 --by 50ms --jitter 1.5ms', delay({ kind: 'normal', meanUs: 50_000, deviationUs: 1500 })],
    ['delay 2 --by=1ms --heavy-tail', delay({ kind: 'heavy-tail', leastUs: 1000 })],
    ['loss 2 --chance 10%', link('2', { trouble: { kind: 'loss', chance: 0.1 } })],
    ['loss 2 -chance=0.25 --to', link('2', { from: false, trouble: { kind: 'loss', chance: 0.25 } })],
    ['bandwidth 2 --limit 1.5MB', link('2', { trouble: { kind: 'bandwidth', bytesPerSecond: 1.5e6 } })],
    ['bandwidth 2 --limit 100', link('2', { trouble: { kind: 'bandwidth', bytesPerSecond: 100 } })],
    ['partition leader --clients c.yaml', clients('leader'), 'c.yaml'],
    ['partition leader --clients --to', clients('leader', { from: false })],
    ['loss all --chance 10% --from --clients', clients('all', { to: false, trouble: { kind: 'loss', chance: 0.1 } })],
    ['slow-disk all --by 20ms', { what: { kind: 'slow-disk', targets: 'all', syncAddedUs: 20_000 } }],
    ['stalled-disk follower', { what: { kind: 'stalled-disk', targets: 'follower' } }],
    ['full-disk 1,2', { what: { kind: 'full-disk', targets: '1,2' } }],
    ['clock 1 --rate 1.5', { what: { kind: 'clock', targets: '1', rate: 1.5 } }],
    ['kill leader', { what: { kind: 'kill', targets: 'leader', signal: 'SIGKILL', restart: true } }],
    [
      'kill 1 --signal term --no-restart --for 1s',
      { what: { kind: 'kill', targets: '1', signal: 'SIGTERM', restart: false }, forMs: 1000 },
    ],
    ['pause 1 c.yaml', { what: { kind: 'pause', targets: '1' } }, 'c.yaml'],
  ])('%s', async (line, fault, cluster) => {
    expect(await asked(line)).toEqual({ cluster, request: { command: 'fault', fault }, err: '' });
  });

  it('lists, and heals all or some', async () => {
    expect(await asked('list c.yaml')).toMatchObject({ cluster: 'c.yaml', request: { command: 'status' } });
    expect(await asked('heal')).toMatchObject({ request: { command: 'heal' } });
    expect(await asked('heal 2 3 c.yaml')).toMatchObject({
      cluster: 'c.yaml',
      request: { command: 'heal', ids: [2, 3] },
    });
    expect(await asked('heal c.yaml')).toMatchObject({ cluster: 'c.yaml', request: { command: 'heal' } });
  });

  it.each([
    ['partition', 'expected a target: leader, follower, followers, all, or ids such as 1 or 1,2'],
    ['partition c.yaml', 'expected a target: leader, follower, followers, all, or ids such as 1 or 1,2, not "c.yaml"'],
    ['partition boss c.yaml', 'expected leader, follower, followers, all, or ids such as 1 or 1,2, not "boss"'],
    ['partition 1,2/3 --to', 'groups are apart both ways'],
    ['partition 1 --to 2 --from 3', 'expected the same servers with --to and --from, or a fault for each'],
    ['partition 1,2/3 --clients', 'expected a target: leader, follower'],
    ['partition --from 1 --to 2 --clients', 'expected a target: leader, follower'],
    ['partition 1 --to 2 --clients', 'with --clients, --to and --from are a direction, without servers'],
    ['delay 1,2/3 --by 1ms', 'expected a target'],
    ['delay 1', "required option '--by <duration>' not specified"],
    ['delay 1 --by soon', 'Expected a duration such as 30s'],
    ['delay 1 --by 1ms --jitter 1ms --heavy-tail', 'expected --jitter or --heavy-tail, not both'],
    ['loss 1 --chance 101%', 'Expected a share such as 10% or 0.1'],
    ['loss 1 --chance 0', 'Expected a share'],
    ['bandwidth 1 --limit 1mbit', 'Expected bytes a second'],
    ['clock 1 --rate 0', 'Expected a rate such as 2 or 0.5'],
    ['pause boss', 'Expected leader, follower, followers, all, or ids such as 1 or 1,2'],
    ['kill 1 --signal NOT', 'Expected a signal'],
    ['heal one 2 two', 'one cluster at a time: one and two were given'],
    ['flood 1', "unknown command 'flood'"],
  ])('refuses %s', async (line, message) => {
    const { request, err } = await asked(line);
    expect(err).toContain(message);
    expect(request).toBeUndefined();
  });
});
