import type { UserDelayShape } from '../serverFault.ts';

/** `10%` or `0.1`; undefined where the text is no share above 0 and up to 1. */
export function parseShare(text: string): number | undefined {
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const share = Number(digits) / (percent === '%' ? 100 : 1);
  return share > 0 && share <= 1 ? share : undefined;
}

const BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, k: 1e3, kB: 1e3, M: 1e6, MB: 1e6, G: 1e9, GB: 1e9 };

/** `500000`, `500kB` or `1MB`; undefined where the text is no number of bytes. */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const bytes = Number(digits) * (Object.hasOwn(BYTES, unit) ? BYTES[unit]! : Number.NaN);
  return bytes >= 1 ? bytes : undefined;
}

/** A delay as people say it: by so much, or with so much of a deviation, or with a tail; not with both. */
export function delayShape(byMs: number, jitterMs: number | undefined, hasHeavyTail: boolean): UserDelayShape {
  const us = byMs * 1000;
  if (hasHeavyTail) return { kind: 'heavy-tail', leastUs: us };
  return jitterMs === undefined ? { kind: 'fixed', us } : { kind: 'normal', meanUs: us, deviationUs: jitterMs * 1000 };
}
