import type { EngineEntry } from '../consensus/engineEntry.ts';
import { Census, type CountedKind, FAULT_KINDS, LEARNER_KINDS } from './census.ts';
import type { RunReport } from './world.ts';

/** The sum of many runs. */
export class Totals {
  runs = 0;
  virtualSeconds = 0;
  steps = 0;
  operations = 0;
  acknowledged = 0;
  committed = 0;
  leaderships = 0;
  /** Runs in which there was much at once: see `isEventful`. */
  eventful = 0;
  readonly dense = { runs: 0, virtualSeconds: 0, operations: 0 };
  readonly census = new Census();
  readonly failures: RunReport[] = [];

  add(report: RunReport): void {
    this.runs++;
    this.virtualSeconds += report.virtualSeconds;
    this.steps += report.steps;
    this.operations += report.operations;
    this.acknowledged += report.acknowledged;
    this.committed += report.committed;
    this.leaderships += report.leaderships;
    if (isEventful(report)) this.eventful++;
    if (report.isDense) {
      this.dense.runs++;
      this.dense.virtualSeconds += report.virtualSeconds;
      this.dense.operations += report.operations;
    }
    this.census.add(report.counts);
    if (report.violation !== undefined) this.failures.push(report);
  }

  /** What was planned for this engine and never happened. A corpus of some hundred runs should leave nothing out. */
  neverHappened(engine: EngineEntry): CountedKind[] {
    return plannedKinds(engine).filter((kind) => this.census.of(kind) === 0);
  }
}

const CHANGES: ReadonlySet<CountedKind> = new Set([
  'server added',
  'server removed',
  'leader removed',
  'learner added',
  'voter demoted',
]);

/** Whether a run had a hundred committed entries, two leaders, an installed snapshot and a finished change of members together. */
function isEventful({ committed, leaderships, counts }: RunReport): boolean {
  const happened = (kinds: ReadonlySet<CountedKind>) => counts.some(([kind, times]) => times > 0 && kinds.has(kind));
  return committed >= 100 && leaderships >= 2 && happened(new Set(['snapshot installed'])) && happened(CHANGES);
}

export function plannedKinds(engine: EngineEntry): readonly CountedKind[] {
  return engine.learners ? [...FAULT_KINDS, ...LEARNER_KINDS] : FAULT_KINDS;
}
