import { describe, expect, it } from 'vitest';
import { ANYBODY, type Party } from '../../net/endpoints/security.ts';
import { addressOf, type Caller, Callers, callerFields, callerOf, REFUSED_CALLERS_MAX } from './callers.ts';

const holder = (role: 'client' | 'operator', name: string): Party => ({
  kind: 'holder',
  holder: { role, cluster: 'demo', name },
});
const at = (address: string): Caller => callerOf(address, ANYBODY, false);
const connection = (caller: Caller, bytes = 0) => ({ caller, heldBytes: () => bytes });

describe('a caller', () => {
  it('is told by address and certificate, and by no port', () => {
    expect(callerOf('::1', holder('client', 'alice'), false)).toEqual({
      address: '::1',
      role: 'client',
      name: 'alice',
    });
    const server: Party = { kind: 'holder', holder: { role: 'server', cluster: 'demo', id: 3 } };
    expect(callerOf('::1', server, true)).toEqual({ address: '::1', role: 'server', name: '3' });
    expect(callerOf('::1', ANYBODY, true)).toEqual({ address: '::1', role: 'peer', name: '' });
    expect(addressOf({ remoteAddress: '::ffff:10.0.0.1' })).toBe('10.0.0.1');
    expect(addressOf({ remoteAddress: undefined })).toBe('unknown');
  });

  it('whose certificate has a name without end has a part of it', () => {
    expect(callerOf('::1', holder('client', 'x'.repeat(10_000)), false).name).toBe('x'.repeat(64));
  });

  it('stands in a log with its certificate, where it has one', () => {
    expect(callerFields(at('::1'))).toEqual({ address: '::1' });
    const olga = callerOf('::1', holder('operator', 'olga'), false);
    expect(callerFields(olga)).toEqual({ address: '::1', caller: 'operator olga' });
  });
});

describe('what callers take', () => {
  it('is summed up by caller, and of those beyond the most that are named together', () => {
    const callers = new Callers();
    const [alice, bob] = [callerOf('10.0.0.1', holder('client', 'alice'), false), at('10.0.0.2')];
    const open = [connection(alice, 100), connection(alice, 50), connection(bob), connection(at('10.0.0.3'), 10)];
    const sessions = [
      { connection: open[0], unansweredCount: 7 },
      { connection: open[2], unansweredCount: 1 },
      { connection: undefined, unansweredCount: 99 },
    ];
    callers.noteRefusal(alice);
    const { callers: named, others, othersCount } = callers.report(open, sessions, 1);
    expect(named).toEqual([{ ...alice, connections: 2, sessions: 1, pending: 7, heldBytes: 150, refusals: 1 }]);
    expect(others).toEqual({ connections: 2, sessions: 1, pending: 1, heldBytes: 10, refusals: 0 });
    expect(othersCount).toBe(2);
  });

  it('puts those first who take the largest parts, of whatever it is', () => {
    const callers = new Callers();
    for (let i = 0; i < 10; i++) callers.noteRefusal(at('refused'));
    const many = Array.from({ length: 9 }, () => connection(at('many')));
    const small = Array.from({ length: 5 }, (_none, i) => connection(at(`small ${i}`)));
    const { callers: named } = callers.report([...small, ...many, connection(at('large'), 1e6)], [], 3);
    expect(named.map(({ address }) => address).sort()).toEqual(['large', 'many', 'refused']);
  });

  it('is bounded, however many are refused, and leaves no refusal out', () => {
    const callers = new Callers();
    for (let i = 0; i < 3 * REFUSED_CALLERS_MAX; i++) {
      callers.noteRefusal(at(`10.0.${i >> 8}.${i & 255}`));
      callers.noteRefusal(at('again'));
    }
    const { callers: named, others, othersCount } = callers.report([], [], 2);
    expect(named[0]).toMatchObject({ address: 'again', refusals: 3 * REFUSED_CALLERS_MAX });
    expect(named.length + othersCount).toBe(REFUSED_CALLERS_MAX);
    expect(named[0]!.refusals + named[1]!.refusals + others.refusals).toBe(6 * REFUSED_CALLERS_MAX);
  });

  it('is nothing where nobody is there', () => {
    const none = { connections: 0, sessions: 0, pending: 0, heldBytes: 0, refusals: 0 };
    expect(new Callers().report([], [], 20)).toEqual({ callers: [], others: none, othersCount: 0 });
  });
});
