import { z } from 'zod';
import { faultRequestSchema } from '../../faults/requests/faultRequest.ts';
import { signalSchema } from '../../faults/requests/signals.ts';
import { parseAddress } from '../../net/endpoints/addresses.ts';

const id = z.int().min(1);
const address = z.string().refine((text) => parseAddress(text) !== undefined, 'expected an address such as :9204');

const HOLDER_LENGTH_MAX = 64;

/** What a person asks of a running supervisor: one JSON object on one line of its Unix socket. */
export const requestSchema = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('status') }),
  z.strictObject({ command: z.literal('down') }),
  z.strictObject({ command: z.literal('kill'), id, signal: signalSchema, restart: z.boolean() }),
  z.strictObject({ command: z.literal('restart'), id }),
  z.strictObject({ command: z.literal('stop'), id }),
  z.strictObject({ command: z.literal('start'), id }),
  /** Without an id: to the most up-to-date one. */
  z.strictObject({ command: z.literal('transfer'), id: id.optional() }),
  z.strictObject({ command: z.literal('add'), id, address: address.optional() }),
  z.strictObject({ command: z.literal('remove'), id }),
  z.strictObject({ command: z.literal('rejoin'), id, survivor: id.optional() }),
  /** Whose certificate, such as client or server-1. */
  z.strictObject({ command: z.literal('revoke'), holder: z.string().max(HOLDER_LENGTH_MAX) }),
  z.strictObject({ command: z.literal('pause'), id }),
  z.strictObject({ command: z.literal('resume'), id }),
  z.strictObject({ command: z.literal('fault'), fault: faultRequestSchema }),
  /** Without ids: all. */
  z.strictObject({ command: z.literal('heal'), ids: z.array(id).optional() }),
]);

export type ControlRequest = z.infer<typeof requestSchema>;

/** Its answer, on one line too; the connection ends with it. */
export type ControlResponse =
  | { readonly ok: true; readonly value?: unknown }
  | { readonly ok: false; readonly error: string };

/** Longest request, bytes. */
export const REQUEST_BYTES_MAX = 64 * 1024;
