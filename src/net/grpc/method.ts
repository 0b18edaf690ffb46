import type { UntypedHandleCall } from '@grpc/grpc-js';
import type { GrpcError } from './status.ts';

/** What can be read from later. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** Decides about calls before anything but their head is read, and again once there is something to do. */
export interface CallAdmission {
  /** Why one that came now is refused; the same object as long as it is the same. */
  refusal(): GrpcError | undefined;
  /** What a connection brought at once had so many calls that were refused. */
  refused(connection: Pausable, count: number): void;
  /** A call was taken: it is handled from here on. */
  begin(call: object): void;
  /** It is answered, or over. */
  end(call: object): void;
}

/** What there is to know of the methods of a service. */
export interface ServiceOptions {
  /** Servers call them. */
  readonly isForPeers?: boolean;
  /** Of one message of a request; refused as soon as its length is known. */
  readonly messageBytesMax?: number;
  /** What sets that limit. */
  readonly limitName?: string;
  readonly admission?: CallAdmission;
}

export interface Method extends ServiceOptions {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly messageBytesMax: number;
  readonly deserialize: (bytes: Buffer) => unknown;
  readonly serialize: (message: unknown) => Uint8Array;
  readonly handler: UntypedHandleCall;
}

/** Watches over one connection. */
export interface ConnectionGuard {
  /** A request came: why it is not even looked at. */
  refusal(method: Method | undefined): GrpcError | undefined;
  /** The connection makes this end hold so many bytes more, or less. */
  held(bytes: number): void;
  /** What a call ends with that this end lets go, and `why`. */
  lettingGo(why: string): GrpcError;
  /** A request was refused for its size, be it of its head or of its message. */
  wasTooLarge?(): void;
  /** The other end gave up a call. */
  abandoned(): void;
}
