/** The rules that the simulator holds a cluster to. */
const INVARIANTS = [
  'election safety',
  'leader append-only',
  'log matching',
  'leader completeness',
  'state machine safety',
  'durable quorum',
  'commit in own term',
  'committed entries stay',
  'monotonic term and vote',
  'monotonic commit index',
  'one membership change',
  'able to commit',
  'living successor',
  'durable promise',
  'own count',
  'fresh reads',
  'change in own term',
  'done is done',
  'voting leader',
  'whole memory',
  'right refusal',
  'exactly once',
  'one answer',
  'acknowledged write',
  'refused before the log',
  'linearizability',
  'constant sum',
  'durability',
  'persist contract',
  'engine contract',
  'liveness',
  'no exception',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

/** A run broke a rule. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
  readonly invariant: Invariant;

  constructor(invariant: Invariant, what: string, options?: ErrorOptions) {
    super(`${invariant}: ${what}`, options);
    this.invariant = invariant;
  }
}
