import { throughputs } from '../compare/metrics.ts';
import type { PlannedRun } from '../plan/plan.ts';
import { formatCount, formatUsAsMs } from '../render/format.ts';
import type { LoadSettings, RunRecord } from '../results/schema.ts';
import { geometricMean } from '../statistics/intervals.ts';
import type { Findings, Knee, Limit } from '../sweep/summary.ts';
import { nextStep, type Probe, type SearchStep } from './rateSearch.ts';
import {
  fitScalability,
  kneeClients,
  POINTS_MIN,
  peakClients,
  predictedPerSecond,
  type ScalabilityLaw,
  type ScalabilityPoint,
} from './scalability.ts';
import { judgeObjective, type Objective, requestsToJudge } from './slo.ts';

/** What is searched for, on each configuration. */
export interface SearchRequest {
  /** The highest rate at which it is met. */
  readonly objective: Objective | undefined;
  /** How close the ends of the answer are, as a share. */
  readonly precision: number;
  /** How throughput grows with the clients of a closed loop. */
  readonly wantsKnee: boolean;
}

/** Measures a run, or reads what is there of it. Undefined where it was interrupted. */
export type Measure = (run: PlannedRun) => Promise<RunRecord | undefined>;

/** A confirmation takes so many times the time of a probe. */
const CONFIRMATION_TIMES = 3;
/** A probe of few requests a second lasts until there are enough to judge it by, in whole steps, but no longer than this, ms. */
const PROBE_MS_MAX = 120_000;
const WHOLE_MS = 100;
/** Twice as many clients that get less more than this are no gain. */
const GAIN_MIN = 1.02;
const STEPS_WITHOUT_GAIN = 2;
const CLIENTS_MAX = 4096;

/** A load that could not be searched. */
export class SearchError extends Error {
  override readonly name = 'SearchError';
}

export const NOTHING_FOUND: Findings = { answers: [], limits: [], knees: [] };

/** Searches on each configuration, one after the other, as far as it is not interrupted. Throws SearchError where the load cannot say. */
export async function search(
  configurations: readonly PlannedRun[],
  { objective, precision, wantsKnee }: SearchRequest,
  measure: Measure,
): Promise<Findings> {
  const findings: { answers: string[]; limits: Limit[]; knees: Knee[] } = { answers: [], limits: [], knees: [] };
  for (const configuration of configurations) {
    if (objective !== undefined) {
      const found = await searchLimit(configuration, objective, precision, measure);
      if (found === undefined) break;
      findings.limits.push(found.limit);
      findings.answers.push(found.answer);
    }
    if (wantsKnee) {
      const found = await searchKnee(configuration, measure);
      if (found === undefined) break;
      if (found.knee !== undefined) findings.knees.push(found.knee);
      findings.answers.push(found.answer);
    }
  }
  return findings;
}

function probeOf(run: PlannedRun, suffix: string, change: Partial<LoadSettings>): PlannedRun {
  const load = { ...run.settings.load, ...change };
  const name = `${run.label}-${suffix}`;
  const levels = { ...run.levels, probe: suffix };
  return { ...run, name, label: name, settings: { ...run.settings, load }, levels };
}

async function searchLimit(run: PlannedRun, objective: Objective, precision: number, measure: Measure) {
  const { clients, timeMs, reads } = run.settings.load;
  const needed = requestsToJudge(objective, reads);
  const closed = await measure(probeOf(run, 'closed', { ratePerClient: null }));
  if (closed === undefined) return undefined;
  if (!closed.verdict.passed) throw new SearchError(`${closed.name}: ${closed.verdict.problems.join('; ')}`);
  const startPerSecond = rateOf(closed) / 2;
  const probes: Probe[] = [];
  const whys = new Map<number, string>();
  for (;;) {
    const step = nextStep({ startPerSecond, precision }, probes);
    if (step.kind !== 'probe' && step.kind !== 'confirm') return limitOf(run, objective, step, whys);
    const { perSecond } = step;
    const isConfirmation = step.kind === 'confirm';
    const probeMs = Math.max(
      timeMs,
      Math.min(PROBE_MS_MAX, WHOLE_MS * Math.ceil((1000 * needed) / perSecond / WHOLE_MS)),
    );
    const record = await measure(
      probeOf(run, `r${perSecond}${isConfirmation ? '-long' : ''}`, {
        ratePerClient: perSecond / clients,
        timeMs: isConfirmation ? CONFIRMATION_TIMES * probeMs : probeMs,
      }),
    );
    if (record === undefined) return undefined;
    const verdict = judgeObjective(record, objective);
    if (verdict.kind === 'open') throw new SearchError(`${record.name}: ${verdict.why}`);
    if (verdict.kind === 'missed') whys.set(perSecond, verdict.why.replace(`${record.name}: `, ''));
    probes.push({ perSecond, isMet: verdict.kind === 'met', isConfirmation });
  }
}

