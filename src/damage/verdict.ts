export type Outcome = 'whole' | 'refused' | 'served' | 'refused, others served' | 'nothing to damage' | 'failure';

/** What came of a damage. */
export interface Verdict {
  readonly outcome: Outcome;
  /** The error's name, or what went wrong. */
  readonly what: string;
}
