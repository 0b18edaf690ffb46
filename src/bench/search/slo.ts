import { throughputs } from '../compare/metrics.ts';
import { parseThreshold, runCrossings, type Threshold } from '../compare/threshold.ts';
import type { RunRecord } from '../results/schema.ts';

/** What a load has to keep to: a figure's bound, such as `p99<10ms`. */
export type Objective = Threshold;

/** Less of what was due, answered in time, is no load that was carried. */
const CARRIED_SHARE_MIN = 0.98;

/** Throws ThresholdError. */
export function parseObjective(text: string): Objective {
  return parseThreshold(text, false, '--slo');
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
  const rates = throughputs(run) ?? [];
  const slowest = Math.min(...rates, Number.POSITIVE_INFINITY);
  if (slowest < CARRIED_SHARE_MIN * due) {
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

/** Which every value crosses, so that a figure that is there is told. */
function anyValueOf(objective: Objective): Objective {
  return { ...objective, isBelow: true, limit: Number.POSITIVE_INFINITY };
}
