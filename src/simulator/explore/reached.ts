/** A combination of states, as a hash, and after which event of its run it was there first. */
export interface Reached {
  readonly state: number;
  readonly afterSteps: number;
}
