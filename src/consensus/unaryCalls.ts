import type { NodeId } from './contract.ts';

/** A request of a unary call, in bytes. */
export interface UnaryRequest<Method extends string = string> {
  readonly method: Method;
  readonly bytes: Uint8Array;
  /** It is large, and its sender makes it again and again: one at a time is on its way. */
  readonly isAlone?: boolean;
}

/**
 * What a message is to one of the original's servers: `entries` bring its log up to date, or show how far it is; a `snapshot` it would
 * not take; `misread` it would be, for something else than it says; `unknown` entries it would pass over, and then come to another state.
 */
export type ToOriginal = 'entries' | 'snapshot' | 'misread' | 'unknown' | 'other';

/**
 * The unary calls in which an engine's messages travel as well, where it has any: those of the original's servers. Each message is
 * the request of a call or the response to one, and names it by a number of the caller's own, which the wire does not carry.
 */
export interface UnaryCalls<M, Method extends string = string> {
  /** As in `gorums.Raft`. */
  readonly service: string;
  readonly methods: readonly Method[];
  /** Undefined where no call carries the message, or it would take more than `bytesMax`, or what it is to carry is deleted. */
  encodeRequest(message: M, bytesMax?: number): UnaryRequest<Method> | undefined;
  /** `call` is the number that the message is to have. Throws MalformedMessageError, and nothing else. */
  decodeRequest(method: Method, bytes: Uint8Array, call: number): M;
  /** In whose name a request is made. */
  senderOf(request: M): NodeId;
  /** Of the call that the message belongs to; 0 where it belongs to none. */
  callOf(message: M): number;
  encodeResponse(message: M): Uint8Array;
  /** Undefined where the response says nothing. Throws MalformedMessageError, and nothing else. */
  decodeResponse(method: Method, bytes: Uint8Array, call: number): M | undefined;
  toOriginal(message: M): ToOriginal;
  /** The response to a method that is answered once the request was taken, whatever comes of it; undefined where the engine answers. */
  responseAtOnce(method: Method): Uint8Array | undefined;
}
