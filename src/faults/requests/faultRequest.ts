import { z } from 'zod';
import { FAULT_MS_MAX } from '../faultBook.ts';
import { signalSchema } from './signals.ts';
import { parseTargets, TARGETS_EXPECTED } from './targets.ts';

const id = z.int().min(1);
const us = z.number().min(1);

const targets = z.custom<string>((value) => typeof value === 'string' && parseTargets(value) !== undefined, {
  error: `expected ${TARGETS_EXPECTED}`,
});

const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fixed'), us }),
  z.strictObject({ kind: z.literal('normal'), meanUs: us, deviationUs: z.number().min(0) }),
  z.strictObject({ kind: z.literal('heavy-tail'), leastUs: us }),
]);

const trouble = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cut') }),
  z.strictObject({ kind: z.literal('delay'), shape }),
  z.strictObject({ kind: z.literal('loss'), chance: z.number().min(0).max(1) }),
  z.strictObject({ kind: z.literal('bandwidth'), bytesPerSecond: z.number().min(1) }),
]);

const what = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kill'), targets, signal: signalSchema, restart: z.boolean() }),
  z.strictObject({ kind: z.literal('pause'), targets }),
  /** Servers of different groups are apart from each other. */
  z.strictObject({ kind: z.literal('groups'), groups: z.array(z.array(id).min(1)).min(2) }),
  /** Between the targets and `peers`, which are the others where it is not said; `to` these, `from` them, or both. */
  z.strictObject({
    kind: z.literal('link'),
    targets,
    peers: targets.optional(),
    to: z.boolean(),
    from: z.boolean(),
    trouble,
  }),
  /** Between the targets and their clients; `to` these, `from` them, or both. */
  z.strictObject({ kind: z.literal('client-link'), targets, to: z.boolean(), from: z.boolean(), trouble }),
  z.strictObject({ kind: z.literal('slow-disk'), targets, syncAddedUs: us }),
  z.strictObject({ kind: z.literal('stalled-disk'), targets }),
  z.strictObject({ kind: z.literal('full-disk'), targets }),
  z.strictObject({ kind: z.literal('clock'), targets, rate: z.number() }),
]);

/** A fault as a person, a bench or a test asks for it; without a time it lasts until it is healed. */
export const faultRequestSchema = z.strictObject({
  what,
  forMs: z.number().min(1).max(FAULT_MS_MAX).optional(),
});

export type FaultRequest = z.infer<typeof faultRequestSchema>;
export type RequestedFault = FaultRequest['what'];

/** Whether servers that end by it start again as after any crash. Who is asked to end in order stays down. */
export function startsByItself({ restart, signal }: Extract<RequestedFault, { kind: 'kill' }>): boolean {
  return restart && signal === 'SIGKILL';
}
