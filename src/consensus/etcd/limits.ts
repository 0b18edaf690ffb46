/** The bounds of what this engine alone has. Settings that users choose are in EngineSettings. */

/**
 * Messages that may be on their way to one follower however small `catchUpMultiplier` is, or a follower that keeps up would
 * wait for answers from far away.
 */
export const INFLIGHT_MESSAGES_MIN = 64;
/** Client data on its way to one follower. */
export const INFLIGHT_BYTES_MAX = 64 << 20;
/** Encoded entries handed out to be applied and not applied yet. */
export const APPLYING_BYTES_MAX = 16 << 20;
/** Rounds of work in one drain; what is left comes with the next. */
export const ROUNDS_PER_DRAIN_MAX = 16;
/** A snapshot that is not answered for this many election timeouts is sent again. */
export const SNAPSHOT_RETRY_ELECTIONS = 4;
