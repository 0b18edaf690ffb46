/** The bounds of what this engine alone has. Settings that users choose are in EngineSettings. */

/** Calls count from a random number below this. */
export const FIRST_CALL_MAX = 2 ** 32;

/**
 * Quorum calls with entries that may be unanswered at once; more proposals gather until one is answered. With the default
 * of 64 entries a round and a round trip of 40 ms these are 100 000 entries a second.
 */
export const ROUNDS_IN_FLIGHT_MAX = 64;
/**
 * Bytes of entries in unanswered rounds after which no further round carries any; heartbeats go on empty. At a round trip
 * of 40 ms these are 200 MB a second.
 */
export const BYTES_IN_FLIGHT_MAX = 8 * 1024 * 1024;
/** So many bytes of entries are worth a round of their own while others are out. Less waits for more, or for the clock. */
export const FULL_ROUND_BYTES = 64 * 1024;
/** Rounds given up in a row double the patience with the next ones, this often at most. */
export const PATIENCE_DOUBLINGS_MAX = 4;
/** Calls remembered of a peer that does not answer. */
export const UNANSWERED_CALLS_MAX = 256;

/** Messages and bytes of entries on their way to one follower that catches up; at a round trip of 40 ms these are 200 MB a second. */
export const CATCH_UP_MESSAGES_MAX = 64;
export const CATCH_UP_BYTES_MAX = 8 * 1024 * 1024;
/** A follower asks again this often while what it asked for does not come. */
export const CATCH_UP_INTERVAL_MS = 100;
/** Beginnings of catching up that are remembered of a follower, for the answers that are still to come. */
export const BEGINNINGS_MAX = 16;
