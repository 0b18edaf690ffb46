import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NodeId, RejectReason } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { Handover } from './handover.ts';
import type { LeaderView, PeerView } from './leaderView.ts';

const ELECTION_MS = 100;
const BEGAN_MS = 1000;
const TIMEOUT = { token: 7, ok: false, reason: RejectReason.Timeout };

/** Server 1 hands over to 2; its log ends at 50. */
function handedOver(peers: Readonly<Record<NodeId, PeerView>> = {}) {
  const out = new OutputBuffer<unknown>();
  const handover = new Handover(out);
  const settings = { id: 1, nowMs: BEGAN_MS, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex: 50 };
  const view: LeaderView = { ...settings, peer: (id) => peers[id] };
  handover.begin(2, 7, view);
  return { handover, outcomes: () => out.requests.splice(0), leader: { view } };
}

describe('a transfer for which writes stopped', () => {
  it('tells its target once, when that holds the whole log', () => {
    const peers = { 2: { matchIndex: 49, heardMs: 0 }, 3: { matchIndex: 50, heardMs: 0 } };
    const { handover, leader } = handedOver(peers);
    expect(handover.toBeTold(leader)).toBe(0);
    peers[2].matchIndex = 50;
    expect([handover.toBeTold(leader), handover.toBeTold(leader)]).toEqual([2, 0]);
    handover.ledBy(2);
    expect(handover.toBeTold(leader)).toBe(0);
    expect(handedOver().handover.toBeTold(leader)).toBe(2);
  });

  it.each([
    [2, { token: 7, ok: true }],
    [3, { ...TIMEOUT, leader: 3 }],
    [1, { ...TIMEOUT, leader: 1 }],
  ])('ends where %d leads', (leader, outcome) => {
    const { handover, outcomes } = handedOver();
    handover.ledBy(0);
    expect([handover.isOpen, outcomes()]).toEqual([true, []]);
    handover.ledBy(leader);
    expect([handover.isOpen, outcomes()]).toEqual([false, [outcome]]);
    handover.ledBy(2);
    handover.tick(BEGAN_MS + 2 * ELECTION_MS, 2);
    expect(outcomes()).toEqual([]);
  });

  it.each([0, 1])('ends an election timeout after they stopped, where %d is known to lead', (leader) => {
    const { handover, outcomes } = handedOver();
    handover.tick(BEGAN_MS + ELECTION_MS - 1, leader);
    expect([handover.isOpen, outcomes()]).toEqual([true, []]);
    handover.tick(BEGAN_MS + ELECTION_MS, leader);
    expect([handover.isOpen, outcomes()]).toEqual([false, [{ ...TIMEOUT, leader }]]);
  });
});

type Happening =
  | { readonly kind: 'begin' | 'led by' | 'tick'; readonly server: NodeId }
  | { readonly kind: 'asked whom to tell' | 'append' }
  | { readonly kind: 'pass'; readonly durationMs: number }
  | { readonly kind: 'held'; readonly server: NodeId; readonly short: number };

const server = fc.nat(3);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const), server: fc.integer({ min: 2, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('led by' as const, 'tick', 'tick'), server }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('asked whom to tell' as const, 'append') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      durationMs: fc.constantFrom(1, ELECTION_MS - 1, ELECTION_MS),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('held' as const), server, short: fc.nat(1) }) },
);

/** The slow obvious twin: all that happened since the transfer began is read again for every question. */
class Twin {
  private since: { readonly what: Happening; readonly nowMs: number; readonly isWhole: boolean }[] = [];

  /** `isWhole`: the target of the transfer holds the whole log at that moment. */
  note(what: Happening, nowMs: number, isWhole: boolean): void {
    if (what.kind === 'begin') this.since = [];
    this.since.push({ what, nowMs, isWhole });
  }

  get target(): NodeId {
    const first = this.since[0]?.what;
    return first?.kind === 'begin' ? first.server : 0;
  }

  /** What ended it, and when in the list that was; undefined where it is open, or none began. */
  get end(): { readonly place: number; readonly outcome: object } | undefined {
    const place = this.since.findIndex(({ what, nowMs }) => {
      if (what.kind === 'led by') return what.server !== 0;
      return what.kind === 'tick' && nowMs - this.since[0]!.nowMs >= ELECTION_MS;
    });
    if (this.target === 0 || place < 0) return undefined;
    const { kind, server: leader } = this.since[place]!.what as { readonly kind: string; readonly server: NodeId };
    return {
      place,
      outcome: kind === 'led by' && leader === this.target ? { token: 7, ok: true } : { ...TIMEOUT, leader },
    };
  }

  /** Whom the last of them, a question, is to be answered with. */
  get told(): NodeId {
    const questions = this.since.filter(({ what, isWhole }) => what.kind === 'asked whom to tell' && isWhole);
    const isFirst = questions[0] === this.since[this.since.length - 1];
    return this.end === undefined && this.target !== 0 && isFirst && questions.length === 1 ? this.target : 0;
  }
}

describe('transfers, at random', () => {
  it('go as a look at all that happened says', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (all) => {
        const out = new OutputBuffer<unknown>();
        const handover = new Handover(out);
        const twin = new Twin();
        const held = new Map<NodeId, number>();
        let [nowMs, lastIndex] = [BEGAN_MS, 50];
        for (const what of all) {
          if (what.kind === 'begin' && handover.isOpen) continue;
          if (what.kind === 'pass') nowMs += what.durationMs;
          if (what.kind === 'append') lastIndex++;
          if (what.kind === 'held') held.set(what.server, lastIndex - what.short);
          const peer = (id: NodeId) => (held.has(id) ? { matchIndex: held.get(id)!, heardMs: 0 } : undefined);
          const view: LeaderView = { id: 1, nowMs, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex, peer };
          const target = what.kind === 'begin' ? what.server : twin.target;
          const wasOpen = handover.isOpen;
          twin.note(what, nowMs, held.get(target) === lastIndex);
          if (what.kind === 'begin') handover.begin(what.server, 7, view);
          if (what.kind === 'led by') handover.ledBy(what.server);
          if (what.kind === 'tick') handover.tick(nowMs, what.server);
          if (what.kind === 'asked whom to tell') expect(handover.toBeTold({ view })).toBe(twin.told);
          expect(handover.isOpen).toBe(twin.target !== 0 && twin.end === undefined);
          expect(out.requests.splice(0)).toEqual(wasOpen && twin.end !== undefined ? [twin.end.outcome] : []);
        }
      }),
      { numRuns: 300 },
    );
  });
});
