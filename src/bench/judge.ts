import { describeLimit } from './generatorLimits.ts';
import type { DiskFacts, LoadSettings, Merged, RepeatRecord, Verdict } from './results/schema.ts';

export interface Evidence {
  readonly load: LoadSettings;
  readonly repeats: readonly RepeatRecord[];
  readonly merged: Merged;
  readonly disk: DiskFacts | null;
}

/** Other processes that take more of the machine make its figures lower bounds. */
const OTHERS_SHARE_MAX = 0.1;
/** An open loop that completes less of what was due is past what the servers can do. */
const ACHIEVED_SHARE_MIN = 0.98;
/** Repeats whose rates lie further apart do not agree, as a share of their median. */
const SPREAD_SHARE_MAX = 0.1;

/** What a run proves. A problem fails it; a warning says how far its figures can be trusted. */
export function judge(evidence: Evidence): Verdict {
  const { repeats } = evidence;
  const problems = [...workProblems(evidence), ...verificationProblems(repeats)];
  return {
    passed: problems.length === 0,
    verified: repeats.every(({ verification }) => verification.status === 'verified'),
    problems,
    warnings: [...loadWarnings(evidence), ...machineWarnings(evidence)],
  };
}

function workProblems({ merged }: Evidence): string[] {
  return merged.writes + merged.reads > 0 ? [] : ['no request was answered'];
}

function verificationProblems(repeats: readonly RepeatRecord[]): string[] {
  return repeats.flatMap(({ verification }, at) => {
    if (verification.status !== 'failed') return [];
    const where = repeats.length > 1 ? `repeat ${at + 1}: ` : '';
    return verification.problems.map((problem) => where + problem);
  });
}

function loadWarnings({ load, repeats, merged }: Evidence): string[] {
  const warnings: string[] = [];
  const kinds = Object.entries(merged.errorsByKind).map(([kind, count]) => `${count} ${kind}`);
  if (kinds.length > 0) warnings.push(`requests failed: ${kinds.join(', ')}`);
  if (merged.dropped > 0) {
    warnings.push(`${merged.dropped} requests were due but not sent, because too many were unanswered`);
  }
  if (load.ratePerClient !== null) {
    const offered = load.ratePerClient * load.clients;
    const achieved = merged.writesPerSecond.median + merged.readsPerSecond.median;
    if (achieved < ACHIEVED_SHARE_MIN * offered) {
      const limited = describeLimit(repeats) === undefined ? 'the servers are' : 'the generator or the servers are';
      warnings.push(
        `${Math.round(achieved)}/s of the ${Math.round(offered)}/s that were due completed in time: ${limited} past their limit`,
      );
    }
  }
  const unchecked = repeats.filter(({ verification }) => verification.status === 'not-checked');
  if (unchecked.length > 0) {
    warnings.push(
      `what was acknowledged could not be checked (${unchecked[0]!.verification.problems[0] ?? 'unknown'})`,
    );
  }
  const notices = repeats.flatMap(({ incidents }) => incidents.filter(({ kind }) => kind === 'notice'));
  warnings.push(...new Set(notices.map(({ what }) => what)));
  const short = repeats.filter(({ recovery }) => recovery !== undefined && !recovery.isFullRateReached);
  if (short.length > 0) {
    const often = repeats.length > 1 ? ` in ${short.length} of ${repeats.length} rounds` : '';
    warnings.push(
      `95 % of the rate before the fault was not reached any more${often}: it counts with the time until the end`,
    );
  }
  const { median, min, max } = merged.writesPerSecond;
  if (repeats.length > 1 && max - min > SPREAD_SHARE_MAX * median) {
    warnings.push(`the repeats lie ${Math.round(((max - min) / median) * 100)} % apart`);
  }
  return warnings;
}

function machineWarnings({ repeats, disk }: Evidence): string[] {
  const warnings: string[] = [];
  const limit = describeLimit(repeats);
  if (limit !== undefined) warnings.push(limit);
  const others = Math.max(...repeats.map(({ othersCpuShare }) => othersCpuShare ?? 0));
  if (others > OTHERS_SHARE_MAX) {
    warnings.push(`other processes took ${Math.round(others * 100)} % of the machine: the figures are lower bounds`);
  }
  if (disk?.inMemory === true) {
    warnings.push(
      `the servers' data was in memory (${disk.fileSystem}): nothing was durable; choose a disk by --datadir`,
    );
  }
  return warnings;
}
