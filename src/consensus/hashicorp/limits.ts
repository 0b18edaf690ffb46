import type { EngineSettings } from '../contract.ts';

/** The bounds of what this engine alone has. Settings that users choose are in EngineSettings. */

/** Messages that may be unanswered by a follower that keeps up; by one that catches up, `catchUpMultiplier` of them. */
const PIPELINE_MESSAGES = 64;
/** Messages that may be unanswered in any case: an append without entries takes no room in the window of entries. */
export const PIPELINE_MESSAGES_MAX = 1024;
/** Bytes of entries in one append, where `maxMessageBytes` allows more: heartbeats should not stand behind a large one. */
const APPEND_BYTES_MAX = 1024 * 1024;
/** Bytes of entries that may be unanswered in one follower's pipeline. */
export const PIPELINE_BYTES_MAX = 8 * 1024 * 1024;
/** Messages to one follower between two signs of life of it or of the clock, so that one far behind does not hold up a turn. */
export const BURST_MESSAGES_MAX = 32;
/** The first wait after an append failed, ms; it doubles with every further failure up to an election timeout. */
export const FAILURE_WAIT_MS = 10;
/**
 * A leader whose own disk has not finished a write for this many election timeouts steps down, however healthy its
 * heartbeats are; and a server whose disk stalls that long does not ask for votes.
 */
const DISK_STALL_ELECTION_TIMEOUTS = 2;
/** How long after its removal is committed a server is still told of it, in election timeouts. */
const FAREWELL_ELECTION_TIMEOUTS = 2;

/** What follows from EngineSettings in this engine. Times are ms. */
export type Limits = Readonly<ReturnType<typeof limitsOf>>;

export function limitsOf(settings: EngineSettings) {
  const { electionTimeoutMs, heartbeatMs, batch, maxMessageBytes } = settings;
  const entriesPerMessage = batch ? Math.max(1, settings.entriesPerMessage) : 1;
  return {
    /** With checkQuorum, a leader without an answer to a heartbeat sent this long ago, from a majority, steps down. */
    leaseMs: electionTimeoutMs,
    /** How long a follower may lack news of a commit when no entries flow. */
    commitTimeoutMs: heartbeatMs,
    /** An append unanswered this long has failed. */
    responseTimeoutMs: electionTimeoutMs,
    /** A proposal that found no place in the log for this long is rejected as `timeout`. */
    enqueueTimeoutMs: electionTimeoutMs,
    diskStallMs: DISK_STALL_ELECTION_TIMEOUTS * electionTimeoutMs,
    farewellMs: FAREWELL_ELECTION_TIMEOUTS * electionTimeoutMs,
    entriesPerMessage,
    /** Entries that may be unanswered by a follower that keeps up, and by one that catches up. */
    pipelineEntries: entriesPerMessage * PIPELINE_MESSAGES,
    catchUpEntries: entriesPerMessage * Math.max(1, settings.catchUpMultiplier),
    /** Of entries in one append. */
    messageBytes: Math.min(APPEND_BYTES_MAX, maxMessageBytes),
  };
}
