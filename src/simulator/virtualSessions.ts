import type { NodeId } from '../consensus/contract.ts';
import type { FaultyClients } from '../server/faults/faultyClients.ts';
import type { CommandSink } from '../server/host/outcomes.ts';
import type { Replica } from '../server/host/replica.ts';
import { REASSURE_MS, type SessionStream, serveSession } from '../server/service/sessionStream.ts';
import { CommandType, decodeCommand } from '../wire/command.ts';
import type { ServerJudge } from './invariants/bystander.ts';
import type { Random } from './random.ts';
import { InvariantViolation } from './violation.ts';
import type { ServerEnd } from './virtualCall.ts';

export interface SessionsHost {
  readonly id: NodeId;
  readonly judge: ServerJudge;
  readonly replica: Replica<unknown>;
  readonly faultyClients: FaultyClients | undefined;
  /** Runs it in a later turn of the process. */
  soon(run: () => void): void;
  after(delayUs: number, run: () => void): void;
}

/** Where clients of the library find server `id`. */
export function addressOf(id: NodeId): string {
  return `server-${id}:1`;
}

export function serverAt(address: string): NodeId {
  return Number(/^server-(\d+):1$/.exec(address)?.[1]);
}

const UNCOUNTED = { inc: () => {} };
/** Of a command, at both ends. */
export const COMMAND_BYTES_MAX = 1 << 20;

/** The session streams of one process, which are production ones; the judge is told of each acknowledgement. */
export class VirtualSessions {
  private readonly host: SessionsHost;
  private readonly streams = new Set<SessionStream>();
  private readonly calls = new Set<ServerEnd>();
  private reassures = false;

  constructor(host: SessionsHost) {
    this.host = host;
  }

  serve(call: ServerEnd): void {
    this.calls.add(call);
    call.on('close', () => this.calls.delete(call));
    const { replica, soon, faultyClients } = this.host;
    serveSession(
      faultyClients?.session(call) ?? call,
      {
        replica: {
          submit: (command, sink, tag) => replica.submit(command, this.judged(command, sink), tag),
          lookup: (key, sink, tag) => replica.lookup(key, this.judged(undefined, sink), tag),
        },
        metrics: { writeRequests: UNCOUNTED, readRequests: UNCOUNTED, reads: UNCOUNTED },
        commandBytesMax: COMMAND_BYTES_MAX,
        sessions: this.streams,
        door: { mayHold: () => true },
        nowUs: () => 0,
        leader: () => {
          const { leader } = replica.status();
          return { id: leader, address: leader === 0 ? '' : addressOf(leader) };
        },
        written: () => {},
        soon,
      },
      undefined,
    );
    this.reassure();
  }

  leaderChanged(): void {
    for (const stream of this.streams) stream.noteLeader();
  }

  /** The machine tells the clients, or as chance has it goes down with the process. */
  processEnded(random: Random | undefined): void {
    for (const call of this.calls) call.processEnded(random?.chance(0.5) ?? false);
  }

  private reassure(): void {
    if (this.reassures) return;
    this.reassures = true;
    this.host.after(REASSURE_MS * 1000, () => {
      this.reassures = false;
      for (const stream of this.streams) stream.reassure();
      if (this.streams.size > 0) this.reassure();
    });
  }

  /** `bytes`: of a command, undefined for a lookup. */
  private judged(bytes: Uint8Array | undefined, sink: CommandSink): CommandSink {
    const { id, judge } = this.host;
    let isAnswered = false;
    const answer = () => {
      if (isAnswered) throw new InvariantViolation('one answer', `server ${id}: answers a call twice`);
      isAnswered = true;
    };
    return {
      commandDone: (tag, outcome) => {
        answer();
        if (outcome.status === 'ok' && bytes !== undefined) {
          const command = decodeCommand(bytes);
          if (command.type === CommandType.Insert) judge.acknowledged(id, command.clientId, command.clientSeq);
          else judge.registered(id, outcome.clientId);
        }
        sink.commandDone(tag, outcome);
      },
      lookupDone: (tag, outcome) => {
        answer();
        sink.lookupDone(tag, outcome);
      },
    };
  }
}
