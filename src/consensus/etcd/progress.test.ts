import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflights } from './inflights.ts';
import { Progress, ProgressState } from './progress.ts';

const fresh = (next = 1, window = 4) => new Progress(0, next, false, new Inflights(window, Number.POSITIVE_INFINITY));

describe('the inflight window', () => {
  it('counts what a plain list counts', () => {
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ bytes: fc.integer({ min: 0, max: 30 }) }) },
      { weight: 4, arbitrary: fc.record({ freed: fc.integer({ min: -1, max: 3 }) }) },
      { weight: 1, arbitrary: fc.constant('reset' as const) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const inflights = new Inflights(8, 100);
        let twin: { index: number; bytes: number }[] = [];
        let index = 0;
        for (const each of operations) {
          const full = twin.length >= 8 || twin.reduce((sum, { bytes }) => sum + bytes, 0) >= 100;
          expect([inflights.count, inflights.full]).toEqual([twin.length, full]);
          if (each === 'reset') {
            inflights.reset();
            twin = [];
          } else if ('freed' in each) {
            const upTo = (twin[0]?.index ?? index) + each.freed;
            inflights.freeUpTo(upTo);
            twin = twin.filter((message) => message.index > upTo);
          } else if (!full) {
            index++;
            inflights.add(index, each.bytes);
            twin.push({ index, bytes: each.bytes });
          } else expect(() => inflights.add(index + 1, each.bytes)).toThrow(RangeError);
        }
      }),
    );
  });

  it('is full at either limit, and takes nothing then', () => {
    for (const inflights of [new Inflights(1, 9), new Inflights(9, 10)]) {
      expect(inflights.full).toBe(false);
      inflights.add(1, 10);
      expect(inflights.full).toBe(true);
      expect(() => inflights.add(2, 1)).toThrow(RangeError);
    }
  });

  it('keeps its place over many messages', () => {
    const inflights = new Inflights(1000, 1e9);
    for (let index = 1; index <= 10_000; index++) {
      inflights.add(index, 1);
      if (index > 500) inflights.freeUpTo(index - 500);
    }
    expect(inflights.count).toBe(500);
    inflights.freeUpTo(10_000);
    expect(inflights.count).toBe(0);
  });
});

