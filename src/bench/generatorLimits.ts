import type { GeneratorRecord, RepeatRecord } from './results/schema.ts';

/**
 * A generator needs at least a fifth of its core idle, or requests and answers wait for it, which shows in the latencies as if it were the servers'
 * (Grafana k6, "Running large tests": at most 80 %).
 */
export const GENERATOR_CPU_SHARE_MAX = 0.8;
/** Requests that leave so late after they were due are no timer's grain: that is 1 ms. */
const SENT_LATE_US_MIN = 5000;
/** And so much of the p99 that people read is then the generator's own. */
const SENT_LATE_SHARE_MAX = 0.2;
/** Of a run's rounds: more of them are more than an accident. */
const LIMITED_ROUNDS_SHARE_MAX = 0.1;

export type GeneratorLimit = GeneratorRecord['limitedBy'][number];

/** What a generator was limited by, of what was noted of it. `p99Us`: of the response times of all requests. */
export function limitsOf(
  { cpuShareMax, sentLateUs }: Pick<GeneratorRecord, 'cpuShareMax' | 'sentLateUs'>,
  p99Us: number,
): GeneratorLimit[] {
  const limits: GeneratorLimit[] = [];
  if (cpuShareMax > GENERATOR_CPU_SHARE_MAX) limits.push('cpu');
  const lateUs = sentLateUs?.p99 ?? 0;
  if (lateUs >= SENT_LATE_US_MIN && lateUs > SENT_LATE_SHARE_MAX * p99Us) limits.push('late');
  return limits;
}

/** How a run was limited by its generator, in words; undefined where it was not, or by a round in ten at most. */
export function describeLimit(repeats: readonly RepeatRecord[]): string | undefined {
  const limited = repeats.filter(isLimited);
  if (limited.length === 0 || limited.length <= LIMITED_ROUNDS_SHARE_MAX * repeats.length) return undefined;
  const often = repeats.length > 1 ? ` in ${limited.length} of ${repeats.length} rounds` : '';
  const causes = [...wordsOfCpu(limited), ...wordsOfLateness(limited)];
  return `limited by the generator${often}: ${causes.join('; ')}`;
}

function isLimited({ generator }: RepeatRecord): boolean {
  return (generator?.limitedBy.length ?? 0) > 0;
}

function wordsOfCpu(repeats: readonly RepeatRecord[]): string[] {
  const shares = repeats.flatMap(({ generator }) =>
    generator?.limitedBy.includes('cpu') ? generator.cpuShareMax : [],
  );
  if (shares.length === 0) return [];
  const percent = Math.round(Math.max(...shares) * 100);
  return [
    `it was busy for ${percent} % of a core's time, so the servers may do more than this (more --workers, where there are cores for them)`,
  ];
}

function wordsOfLateness(repeats: readonly RepeatRecord[]): string[] {
  const late = repeats.flatMap(({ generator }) =>
    generator?.limitedBy.includes('late') ? (generator.sentLateUs?.p99 ?? 0) : [],
  );
  if (late.length === 0) return [];
  return [
    `one of 100 requests left ${(Math.max(...late) / 1000).toFixed(1)} ms or more after it was due, which is in the times and not the servers'`,
  ];
}
