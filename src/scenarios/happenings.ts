import type { ServerSample } from './samples.ts';

/** What happened in a play, in the order of time. Times are ms from its beginning, which is when the cluster served all clients. */
export type Happening =
  /** A step took effect. */
  | {
      readonly kind: 'step';
      readonly atMs: number;
      readonly step: number;
      readonly what: string;
      readonly servers: readonly number[];
      /** Whether it changes anything for the cluster. */
      readonly disturbs: boolean;
      /** Of a fault: for how long, where that was said. It may be undone before. */
      readonly forMs?: number;
    }
  /** An operator asked for a change of the members or a transfer, which somebody has to carry out. */
  | { readonly kind: 'asked'; readonly atMs: number; readonly step: number }
  /** Its fault was undone, or what it asked for was done. */
  | { readonly kind: 'step-over'; readonly atMs: number; readonly step: number; readonly what: string }
  | {
      readonly kind: 'step-failed';
      readonly atMs: number;
      readonly step: number;
      readonly what: string;
      readonly why: string;
    }
  /** Nothing keeps these servers from taking part any more. */
  | { readonly kind: 'back'; readonly atMs: number; readonly servers: readonly number[] }
  | { readonly kind: 'acknowledged'; readonly atMs: number; readonly client: number; readonly sentMs: number }
  /** A write without an answer in the client's time. */
  | { readonly kind: 'given-up'; readonly atMs: number; readonly client: number; readonly sentMs: number }
  /** Servers were asked at `askedMs`, and the last of them had answered at `atMs`. */
  | {
      readonly kind: 'sample';
      readonly atMs: number;
      readonly askedMs: number;
      readonly servers: readonly ServerSample[];
    };

/** Its times counted from `beganMs`. */
export function since(happening: Happening, beganMs: number): Happening {
  const atMs = happening.atMs - beganMs;
  switch (happening.kind) {
    case 'acknowledged':
    case 'given-up':
      return { ...happening, atMs, sentMs: happening.sentMs - beganMs };
    case 'sample':
      return { ...happening, atMs, askedMs: happening.askedMs - beganMs };
    default:
      return { ...happening, atMs };
  }
}