describe('Progress (Raft §5.3)', () => {
  it('probes with one message with entries at a time', () => {
    const progress = fresh(5);
    progress.sentEntries(0, 0);
    expect(progress.paused).toBe(false);
    progress.sentEntries(3, 30);
    expect([progress.paused, progress.next]).toEqual([true, 5]);
  });

  it('streams within the window, and an acknowledgement frees what it covers', () => {
    const progress = fresh();
    progress.becomeReplicate();
    for (let i = 0; i < 4; i++) progress.sentEntries(2, 20);
    expect([progress.paused, progress.next, progress.inflights.count]).toEqual([true, 9, 4]);
    expect(progress.acknowledge(4)).toBe(true);
    progress.inflights.freeUpTo(4);
    expect([progress.paused, progress.match, progress.inflights.count]).toEqual([false, 4, 2]);
    expect(progress.acknowledge(3)).toBe(false);
  });

  it('goes back to what is known to match when a streamed append is refused', () => {
    const progress = fresh();
    progress.acknowledge(10);
    progress.becomeReplicate();
    progress.sentEntries(5, 50);
    expect([progress.reject(8, 3), progress.reject(10, 3)]).toEqual([false, false]);
    expect(progress.reject(15, 12)).toBe(true);
    expect(progress.next).toBe(11);
  });

  it('goes back to the hint while probing, never to or below what matches, and ignores old refusals', () => {
    const progress = fresh(20);
    expect(progress.reject(18, 3)).toBe(false);
    expect(progress.reject(19, 7)).toBe(true);
    expect(progress.next).toBe(8);
    progress.acknowledge(5);
    expect(progress.reject(7, 2)).toBe(true);
    expect(progress.next).toBe(6);
  });

  it('waits behind a snapshot, then goes on after it', () => {
    const progress = fresh(3);
    progress.becomeSnapshot(40);
    expect([progress.paused, progress.next, progress.describe()]).toEqual([
      true,
      41,
      'StateSnapshot match=0 next=41 paused pendingSnap=40 inactive',
    ]);
    progress.becomeProbe();
    expect([progress.state, progress.next]).toEqual([ProgressState.Probe, 41]);
  });

  it('tells a commit index once, and only of what the follower may hold', () => {
    const progress = fresh(5);
    progress.sentCommit = 3;
    expect([3, 4].map((commit) => progress.canUseCommit(commit))).toEqual([false, true]);
    progress.sentCommit = 4;
    expect(progress.canUseCommit(9)).toBe(false);
    progress.reject(4, 2);
    expect([progress.next, progress.sentCommit]).toEqual([3, 2]);
    progress.becomeSnapshot(7);
    expect(progress.canUseCommit(9)).toBe(false);
  });

  it('waits for a heartbeat that cannot have overtaken its probe', () => {
    const progress = fresh(5);
    progress.sentEntries(1, 10, 3);
    progress.heartbeatAnswered(2);
    expect(progress.paused).toBe(true);
    progress.heartbeatAnswered(3);
    expect(progress.paused).toBe(false);
    progress.becomeReplicate();
    for (let i = 0; i < 4; i++) progress.sentEntries(1, 10, 9);
    progress.heartbeatAnswered(1);
    expect(progress.paused).toBe(false);
  });

  it('probes behind a snapshot that may have been installed, and behind what was acknowledged meanwhile', () => {
    const progress = fresh(3);
    progress.becomeSnapshot(40);
    progress.acknowledge(50);
    progress.becomeProbe();
    expect([progress.next, progress.pendingSnapshot]).toEqual([51, 0]);
    progress.pendingSnapshot = 60;
    progress.becomeProbe();
    expect(progress.next).toBe(51);
  });

  it('goes on as a learner, or a voter, with all that is known', () => {
    const progress = fresh(5);
    progress.becomeSnapshot(7);
    Object.assign(progress, { sentCommit: 6, knownCommit: 3, recentActive: true, flowPaused: true, heardOfUs: true });
    Object.assign(progress, { match: 4, probeDueTick: 9 });
    for (const learner of [true, false]) expect({ ...progress.asLearner(learner) }).toEqual({ ...progress, learner });
  });

  it('is printed as etcd prints it', () => {
    const progress = fresh(5, 2);
    expect(progress.describe()).toBe('StateProbe match=0 next=5 inactive');
    progress.recentActive = true;
    progress.learner = true;
    progress.sentEntries(1, 1);
    expect(progress.describe()).toBe('StateProbe match=0 next=5 learner paused');
    progress.becomeReplicate();
    progress.sentEntries(1, 1);
    expect(progress.describe()).toBe('StateReplicate match=0 next=2 learner inflight=1');
    progress.sentEntries(1, 1);
    expect(progress.describe()).toBe('StateReplicate match=0 next=3 learner paused inflight=2[full]');
  });

  it('keeps match below next, whatever happens', () => {
    const action = fc.oneof(
      fc.constantFrom('probe', 'replicate', 'send'),
      fc.record({ snapshot: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ acknowledge: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ reject: fc.integer({ min: 0, max: 60 }), hint: fc.integer({ min: 0, max: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const progress = fresh(10, 8);
        for (const each of actions) {
          const { match } = progress;
          if (each === 'probe') progress.becomeProbe();
          else if (each === 'replicate') progress.becomeReplicate();
          else if (each === 'send') {
            if (!progress.paused && !progress.inflights.full) progress.sentEntries(1, 1);
          } else if ('snapshot' in each) {
            // A snapshot is sent only where the log no longer reaches down to what the follower has.
            if (each.snapshot > match) progress.becomeSnapshot(each.snapshot);
          } else if ('acknowledge' in each) progress.acknowledge(each.acknowledge);
          else progress.reject(each.reject, each.hint);
          expect(progress.next).toBeGreaterThan(progress.match);
          expect(progress.match).toBeGreaterThanOrEqual(match);
        }
      }),
    );
  });
});

describe('what an answer moves', () => {
  it('is back to the place that was refused at most, and nothing where the refusal is an old one', () => {
    const probed = fresh(6);
    expect([probed.reject(5, 9), probed.next]).toEqual([true, 5]);
    const streamed = fresh(6);
    streamed.acknowledge(5);
    streamed.becomeReplicate();
    streamed.sentEntries(3, 0);
    expect([streamed.reject(4, 4), streamed.next]).toEqual([false, 9]);
  });

  it('is no commit index that was not sent', () => {
    const progress = fresh(6);
    progress.sentCommit = 2;
    progress.reject(5, 4);
    expect([progress.next, progress.sentCommit, progress.canUseCommit(3)]).toEqual([5, 2, true]);
  });
});
