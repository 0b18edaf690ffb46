/** A mutant that need not be killed, and why. */
export interface Equivalent {
  /** `Mutant.key`: it ends to name anything once the code changes, and then the command and a test say so. */
  readonly key: string;
  readonly why: string;
}

/** Survivors that are argued: they change nothing that anybody was promised. */
export const EQUIVALENTS: readonly Equivalent[] = [];
