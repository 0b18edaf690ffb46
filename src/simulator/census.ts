/**
 * Everything that the simulator plans to do to a cluster. A kind is counted when it really happened: a partition when it
 * first stopped a message, a torn write when a crash left one behind.
 */
export const FAULT_KINDS = [
  'message lost',
  'message duplicated',
  'message overtaken',
  'message delayed by a tail',
  'symmetric partition',
  'one-way partition',
  'partial partition',
  'clogged link',
  'crash between events',
  'crash inside a turn',
  'crash with a write pending',
  'crash with a vote pending',
  'crash right after a sync',
  'crash of the whole cluster',
  'graceful stop',
  'restart',
  'unsynced write lost',
  'unsynced write survived',
  'write torn',
  'bits flipped',
  'journal torn',
  'second half of a journal',
  'lost tail refused',
  'lost tail put back',
  'folder lost',
  'earlier process goes on',
  'earlier process outlives an admission',
  'empty member refused',
  'empty member rejoined',
  'new server admitted',
  'cluster founded',
  'founding joined',
  'founded far apart',
  'crash before the founding',
  'folder lost in the founding',
  'older copy put in its place',
  'older copy refused',
  'copy of a new folder refused',
  'older copy rejoined at once',
  'older data put beside the identity',
  'data deleted beside the identity',
  'foreign folder put in its place',
  'foreign folder refused',
  'right folder put back',
  'slow disk',
  'stalled disk',
  'full disk',
  'read error',
  'pause',
  'deaf leader',
  'clock drift',
  'clock jump',
  'server added',
  'server removed',
  'leader removed',
  'membership change refused',
  'change refused: no answer',
  'transfer refused: no answer',
  'servers that stay away',
  'leadership transferred',
  'leadership transfer refused',
  'read by a lease',
  'snapshot taken',
  'snapshot taken over turns',
  'snapshot installed',
  'snapshot in several chunks',
  'snapshot chunk sent again',
  'snapshot overtaken by a newer one',
  'senseless command refused',
  'forged introduction',
  'forged request for admission',
  'client connection reset',
  'client connection half open',
  'client retried',
  'client moved',
  'outcome failed',
  'outcome unknown',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Happens only where the engine has learners. */
export const LEARNER_KINDS = ['learner added', 'voter demoted'] as const;
export type LearnerKind = (typeof LEARNER_KINDS)[number];

export type CountedKind = FaultKind | LearnerKind;

/** How often each kind happened, and the sums that a report shows. */
export class Census {
  readonly counts = new Map<CountedKind, number>();

  count(kind: CountedKind, times = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + times);
  }

  of(kind: CountedKind): number {
    return this.counts.get(kind) ?? 0;
  }

  add(other: Iterable<readonly [CountedKind, number]>): void {
    for (const [kind, times] of other) this.count(kind, times);
  }
}
