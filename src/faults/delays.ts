import { exponential, type NextRandom, normal, pareto } from './distributions.ts';
import { drawMs, type Spread } from './spread.ts';

/** How long a message takes on its way, whole µs. */
export type DelayShape =
  | { readonly kind: 'fixed'; readonly us: number }
  /** What would be below zero is zero. */
  | { readonly kind: 'normal'; readonly meanUs: number; readonly deviationUs: number }
  /** Mostly little more than `leastUs`, seldom many times that: one in a hundred is 20 times as long, one in a thousand 100 times. */
  | { readonly kind: 'heavy-tail'; readonly leastUs: number }
  /** As it was measured somewhere. */
  | { readonly kind: 'measured'; readonly ms: Spread }
  /** What a network of the simulator does, and with `tailChance` so much more. */
  | {
      readonly kind: 'exponential';
      readonly leastUs: number;
      readonly meanUs: number;
      readonly tailChance: number;
      readonly tailMeanUs: number;
    };

/** Of Pareto's distribution: it has a mean, three times the least, and no variance. */
const HEAVY_TAIL_SHAPE = 1.5;
/** A delay of one in a thousand; longer ones would outlive the fault, and say nothing new. */
const HEAVY_TAIL_TIMES_MAX = 100;

/** `tailed` is told where the delay is one of the rare long ones. */
export function drawDelayUs(shape: DelayShape, next: NextRandom, tailed: () => void): number {
  switch (shape.kind) {
    case 'fixed':
      return shape.us;
    case 'normal':
      return Math.max(0, Math.round(normal(next, shape.meanUs, shape.deviationUs)));
    case 'heavy-tail': {
      const { leastUs } = shape;
      return Math.min(leastUs * HEAVY_TAIL_TIMES_MAX, Math.round(pareto(next, leastUs, HEAVY_TAIL_SHAPE)));
    }
    case 'measured':
      return Math.round(drawMs(shape.ms, next()) * 1000);
    case 'exponential': {
      const { leastUs, meanUs, tailChance, tailMeanUs } = shape;
      const us = leastUs + exponential(next, meanUs);
      if (tailChance === 0 || next() >= tailChance) return us;
      tailed();
      return us + exponential(next, tailMeanUs);
    }
  }
}
