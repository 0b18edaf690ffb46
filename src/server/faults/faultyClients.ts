import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { FaultEnvironment } from '../../faults/environment.ts';
import type { Way } from '../../faults/faultBook.ts';
import type { LinkCondition } from '../../faults/lane.ts';
import type { ServerCall, UnaryDone } from '../../net/grpc/serverCall.ts';
import type { GrpcError } from '../../net/grpc/status.ts';
import type { SessionCall } from '../service/sessionStream.ts';
import { type FaultyLane, laneFor } from './faultyLane.ts';

/** To a client of whose call something was lost: as where its connection breaks. */
const BROKEN: GrpcError = { code: status.UNAVAILABLE, details: 'the connection broke, by a fault on purpose' };

export interface FaultyClientsOptions {
  /** Undefined where nothing is wrong with what goes that way. */
  readonly conditionOf: (way: Way) => LinkCondition | undefined;
  readonly environment: FaultEnvironment;
  /** Nobody answers the call any more. */
  readonly lost: (call: object) => void;
}

/** A call of a session, with what its faults need of it. */
export interface ClientCall extends Omit<SessionCall, 'on' | 'emit'> {
  readonly connection?: ServerCall['connection'];
  on(event: 'data' | 'end' | 'close', heard: (message: Buffer) => void): unknown;
  emit(event: 'error', failure: GrpcError): unknown;
  once(event: 'close', heard: () => void): unknown;
}

/** A call, as what is wrong with its client's link sees it. */
interface Victim {
  /** Something of it was lost: nothing more of it passes. */
  isDead: boolean;
  readonly call: Pick<ClientCall, 'once'>;
  /** Its client hears that it is over. */
  break(): void;
}

interface Passage {
  readonly of: Victim;
  readonly bytes: number;
  readonly pass: () => void;
}

/**
 * Stands between clients and the service that they call, and lets the faults of their links befall what comes from them and what goes
 * to them: a request, an answer, a message of a session, each whole. TCP repeats what is lost, or breaks; so a call of which something is
 * lost is broken: its client hears that at once, or where it is cut off, when it can be reached again. All clients of a server have one link.
 */
export class FaultyClients {
  private readonly options: FaultyClientsOptions;
  private readonly lanes: Partial<Record<Way, FaultyLane<Passage>>> = {};
  /** Those whose clients cannot be told yet. */
  private readonly cutOff = new Set<Victim>();

  constructor(options: FaultyClientsOptions) {
    this.options = options;
    this.refresh();
  }

  /** Something is wrong. */
  get isOn(): boolean {
    return this.lanes.to !== undefined || this.lanes.from !== undefined;
  }

  /** Faults have come or gone. */
  refresh(): void {
    const { conditionOf, environment } = this.options;
    for (const way of ['to', 'from'] as const) {
      const lane = laneFor(this.lanes[way], conditionOf(way), {
        environment,
        sizeOf: ({ bytes }) => bytes,
        isUrgent: () => false,
        deliver: (passages) => {
          for (const { of, pass } of passages) if (!of.isDead) pass();
        },
      });
      if (lane === undefined) delete this.lanes[way];
      else this.lanes[way] = lane;
    }
    if (this.lanes.to?.condition.isCut || this.lanes.from?.condition.isCut) return;
    for (const victim of this.cutOff) victim.break();
    this.cutOff.clear();
  }

  /** The same handlers, of clients whose links have these faults. */
  around(handlers: UntypedServiceImplementation): UntypedServiceImplementation {
    const around: Record<string, unknown> = {};
    for (const [name, handler] of Object.entries(handlers)) {
      const handle = handler as unknown as (call: object, done?: UnaryDone) => void;
      around[name] = (call: ServerCall, done?: UnaryDone) => {
        if (done === undefined) handle(this.session(call));
        else this.unary(call, done, (answer) => handle(call, answer));
      };
    }
    return around as UntypedServiceImplementation;
  }

  /** The same call of a session stream, of such a client. */
  session(call: ClientCall): SessionCall {
    return new FaultySession(call, this.pass);
  }

  private unary(call: ServerCall, done: UnaryDone, handle: (done: UnaryDone) => void): void {
    const victim: Victim = { isDead: false, call, break: () => done(BROKEN) };
    this.pass('from', victim, sizeOf(call.request), () =>
      handle((error, response, trailers) =>
        this.pass('to', victim, sizeOf(response), () => done(error, response, trailers)),
      ),
    );
  }

  private readonly pass: Pass = (way, of, bytes, pass) => {
    if (of.isDead) return;
    const fate = this.lanes[way]?.take({ of, bytes, pass }) ?? 'now';
    if (fate === 'now') pass();
    if (fate === 'now' || fate === 'later') return;
    of.isDead = true;
    if (fate === 'lost') {
      of.break();
      return;
    }
    this.options.lost(of.call);
    this.cutOff.add(of);
    of.call.once('close', () => this.cutOff.delete(of));
  };

  /** Nothing of what is under way arrives. */
  close(): void {
    for (const lane of Object.values(this.lanes)) lane.close();
  }
}

type Pass = (way: Way, of: Victim, bytes: number, pass: () => void) => void;

/** A session stream's call, as a gRPC server has it, or the simulator. */
class FaultySession implements SessionCall, Victim {
  isDead = false;
  readonly call: ClientCall;
  private readonly pass: Pass;

  constructor(call: ClientCall, pass: Pass) {
    this.call = call;
    this.pass = pass;
  }

  /** Whose it is, where that is counted. */
  get connection(): ClientCall['connection'] {
    return this.call.connection;
  }

  get isInMessage(): boolean {
    return this.call.isInMessage;
  }

  on(event: 'data' | 'end' | 'close', heard: (message: Buffer) => void): this {
    if (event === 'close') this.call.on(event, heard);
    else this.call.on(event, (message: Buffer) => this.pass('from', this, sizeOf(message), () => heard(message)));
    return this;
  }

  emit(event: 'error', failure: GrpcError): void {
    this.pass('to', this, 0, () => this.call.emit(event, failure));
  }

  break(): void {
    this.call.emit('error', BROKEN);
  }

  write(message: Buffer, taken: () => void): void {
    this.pass('to', this, message.length, () => this.call.write(message, taken));
  }

  end(): void {
    this.pass('to', this, 0, () => this.call.end());
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  isPaused(): boolean {
    return this.call.isPaused();
  }
}

function sizeOf(message: unknown): number {
  return message instanceof Uint8Array ? message.length : 0;
}
