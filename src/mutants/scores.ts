import { EQUIVALENTS } from './equivalents.ts';
import { type Outcome, TIME_OUT } from './hunt.ts';
import type { Numbered } from './selection.ts';

interface Count {
  readonly name: string;
  readonly killed: number;
  readonly run: number;
}

interface Survivor {
  readonly key: string;
  readonly line: number;
  readonly how: string;
}

export interface Score {
  readonly killed: number;
  /** Without those that are argued to be no mistakes. */
  readonly run: number;
  readonly percent: string;
  /** Of the killed: those that did not come to an end. */
  readonly timedOut: number;
  readonly parts: readonly Count[];
  readonly files: readonly Count[];
  /** Survived, and argued to be no mistake. */
  readonly argued: readonly (Survivor & { readonly why: string })[];
  /** Survived, and a hole until somebody says otherwise. */
  readonly unargued: readonly Survivor[];
  /** Argued to be no mistake, and yet something notices: the argument is wrong. */
  readonly refuted: readonly Survivor[];
}

export function scoreOf(mutants: readonly Numbered[], outcomes: ReadonlyMap<string, Outcome>): Score {
  const why = new Map(EQUIVALENTS.map((each) => [each.key, each.why]));
  const judged = mutants.map(({ mutant, target }) => ({ mutant, target, outcome: outcomes.get(mutant.key)! }));
  const isKilled = ({ outcome }: (typeof judged)[number]) => outcome.killer !== undefined;
  const survivor = ({ mutant: { key, line }, outcome: { how } }: (typeof judged)[number]) => ({ key, line, how });
  // What survives and is argued to be no mistake is none that anybody could find.
  const mistakes = judged.filter((each) => isKilled(each) || !why.has(each.mutant.key));
  const countBy = (nameOf: (each: (typeof judged)[number]) => string): Count[] => {
    const names = [...new Set(judged.map(nameOf))];
    return names.map((name) => {
      const those = mistakes.filter((each) => nameOf(each) === name);
      return { name, killed: those.filter(isKilled).length, run: those.length };
    });
  };
  const killed = judged.filter(isKilled);
  const survived = judged.filter((each) => !isKilled(each));
  const run = mistakes.length;
  return {
    killed: killed.length,
    run,
    percent: percentOf(killed.length, run),
    timedOut: killed.filter(({ outcome }) => outcome.how === TIME_OUT).length,
    parts: countBy(({ target }) => target.name),
    files: countBy(({ mutant }) => mutant.file),
    argued: survived
      .filter(({ mutant }) => why.has(mutant.key))
      .map((each) => ({ ...survivor(each), why: why.get(each.mutant.key)! })),
    unargued: survived.filter(({ mutant }) => !why.has(mutant.key)).map(survivor),
    refuted: killed.filter(({ mutant }) => why.has(mutant.key)).map(survivor),
  };
}

export function renderScores({ parts, files, argued, unargued, refuted, timedOut }: Score): string {
  const row = ({ name, killed, run }: Count) =>
    `  ${name.padEnd(56)} ${String(killed).padStart(5)} of ${String(run).padStart(5)}  ${percentOf(killed, run).padStart(5)} %`;
  const place = ({ key, line, how }: Survivor) => `  ${key}\n      line ${line}; ${how}`;
  return [
    'by file',
    ...files.map(row),
    'by engine and part',
    ...parts.map(row),
    ...(argued.length > 0 ? ['survived, argued to be no mistake'] : []),
    ...argued.map((each) => `${place(each)}\n      ${each.why}`),
    ...(unargued.length > 0 ? ['survived'] : []),
    ...unargued.map(place),
    ...(refuted.length > 0 ? ['argued to be no mistake, but noticed'] : []),
    ...refuted.map(place),
    `${timedOut} of the killed did not come to an end; ${argued.length} that survived are argued to be no mistakes, and not counted`,
  ].join('\n');
}

function percentOf(killed: number, run: number): string {
  return run === 0 ? '–' : ((100 * killed) / run).toFixed(1);
}
