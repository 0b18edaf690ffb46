import { z } from 'zod';

/** How much slower servers are made, and what a comparison has to make of it. */
export const KINDS = {
  /** A configuration beside itself. */
  aa: 1,
  slow10: 0.9,
  slow3: 0.97,
} as const;
export type TrialKind = keyof typeof KINDS;

const ratio = z.object({ ratio: z.number(), low: z.number(), high: z.number() });

/** By which delay throughput falls to 90 %, and how that is known. */
export const calibrationSchema = z.object({
  /** The load that it holds for. */
  load: z.string(),
  nsPerByte: z.number().positive(),
  /** What throughput fell to with that delay, all rounds of it. */
  measured: ratio,
  rounds: z.int(),
});
export type Calibration = z.infer<typeof calibrationSchema>;

/** The delay by which throughput falls to `goal`, of what it fell to by another: a request takes longer in proportion to the delay. */
export function delayFor(goal: number, known: { readonly nsPerByte: number; readonly ratio: number }): number {
  return (known.nsPerByte * (1 / goal - 1)) / (1 / known.ratio - 1);
}

/** The delay for trials of a kind. */
export function delayOfKind(kind: TrialKind, { nsPerByte, measured }: Calibration): number {
  return kind === 'aa' ? 0 : delayFor(KINDS[kind], { nsPerByte, ratio: measured.ratio });
}
