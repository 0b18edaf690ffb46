import { createHash } from 'node:crypto';
import type { Mutant, Operator } from './operators.ts';
import { type MutatedFile, TARGET_NAMES, type Target } from './targets.ts';

/** A mutant with its number in the instrumented build. */
export interface Numbered {
  readonly id: number;
  readonly mutant: Mutant;
  readonly target: Target;
}

export interface Selection {
  /** A part, or `all`. */
  readonly engine: string;
  /** Only files whose path ends so, or so, with commas between. */
  readonly file: string | undefined;
  /** Only mistakes of these kinds; undefined: of every kind. */
  readonly operator: readonly Operator[] | undefined;
  /** Mutants of each part; undefined: all. */
  readonly sample: number | undefined;
  /** Which sample. */
  readonly draw: number;
}

export function numbered(files: readonly MutatedFile[]): Numbered[] {
  return files
    .flatMap(({ target, mutants }) => mutants.map((mutant) => ({ mutant, target })))
    .map((each, id) => ({ ...each, id }));
}

/** The same for the same code, on every machine; of other code, as far as the mutants have the same names. */
export function select(all: readonly Numbered[], { engine, file, operator, sample, draw }: Selection): Numbered[] {
  const ends = file?.split(',');
  const eligible = all
    .filter(({ target }) => engine === 'all' || target.name === engine)
    .filter(({ mutant }) => operator === undefined || operator.includes(mutant.operator))
    .filter(({ mutant }) => ends === undefined || ends.some((end) => `/${mutant.file}`.endsWith(`/${end}`)));
  if (sample === undefined) return eligible;
  const lotOf = ({ mutant }: Numbered) => createHash('sha256').update(`${draw} ${mutant.key}`).digest('hex');
  return TARGET_NAMES.flatMap((name) =>
    eligible
      .filter(({ target }) => target.name === name)
      .map((each) => ({ each, lot: lotOf(each) }))
      .sort((a, b) => (a.lot < b.lot ? -1 : 1))
      .slice(0, sample)
      .map(({ each }) => each)
      .sort((a, b) => a.id - b.id),
  );
}
