import { requestsFor, throughputs } from '../compare/metrics.ts';
import { parseThreshold, runCrossings, type Threshold } from '../compare/threshold.ts';
import type { RunRecord } from '../results/schema.ts';

/** What a load has to keep to: a figure's bound, such as `p99<10ms`. */
export type Objective = Threshold;

/** Of what was due, so much may miss the end of the window beside what is on its way then anyhow. */
const LATE_SHARE_MAX = 0.02;

/** More requests than it takes: which of them are lookups is drawn. */
const SPARE = 1.1;

/** Throws ThresholdError. */
export function parseObjective(text: string): Objective {
  return parseThreshold(text, false, '--slo');
}

/** How many requests it takes to judge a load by it, of which this share are lookups. */
export function requestsToJudge({ figures }: Objective, reads: number): number {
  const rarer = reads === 0 || reads === 1 ? 1 : Math.min(reads, 1 - reads);
  return Math.ceil((SPARE * Math.max(...figures.map(({ name }) => requestsFor(name)))) / rarer);
}

/** How a load was kept to. */
export type Verdict =
  | { readonly kind: 'met' }
  | { readonly kind: 'missed'; readonly why: string }
  /** Too few requests carry the figure. */
  | { readonly kind: 'open'; readonly why: string };

/** Whether a run at an open-loop rate kept to the objective, answered what was due, and left nothing out. */
export function judgeObjective(run: RunRecord, objective: Objective): Verdict {
  const { load } = run.settings;
  const { merged } = run;
  if (!run.verdict.passed) return { kind: 'missed', why: run.verdict.problems[0] ?? 'the check failed' };
  const unanswered = merged.failed + merged.dropped;
  if (unanswered > 0) return { kind: 'missed', why: `${unanswered} requests failed or were dropped` };
  const due = load.clients * (load.ratePerClient ?? 0);
  const slowest = Math.min(...(throughputs(run) ?? []));
  if (slowest < (1 - LATE_SHARE_MAX - onItsWayShare(run)) * due) {
    return {
      kind: 'missed',
      why: `${Math.round(slowest)} of ${Math.round(due)} requests a second were answered in time`,
    };
  }
  const carried = objective.figures.filter(
    (figure) => runCrossings(run, [{ ...anyValueOf(objective), figures: [figure] }]).length > 0,
  );
  if (carried.length === 0)
    return { kind: 'open', why: `too few requests for ${objective.text}: it takes a longer --time` };
  const kept = runCrossings(run, [{ ...objective, figures: carried }]);
  if (kept.length === carried.length) return { kind: 'met' };
  const isKept = new Set(kept.map(({ what }) => what));
  const all = runCrossings(run, [{ ...anyValueOf(objective), figures: carried }]);
  return { kind: 'missed', why: all.find(({ what }) => !isKept.has(what))!.what };
}

/**
 * What is on its way at a moment, as a share of what is due in the window (Little's law). Where requests come faster than they are
 * answered, twice as many are missing at its end.
 */
function onItsWayShare({ merged: { writeLatencyUs: writes, readLatencyUs: reads }, repeats }: RunRecord): number {
  const meanMs =
    (writes.count * writes.mean + reads.count * reads.mean) / Math.max(1, writes.count + reads.count) / 1000;
  return meanMs / Math.min(...repeats.map(({ windowMs }) => windowMs));
}

/** Which every value crosses, so that a figure that is there is told. */
function anyValueOf(objective: Objective): Objective {
  return { ...objective, isBelow: true, limit: Number.POSITIVE_INFINITY };
}
