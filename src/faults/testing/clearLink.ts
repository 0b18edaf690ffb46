import type { LinkCondition } from '../lane.ts';

/** Of a link with which nothing is wrong. */
export const CLEAR: LinkCondition = {
  isCut: false,
  lossChance: 0,
  delays: [],
  bytesPerSecond: Number.POSITIVE_INFINITY,
  keepsOrder: true,
};
