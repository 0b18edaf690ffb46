/** Every queue and window of the engine that no setting bounds. */

/** Commands that wait where batching is off; more are refused as overloaded. */
export const QUEUED_COMMANDS_MAX = 1 << 17;
/** Client data in a leader's log that is not applied yet; more is refused as overloaded. */
export const UNCOMMITTED_BYTES_MAX = 128 << 20;
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
