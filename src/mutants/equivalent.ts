/** A mutant that need not be killed, and why. */
export interface Equivalent {
  /** `Mutant.key`: it ends to name anything once the code changes, and then the command and a test say so. */
  readonly key: string;
  readonly why: string;
}

/** Several mutants, for the same reason. */
export function argued(why: string, ...keys: readonly string[]): readonly Equivalent[] {
  return keys.map((key) => ({ key, why }));
}
