import { Metadata, type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { ChangeType, type MembershipChange, RejectReason } from '../../consensus/contract.ts';
import type { ServerCall, UnaryDone } from '../../net/grpc/serverCall.ts';
import { REGISTER_BYTES, wrapInsertRequest } from '../../wire/command.ts';
import {
  InsertResponse,
  LookupRequest,
  ReconfRequest,
  ReconfResponse,
  ReconfStatus,
  ReconfType,
  RegisterResponse,
} from '../../wire/generated/rkv.ts';
import { encodeLookupResponse } from '../../wire/lookupResponse.ts';
import { MISSING_VALUE, STORED_VALUE_TRAILER } from '../../wire/originalTexts.ts';
import { callFailure } from '../../wire/outcome.ts';
import { rawMethod } from '../../wire/rawMethod.ts';
import { SESSION_METHOD } from '../../wire/sessionCodec.ts';
import type { CommandOutcome, CommandSink, LookupOutcome } from '../host/outcomes.ts';
import { TOO_MANY_REGISTRATIONS, unaryFailure } from './outcomes.ts';
import { changeRefusalText, refusalMetadata } from './refusals.ts';
import type { ServiceContext } from './serviceContext.ts';
import { LARGE_VALUE_BYTES_MIN, serveSession } from './sessionStream.ts';

/** How long a membership change may take before its caller is told Timeout; it may still happen. */
export const RECONF_TIMEOUT_MS = 30_000;

/** A call whose request is bytes. */
type Call = ServerCall & { readonly request: Buffer };

const unary = (method: string) => rawMethod(`/rkvpb.RKV/${method}`);

/**
 * The part of `rkvpb.RKV` of which there may be many thousands of calls a second. All messages are left as bytes, so that bad
 * ones get an answer that says what is wrong.
 */
export const COMMAND_SERVICE: ServiceDefinition = {
  Register: unary('Register'),
  Insert: unary('Insert'),
  Lookup: unary('Lookup'),
};

/** The rest of it. */
export const RKV_SERVICE: ServiceDefinition = {
  Reconf: unary('Reconf'),
  ReconfOnBecome: unary('ReconfOnBecome'),
  Session: SESSION_METHOD,
};

function refusing(act: (call: Call, done: UnaryDone) => void) {
  return (call: Call, done: UnaryDone) => {
    try {
      act(call, done);
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error;
      done(callFailure(error.outcome, error.message));
    }
  };
}

export function commandImplementation(context: ServiceContext): UntypedServiceImplementation {
  return implementation({
    Register: refusing((call, done) => register(context, call, done)),
    Insert: refusing((call, done) => insert(context, call, done)),
    Lookup: refusing((call, done) => lookup(context, call, done)),
  });
}

export function rkvImplementation(context: ServiceContext): UntypedServiceImplementation {
  return implementation({
    Reconf: refusing((call, done) => reconf(context, readReconf(call, context), done)),
    ReconfOnBecome: refusing((call, done) => reconfOnBecome(context, call, done)),
    Session: (call: Call) => serveSession(call, context, context.door.connectionOf(call)),
  });
}

/** Our calls are what grpc-js's types say of a call, as far as these handlers look at it. */
function implementation(
  handlers: Readonly<Record<string, (call: Call, done: UnaryDone) => void>>,
): UntypedServiceImplementation {
  return handlers as unknown as UntypedServiceImplementation;
}

/** A request that no server can carry out, or that is larger than this one takes. */
class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
  readonly outcome: 'invalid' | 'too-large';
  constructor(message: string, outcome: 'invalid' | 'too-large' = 'invalid', options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** The sink of one unary call. */
class UnaryCommand implements CommandSink {
  private readonly context: ServiceContext;
  private readonly startUs: number;
  private readonly call: Call;
  private readonly done: UnaryDone;
  private readonly respond: (clientId: number) => Uint8Array;

  constructor(context: ServiceContext, call: Call, done: UnaryDone, respond: (clientId: number) => Uint8Array) {
    this.context = context;
    this.startUs = context.nowUs();
    this.call = call;
    this.done = done;
    this.respond = respond;
  }

  commandDone(_tag: number, outcome: CommandOutcome): void {
    if (outcome.status !== 'ok') {
      this.done(unaryFailure(outcome));
      return;
    }
    this.context.written(this.startUs);
    this.done(null, Buffer.from(this.respond(outcome.clientId)));
  }

  lookupDone(_tag: number, outcome: LookupOutcome): void {
    if (outcome.status !== 'ok') {
      this.done(unaryFailure(outcome));
      return;
    }
    const value = outcome.value ?? MISSING;
    const { context, call } = this;
    const { door } = context;
    if (value.length >= LARGE_VALUE_BYTES_MIN && !door.mayHold(door.connectionOf(call), value.length)) {
      this.done(callFailure('overloaded', TOO_MUCH_UNREAD));
      return;
    }
    context.metrics.reads.inc();
    const response = encodeLookupResponse(value);
    if (outcome.value !== undefined && MISSING.equals(outcome.value)) this.done(null, response, STORED_VALUE);
    else this.done(null, response);
  }
}

const MISSING = Buffer.from(MISSING_VALUE);
/** Tells clients that look at it that what they get is a value, and no key that is not there. */
const STORED_VALUE = new Metadata();
STORED_VALUE.set(STORED_VALUE_TRAILER, '1');

const TOO_MUCH_UNREAD =
  'answers that this connection has not read take a quarter of what -clientmemory allows: read them, or ask for less at once';

function register(context: ServiceContext, call: Call, done: UnaryDone): void {
  if (context.door.connectionOf(call)?.mayRegister(performance.now()) === false) {
    done(callFailure('overloaded', TOO_MANY_REGISTRATIONS));
    return;
  }
  context.metrics.writeRequests.inc();
  const sink = new UnaryCommand(context, call, done, (clientID) => RegisterResponse.encode({ clientID }).finish());
  context.replica.submit(REGISTER_BYTES, sink, 0);
}

const INSERTED = InsertResponse.encode({ ok: true }).finish();

function insert(context: ServiceContext, call: Call, done: UnaryDone): void {
  if (call.request.length > context.commandBytesMax) {
    throw new InvalidRequestError(
      `the insert has ${call.request.length} bytes, at most ${context.commandBytesMax} are taken: see -maxvalue`,
      'too-large',
    );
  }
  context.metrics.writeRequests.inc();
  context.replica.submit(wrapInsertRequest(call.request), new UnaryCommand(context, call, done, () => INSERTED), 0);
}

function lookup(context: ServiceContext, call: Call, done: UnaryDone): void {
  const { key } = decodeRequest(LookupRequest, 'LookupRequest', call.request);
  if (key === '') throw new InvalidRequestError('the key is empty');
  context.metrics.readRequests.inc();
  context.replica.lookup(key, new UnaryCommand(context, call, done, () => INSERTED), 0);
}

function decodeRequest<T>(type: { decode(bytes: Uint8Array): T }, name: string, request: Buffer): T {
  try {
    return type.decode(request);
  } catch (cause) {
    throw new InvalidRequestError(`not a ${name}: ${(cause as Error).message}`, 'invalid', { cause });
  }
}

function readReconf(call: Call, { serverCount }: ServiceContext): MembershipChange {
  const { serverID, reconfType } = decodeRequest(ReconfRequest, 'ReconfRequest', call.request);
  if (serverID < 1 || serverID > serverCount) {
    throw new InvalidRequestError(`no server ${serverID}: -servers names servers 1 to ${serverCount}`);
  }
  if (reconfType !== ReconfType.ADD && reconfType !== ReconfType.REMOVE) {
    throw new InvalidRequestError(`reconfType ${reconfType}, expected 0 (Add) or 1 (Remove)`);
  }
  return { type: reconfType === ReconfType.ADD ? ChangeType.AddVoter : ChangeType.Remove, id: serverID };
}

function reconf(context: ServiceContext, change: MembershipChange, done: UnaryDone): void {
  const answer = (reconfStatus: ReconfStatus, detail = '') => {
    clearTimeout(timer);
    const leaderHint = reconfStatus === ReconfStatus.NOTLEADER ? context.leader().address : '';
    done(null, Buffer.from(ReconfResponse.encode({ status: reconfStatus, leaderHint, detail }).finish()));
    done = () => {};
  };
  const timer = setTimeout(() => answer(ReconfStatus.TIMEOUT), RECONF_TIMEOUT_MS);
  timer.unref();
  // Asking for what is so already is done: callers retry after answers that got lost.
  if (isInForce(context, change)) {
    answer(ReconfStatus.OK);
    return;
  }
  context.replica.reconfigure(change, (result) => {
    if (result.ok) answer(ReconfStatus.OK);
    else if (result.reason === RejectReason.NotLeader) answer(ReconfStatus.NOTLEADER);
    else if (WAITED_IN_VAIN.has(result.reason)) answer(ReconfStatus.TIMEOUT, changeRefusalText(result, change));
    else {
      clearTimeout(timer);
      done({
        code: status.FAILED_PRECONDITION,
        details: changeRefusalText(result, change),
        metadata: refusalMetadata(result),
      });
    }
  });
}

/** What the original's protocol calls a timeout: the leader waited for others, and did not change anything. */
const WAITED_IN_VAIN: ReadonlySet<RejectReason> = new Set([
  RejectReason.Timeout,
  RejectReason.NoQuorum,
  RejectReason.TargetUnreachable,
  RejectReason.NotCaughtUp,
]);

/** Whether the configuration as of what is applied, and so committed, is what the change asks for. */
function isInForce({ replica }: ServiceContext, { type, id }: MembershipChange): boolean {
  const { role, appliedIndex } = replica.status();
  const { voters, outgoing } = replica.engine.configurationAt(appliedIndex);
  return role === 'leader' && outgoing.length === 0 && voters.includes(id) === (type === ChangeType.AddVoter);
}

function reconfOnBecome(context: ServiceContext, call: Call, done: UnaryDone): void {
  const change = readReconf(call, context);
  const stop = context.onceLeader(() => reconf(context, change, done));
  call.once('cancelled', stop);
}
