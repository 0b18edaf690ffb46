import { Census, type CountedKind, FAULT_KINDS, LEARNER_KINDS } from './census.ts';
import type { SimulatedEngine } from './engines.ts';
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
    this.census.add(report.counts);
    if (report.violation !== undefined) this.failures.push(report);
  }

  /** What was planned for this engine and never happened. A corpus of some hundred runs should leave nothing out. */
  neverHappened(engine: SimulatedEngine): CountedKind[] {
    return plannedKinds(engine).filter((kind) => this.census.of(kind) === 0);
  }
}

export function plannedKinds(engine: SimulatedEngine): readonly CountedKind[] {
  return engine.learners ? [...FAULT_KINDS, ...LEARNER_KINDS] : FAULT_KINDS;
}
