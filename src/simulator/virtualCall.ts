import { EventEmitter } from 'node:events';
import { status } from '@grpc/grpc-js';
import type { Surroundings } from './surroundings.ts';

/** A message that did not get through is sent again after so long, and then after twice as long, as TCP does. */
const RESEND_US_MIN = 100_000;
const RESEND_DOUBLINGS_MAX = 3;
/** Messages that a client may have under way before it is told to wait. */
const UNSENT_MAX = 4;

/** How a call ends that nobody ended in an orderly way. */
export interface CallFailure {
  readonly code: number;
  readonly details: string;
}

const RESET: CallFailure = { code: status.UNAVAILABLE, details: 'the connection was reset' };
const REFUSED: CallFailure = { code: status.UNAVAILABLE, details: 'nobody listens' };

/** Carries what one end says to the other, in order and once each, over a network that does neither. */
class Pipe {
  private readonly around: Surroundings;
  private readonly from: number;
  private readonly to: number;
  private readonly early = new Map<number, () => void>();
  private sent = 0;
  private arrived = 0;
  private isCut = false;

  constructor(around: Surroundings, from: number, to: number) {
    this.around = around;
    this.from = from;
    this.to = to;
  }

  push(deliver: () => void): void {
    this.send(this.sent++, deliver, 0);
  }

  /** What is under way is lost, and all that follows. */
  cut(): void {
    this.isCut = true;
    this.early.clear();
  }

  private send(number: number, deliver: () => void, resent: number): void {
    const { network, timeline } = this.around;
    if (this.isCut) return;
    if (network.send(this.from, this.to, () => this.receive(number, deliver)) > 0) return;
    const delayUs = RESEND_US_MIN * 2 ** Math.min(resent, RESEND_DOUBLINGS_MAX);
    timeline.after(delayUs, () => this.send(number, deliver, resent + 1));
  }

  private receive(number: number, deliver: () => void): void {
    if (this.isCut || number < this.arrived) return;
    this.early.set(number, deliver);
    for (;;) {
      const next = this.early.get(this.arrived);
      if (next === undefined) return;
      this.early.delete(this.arrived);
      this.arrived++;
      next();
    }
  }
}

/** What takes a call: a server, which may have no process that does. */
export interface CallAcceptor {
  readonly id: number;
  /** Whether somebody took the call. What comes for the server's end is then run in its process, if that still is the same. */
  accept(call: ServerEnd): boolean;
}

/**
 * A client's call to a server over a connection of its own, which can break at any time: at both ends, or so that one of them
 * does not hear of it.
 */
export class VirtualCall {
  readonly client: ClientEnd;
  readonly server: ServerEnd;
  private readonly there: Pipe;
  private readonly back: Pipe;

  constructor(around: Surroundings, from: number, acceptor: CallAcceptor) {
    this.there = new Pipe(around, from, acceptor.id);
    this.back = new Pipe(around, acceptor.id, from);
    this.client = new ClientEnd(around, this.there);
    this.server = new ServerEnd(around, this.back);
    this.client.other = this.server;
    this.server.other = this.client;
    this.there.push(() => {
      if (!acceptor.accept(this.server)) this.back.push(() => this.client.fail(REFUSED));
    });
  }

  get isOpen(): boolean {
    return this.client.isOpen && this.server.isOpen;
  }

  /** Both ends lose it, with whatever is under way. */
  reset(): void {
    this.cut();
    this.client.fail(RESET);
    this.server.close();
  }

  /** The client's end hears nothing of it any more, and the server's is gone. */
  loseServer(): void {
    this.cut();
    this.server.close();
  }

  /** The server's end hears nothing of it any more, and the client's is gone. */
  loseClient(): void {
    this.cut();
    this.client.fail(RESET);
  }

  private cut(): void {
    this.there.cut();
    this.back.cut();
  }
}

/** As gRPC shows a client its call: `data`, `drain`, `error` and `end` happen. */
export class ClientEnd extends EventEmitter {
  isOpen = true;
  other!: ServerEnd;
  private readonly around: Surroundings;
  private readonly pipe: Pipe;
  private unsent = 0;
  private mustDrain = false;

  constructor(around: Surroundings, pipe: Pipe) {
    super();
    this.around = around;
    this.pipe = pipe;
  }

  write(message: Buffer): boolean {
    const bytes = Buffer.from(message);
    this.around.trace.mixBytes(5, bytes);
    this.unsent++;
    this.pipe.push(() => {
      this.other.hear(bytes);
      this.taken();
    });
    this.mustDrain ||= this.unsent > UNSENT_MAX;
    return !this.mustDrain;
  }

  private taken(): void {
    this.unsent--;
    if (!this.mustDrain || this.unsent > 0) return;
    this.mustDrain = false;
    if (this.isOpen) this.emit('drain');
  }

  cancel(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.pipe.push(() => this.other.close());
  }

  hear(message: Buffer): void {
    if (this.isOpen) this.emit('data', message);
  }

  fail(failure: CallFailure): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.emit('error', failure);
  }

  endedByServer(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.emit('end');
  }
}

/** As a gRPC server shows a handler its call: `data` and `close` happen; an `error` that is emitted is the answer. */
export class ServerEnd extends EventEmitter {
  isOpen = true;
  readonly isInMessage = false;
  other!: ClientEnd;
  /** Runs something in the process that took the call. */
  enter: (run: () => void) => void = (run) => run();
  private readonly around: Surroundings;
  private readonly pipe: Pipe;
  /** What came while the handler had paused; undefined while it has not. */
  private kept: Buffer[] | undefined;

  constructor(around: Surroundings, pipe: Pipe) {
    super();
    this.around = around;
    this.pipe = pipe;
    this.on('error', (failure: CallFailure) => this.say(() => this.other.fail(failure)));
  }

  hear(message: Buffer): void {
    if (!this.isOpen) {
      // Nobody is at this end any more, and the machine says so.
      this.say(() => this.other.fail(RESET));
      return;
    }
    this.enter(() => this.take(message));
  }

  private take(message: Buffer): void {
    if (this.kept !== undefined) this.kept.push(message);
    else if (this.isOpen) this.emit('data', message);
  }

  write(message: Buffer, taken: () => void): boolean {
    const bytes = Buffer.from(message);
    this.around.trace.mixBytes(6, bytes);
    this.say(() => {
      this.other.hear(bytes);
      this.enter(taken);
    });
    return true;
  }

  private say(deliver: () => void): void {
    this.pipe.push(deliver);
  }

  pause(): this {
    this.kept ??= [];
    return this;
  }

  resume(): this {
    const kept = this.kept ?? [];
    this.kept = undefined;
    for (const message of kept) this.take(message);
    return this;
  }

  isPaused(): boolean {
    return this.kept !== undefined;
  }

  end(): void {
    this.say(() => this.other.endedByServer());
  }

  /** The client is gone, as far as this end knows. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.enter(() => this.emit('close'));
  }

  /** The process is gone. Its machine says so, unless that went down with it. */
  processEnded(isSilent: boolean): void {
    this.isOpen = false;
    if (!isSilent) this.say(() => this.other.fail(RESET));
  }
}