function limitOf(run: PlannedRun, objective: Objective, end: SearchStep, whys: ReadonlyMap<number, string>) {
  const [low, high] = 'high' in end ? ['low' in end ? end.low : undefined, end.high] : [undefined, undefined];
  const limit: Limit = {
    name: run.label,
    objective: objective.text,
    low: low ?? null,
    high: high ?? null,
    isConfirmed: end.kind === 'found',
  };
  const missed = high === undefined ? '' : `; missed at ${formatCount(high)} (${whys.get(high)})`;
  const answers: Record<string, string> = {
    found: `is met up to ${formatCount(low ?? 0)} requests a second, in a run of ${CONFIRMATION_TIMES} times the length too${missed}`,
    none: `is met at no rate that was tried${missed}`,
    unfinished: `was not bracketed in as many probes as there may be; met at ${low === undefined ? 'none' : formatCount(low)}${missed}`,
  };
  return { limit, answer: `${run.label}: ${objective.text} ${answers[end.kind]}` };
}

async function searchKnee(run: PlannedRun, measure: Measure) {
  const points: (ScalabilityPoint & { readonly p99Us: number })[] = [];
  let best = 0;
  let withoutGain = 0;
  for (let clients = 1; clients <= CLIENTS_MAX && withoutGain < STEPS_WITHOUT_GAIN; clients *= 2) {
    const record = await measure(probeOf(run, `c${clients}`, { ratePerClient: null, clients }));
    if (record === undefined) return undefined;
    if (!record.verdict.passed) throw new SearchError(`${record.name}: ${record.verdict.problems.join('; ')}`);
    const perSecond = rateOf(record);
    const { writeLatencyUs, readLatencyUs } = record.merged;
    points.push({ clients, perSecond, p99Us: Math.max(writeLatencyUs.p99, readLatencyUs.p99) });
    withoutGain = perSecond < GAIN_MIN * best ? withoutGain + 1 : 0;
    best = Math.max(best, perSecond);
  }
  const law = fitScalability(points);
  if (law === undefined) {
    return { knee: undefined, answer: `${run.label}: fewer than ${POINTS_MIN} points say nothing of how it scales` };
  }
  const knee = kneeOf(run.label, law);
  const nearest = points.reduce((one, other) => (distance(other, knee) < distance(one, knee) ? other : one));
  const most =
    knee.peakClients === null
      ? 'more clients always get more'
      : `most with ${formatCount(Math.round(knee.peakClients))} (${formatCount(Math.round(knee.peakPerSecond!))})`;
  return {
    knee,
    answer:
      `${run.label}: the knee is at ${formatCount(Math.round(knee.kneeClients))} clients (${formatCount(Math.round(knee.kneePerSecond))} requests a second; ` +
      `p99 ${formatUsAsMs(nearest.p99Us)} ms with ${nearest.clients}); ${most}; one alone gets ${formatCount(Math.round(law.alonePerSecond))}, ` +
      `contention ${percent(law.contention)}, coherence ${percent(law.coherence)}`,
  };
}

function kneeOf(name: string, law: ScalabilityLaw): Knee {
  const [at, peak] = [kneeClients(law), peakClients(law)];
  const hasPeak = Number.isFinite(peak);
  // Without contention there is none either: then it is where the last client is.
  const clients = Number.isFinite(at) ? at : CLIENTS_MAX;
  return {
    name,
    ...law,
    kneeClients: clients,
    kneePerSecond: predictedPerSecond(law, clients),
    peakClients: hasPeak ? peak : null,
    peakPerSecond: hasPeak ? predictedPerSecond(law, peak) : null,
  };
}

function distance(point: ScalabilityPoint, knee: Knee): number {
  return Math.abs(Math.log(point.clients / knee.kneeClients));
}

function rateOf(record: RunRecord): number {
  return geometricMean(throughputs(record) ?? []);
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
