import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerFault } from '../../faults/serverFault.ts';
import { FaultRefusal, faultMessage } from '../../wire/faultCodec.ts';
import type { AdminServer } from '../../wire/generated/admin.ts';
import { reasonOf } from '../../wire/reason.ts';
import { MACHINE } from '../faults/machine.ts';
import { ServerFaults } from '../faults/serverFaults.ts';
import { faultImplementation } from './faultService.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CUT: ServerFault = { kind: 'link', peers: [2], to: true, from: true, trouble: { kind: 'cut' } };

type Method = 'setFault' | 'listFaults' | 'healFaults';

/** Server 1 of three; `log` has what it says of faults. */
function setUp(takesFaults: boolean) {
  const log: string[] = [];
  const warn = (_fields: object, text: string) => log.push(text);
  const faults = takesFaults ? new ServerFaults(1, 3, { warn }, MACHINE) : undefined;
  const service = faultImplementation(faults);
  const ask = (method: Method, request: object): { error: ServiceError | null; answer: unknown } => {
    const told: { error: ServiceError | null; answer: unknown }[] = [];
    const handler = service[method] as AdminServer['setFault'];
    handler({ request } as never, (error, answer) => told.push({ error: error as ServiceError | null, answer }));
    return told[0]!;
  };
  const set = (id: string, fault: ServerFault, lastsMs = 1000) =>
    ask('setFault', { id, fault: faultMessage(fault), lastsMs });
  const list = () => ask('listFaults', {}).answer;
  return { faults, ask, set, list, log };
}

describe('calls about faults', () => {
  it.each<Method>(['setFault', 'listFaults', 'healFaults'])('%s is refused by name without -faults', (method) => {
    const { error } = setUp(false).ask(method, { id: 'a', ids: [], lastsMs: 1, fault: faultMessage(CUT) });
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: expect.stringContaining('-faults') });
    expect(reasonOf(error!)).toBe(FaultRefusal.Off);
  });

  it('set faults, list them with what is left of their time, and heal them', () => {
    const { ask, set, list, faults, log } = setUp(true);
    expect(set('a', CUT).error).toBeNull();
    expect(set('b', { kind: 'clock', rate: 2 }, 500).error).toBeNull();
    vi.advanceTimersByTime(100);
    expect(list()).toEqual({
      faults: [
        { id: 'a', fault: faultMessage(CUT), leftMs: 900 },
        { id: 'b', fault: faultMessage({ kind: 'clock', rate: 2 }), leftMs: 400 },
      ],
    });
    expect([faults!.isApartFrom(2), faults!.isApartFrom(3)]).toEqual([true, false]);
    expect(ask('healFaults', { ids: ['b', 'c'] }).error).toBeNull();
    expect(list()).toMatchObject({ faults: [{ id: 'a' }] });
    ask('healFaults', { ids: [] });
    expect(list()).toEqual({ faults: [] });
    expect(log).toEqual([
      ...['a fault begins, on purpose', 'a fault begins, on purpose'],
      ...['a fault ends: it was healed', 'a fault ends: it was healed'],
    ]);
  });

  it('refuse what makes no sense by name, and change nothing', () => {
    const { ask, set, list } = setUp(true);
    for (const { error } of [
      set('a', { ...CUT, peers: [1] }),
      set('', CUT),
      set('a', CUT, 0),
      ask('setFault', { id: 'a', fault: { kind: 'flood' }, lastsMs: 1 }),
      ask('setFault', { id: 'a', fault: undefined, lastsMs: 1 }),
    ]) {
      expect(error!.code).toBe(status.INVALID_ARGUMENT);
      expect(error!.details).toContain('expected');
      expect(reasonOf(error!)).toBe(FaultRefusal.Invalid);
    }
    expect(list()).toEqual({ faults: [] });
  });

  it('leave a fault that ends by itself, unless it is said again in time', () => {
    const { set, list, faults, log } = setUp(true);
    const fast: ServerFault = { kind: 'clock', rate: 3 };
    set('a', CUT, 100);
    set('b', fast, 100);
    vi.advanceTimersByTime(60);
    set('b', fast, 100);
    vi.advanceTimersByTime(40);
    expect([list(), faults!.isApartFrom(2)]).toMatchObject([{ faults: [{ id: 'b' }] }, false]);
    const beforeMs = faults!.clockMs.now;
    vi.advanceTimersByTime(60);
    expect(faults!.clockMs.now - beforeMs).toBeCloseTo(180);
    expect(list()).toEqual({ faults: [] });
    vi.advanceTimersByTime(10);
    expect(faults!.clockMs.now - beforeMs).toBeCloseTo(190);
    expect(log.filter((text) => text === 'a fault ends: its time is over')).toHaveLength(2);
  });
});
