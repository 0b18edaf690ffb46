import type { Measurements } from './measure.ts';

/** Those that are times, and how tables call them. */
export const TIMES: readonly { readonly key: TimeKey; readonly title: string }[] = [
  { key: 'firstWriteMs', title: 'first write' },
  { key: 'gapMs', title: 'longest gap' },
  { key: 'waitMs', title: 'worst client' },
  { key: 'leaderlessMs', title: 'without a leader' },
  { key: 'successorMs', title: 'another led after' },
  { key: 'catchUpMs', title: 'catch-up' },
  { key: 'operatorMs', title: 'operator waited' },
];

export type TimeKey = {
  [K in keyof Measurements]: K extends `${string}Ms` ? K : never;
}[keyof Measurements];
