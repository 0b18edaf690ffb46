/** Limits that both ends of a connection go by: what one of them takes is told to the other, or stands here for both. */

/** What a gRPC message may take where `-maxgrpc` says nothing else, and what a client takes of an answer. */
export const GRPC_MESSAGE_BYTES_DEFAULT = 128 * 1024 * 1024;
/** The largest insert, key and value together, where `-maxvalue` says nothing else. */
export const VALUE_BYTES_DEFAULT = 8 * 1024 * 1024;

/** The headers of a request where `-maxheaders` says nothing else. */
export const HEADER_BYTES_DEFAULT = 16 * 1024;
/** More would be held of each request before anybody can say whose it is. */
export const HEADER_BYTES_MAX = 256 * 1024;

/** Room for what stands around a key and a value in a command, and around entries in a message. */
export const MESSAGE_OVERHEAD_BYTES = 4096;

/** What bounds a server's largest command. */
export interface CommandBounds {
  /** `-maxvalue` */
  readonly valueBytesMax: number;
  /** `-maxgrpc` */
  readonly messageBytesMax: number;
  /** Of all commands on their way through the log. */
  readonly queuedBytesMax: number;
}

/** The largest marshalled command that a server takes: it has to fit into a peer's message, and into what may be queued. Sessions are told. */
export function commandBytesMax({ valueBytesMax, messageBytesMax, queuedBytesMax }: CommandBounds): number {
  const sendable = Math.floor(messageBytesMax / 2) - MESSAGE_OVERHEAD_BYTES / 8;
  return Math.min(valueBytesMax + MESSAGE_OVERHEAD_BYTES, sendable, queuedBytesMax);
}

/** The largest command for a server that does not tell: it takes messages of the default size, of which others take a part. */
export const UNTOLD_COMMAND_BYTES_MAX = GRPC_MESSAGE_BYTES_DEFAULT - 1024;

/** A client sends a batch when it reaches this size; only a single larger command makes a larger message. */
export const BATCH_BYTES_MAX = 256 * 1024;
/** What a server takes in a message beside its largest command: others may stand in the same batch. */
export const BATCH_OVERHEAD_BYTES = 1024 * 1024;

/** Commands that may be unanswered on one session stream. Sessions are told. */
export const SESSION_WINDOW = 16_384;
/** Commands and lookups that may be unanswered in one server; more are refused as overloaded. */
export const SERVER_PENDING_MAX = 1 << 17;
/** Requests of one client without an answer, wherever they wait. */
export const CLIENT_PENDING_MAX = 1 << 18;

/**
 * So far below the highest sequence number that a session applied its numbers are told apart; what is missing further below is given up,
 * and never done. The original's client leaves a gap at 1 forever, has up to 50 000 requests in flight and tries for ever: one that an
 * overloaded server refuses again and again, up to a second apart, is left behind by 10 000 and more a second. A bit each.
 */
export const SEQUENCE_WINDOW = 1 << 19;
/** Unanswered inserts of one session of ours. */
export const SESSION_PENDING_MAX = 1024;

/** A server looks where its time goes for so long at most before it is asked again, ms. */
export const STAGES_LAST_MS_MAX = 3_600_000;

/** Callers that a server names where it is not told how many, and at most; it sums up the others. */
export const CLIENTS_NAMED = 20;
export const CLIENTS_NAMED_MAX = 1000;
