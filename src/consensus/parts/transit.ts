/**
 * Messages that may overtake (MessageCodec.mayOvertake) do so where more than this is on its way to the same server; where less is,
 * all arrive in the order in which they were sent.
 */
export const IN_ORDER_BYTES_MAX = 64 * 1024;
/** A way that carries less than this is slow: what it carries is taken for lost too early, and sent twice. */
const BYTES_PER_MS = 10 * 1024;

/** How long so many bytes may be on their way before what overtook them shows that they are lost. */
export function transitMs(bytes: number): number {
  return Math.floor(bytes / BYTES_PER_MS);
}
