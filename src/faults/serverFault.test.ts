import { describe, expect, it } from 'vitest';
import { checkFault, InvalidFaultError, type LinkTrouble, type ServerFault } from './serverFault.ts';

const link = (trouble: LinkTrouble, peers: readonly number[] = [], to = true, from = true): ServerFault => ({
  kind: 'link',
  peers,
  to,
  from,
  trouble,
});

describe('a fault', () => {
  it.each<ServerFault>([
    link({ kind: 'cut' }, [2, 3]),
    link({ kind: 'loss', chance: 0 }),
    link({ kind: 'loss', chance: 1 }),
    link({ kind: 'bandwidth', bytesPerSecond: 1 }),
    link({ kind: 'delay', shape: { kind: 'fixed', us: 60_000_000 } }),
    link({ kind: 'delay', shape: { kind: 'normal', meanUs: 1, deviationUs: 0 } }),
    link({ kind: 'delay', shape: { kind: 'heavy-tail', leastUs: 1 } }),
    { kind: 'client-link', to: true, from: false, trouble: { kind: 'cut' } },
    { kind: 'slow-disk', syncAddedUs: 1 },
    { kind: 'stalled-disk' },
    { kind: 'full-disk' },
    { kind: 'clock', rate: 0.01 },
  ])('may be %j', (fault) => {
    checkFault(fault, 1, 3);
  });

  it.each<[ServerFault, string]>([
    [link({ kind: 'cut' }, [1]), 'link to server 1: expected one of the other 2 servers of -servers'],
    [link({ kind: 'cut' }, [4]), 'link to server 4'],
    [link({ kind: 'cut' }, [0]), 'link to server 0'],
    [link({ kind: 'cut' }, [1.5]), 'link to server 1.5'],
    [link({ kind: 'cut' }, [], false, false), 'link in no direction'],
    [link({ kind: 'loss', chance: 1.01 }), 'chance of a loss of 1.01: expected from 0 to 1'],
    [link({ kind: 'loss', chance: Number.NaN }), 'chance of a loss'],
    [link({ kind: 'bandwidth', bytesPerSecond: 0 }), 'bandwidth of 0'],
    [link({ kind: 'delay', shape: { kind: 'fixed', us: 0 } }), 'delay of 0: expected from 1 to 60000000 µs'],
    [link({ kind: 'delay', shape: { kind: 'normal', meanUs: 0, deviationUs: 1 } }), 'mean delay of 0'],
    [link({ kind: 'delay', shape: { kind: 'normal', meanUs: 1, deviationUs: -1 } }), 'deviation of the delay of -1'],
    [
      link({ kind: 'delay', shape: { kind: 'heavy-tail', leastUs: Number.POSITIVE_INFINITY } }),
      'least delay of Infinity',
    ],
    [{ kind: 'client-link', to: false, from: false, trouble: { kind: 'cut' } }, 'link in no direction'],
    [{ kind: 'client-link', to: true, from: true, trouble: { kind: 'loss', chance: 2 } }, 'chance of a loss of 2'],
    [{ kind: 'slow-disk', syncAddedUs: 0 }, 'delay of a sync of 0'],
    [{ kind: 'clock', rate: 0 }, 'rate of the clock of 0: expected from 0.01 to 100'],
    [{ kind: 'clock', rate: 101 }, 'rate of the clock of 101'],
  ])('is refused by name as %j', (fault, message) => {
    expect(() => checkFault(fault, 1, 3)).toThrow(InvalidFaultError);
    expect(() => checkFault(fault, 1, 3)).toThrow(message);
  });
});
