import type { RequestRefusal } from '../wire/requestRefusal.ts';

/** Everything that the client library throws or rejects with on its own account. */
export class RkvError extends Error {
  override readonly name: string = 'RkvError';
}

/** A list of server addresses that cannot be used. */
export class AddressError extends RkvError {
  override readonly name = 'AddressError';
}

/**
 * No answer within the time allowed. `maybeDone`: the command had been sent, so it may have been carried out, or may
 * be yet; otherwise it certainly was not.
 */
export class RequestTimeoutError extends RkvError {
  override readonly name = 'RequestTimeoutError';
  readonly maybeDone: boolean;
  constructor(message: string, maybeDone: boolean) {
    super(message);
    this.maybeDone = maybeDone;
  }
}

/** The caller's AbortSignal fired; the signal's reason is the cause. `maybeDone` as in RequestTimeoutError. */
export class RequestAbortedError extends RkvError {
  override readonly name = 'RequestAbortedError';
  readonly maybeDone: boolean;
  constructor(message: string, maybeDone: boolean, options?: ErrorOptions) {
    super(message, options);
    this.maybeDone = maybeDone;
  }
}

/** The client was closed while the request was under way. `maybeDone` as in RequestTimeoutError. */
export class ClientClosedError extends RkvError {
  override readonly name = 'ClientClosedError';
  readonly maybeDone: boolean;
  constructor(message: string, maybeDone: boolean) {
    super(message);
    this.maybeDone = maybeDone;
  }
}

/** The servers do not know the session (any more). Open another; whether earlier inserts were applied stays unknown. */
export class UnknownSessionError extends RkvError {
  override readonly name = 'UnknownSessionError';
}

/** The servers can no longer tell whether the session's command was applied. */
export class SequenceTooOldError extends RkvError {
  override readonly name = 'SequenceTooOldError';
}

/** The session's sequence numbers ran too far ahead of what is applied. */
export class SequenceTooFarError extends RkvError {
  override readonly name = 'SequenceTooFarError';
}

/** Every server refuses this command alike: an empty key, for one. */
export class InvalidCommandError extends RkvError {
  override readonly name = 'InvalidCommandError';
}

/** The command is larger than a message to the server may be. */
export class CommandTooLargeError extends RkvError {
  override readonly name = 'CommandTooLargeError';
}

/** The session has as many unanswered inserts as it may have (SESSION_PENDING_MAX). Nothing was sent. */
export class TooManyPendingError extends RkvError {
  override readonly name = 'TooManyPendingError';
}

/** A change of the cluster's membership, or of its leader, that the servers refused. */
export class RefusedError extends RkvError {
  override readonly name = 'RefusedError';
  /** Undefined where the server gave none that this client knows. */
  readonly reason: RequestRefusal | undefined;
  constructor(message: string, reason?: RequestRefusal, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * A server does not know a request: it is one of the original's, or older than this client. Nothing was done.
 */
export class UnsupportedError extends RkvError {
  override readonly name = 'UnsupportedError';
  readonly address: string;
  /** `rkvadmin.Admin/Status`, for one. */
  readonly method: string;
  constructor(address: string, method: string, options?: ErrorOptions) {
    super(
      `${address} does not know ${method}: it is one of the original's servers, or older than this client`,
      options,
    );
    this.address = address;
    this.method = method;
  }
}

/** A server that cannot be reached or broke off the call. */
export class ServerUnreachableError extends RkvError {
  override readonly name = 'ServerUnreachableError';
  readonly address: string;
  /** It said nothing in the time that it had. */
  readonly isLate: boolean;
  constructor(address: string, message: string, options?: ErrorOptions & { readonly isLate?: boolean }) {
    super(message, options);
    this.address = address;
    this.isLate = options?.isLate ?? false;
  }
}

/** What a server sent of its state is not what it made, or not all of it. */
export class DamagedSnapshotError extends RkvError {
  override readonly name = 'DamagedSnapshotError';
}

/** A number that this library takes is none that it can be. */
export class InvalidNumberError extends RkvError {
  override readonly name = 'InvalidNumberError';
}
