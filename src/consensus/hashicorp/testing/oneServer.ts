import type { EngineInit, EngineSettings, NodeId, Output } from '../../contract.ts';
import { Entry, EntryType } from '../../entry.ts';
import { ReceivedContent } from '../../snapshotContent.ts';
import { MemoryLog } from '../../testing/memoryLog.ts';
import { HashicorpEngine } from '../engine.ts';
import type { AppendRequest, HashicorpMessage, VoteRequest } from '../messages.ts';

export const SETTINGS: EngineSettings = {
  electionTimeoutMs: 100,
  heartbeatMs: 10,
  entriesPerMessage: 4,
  catchUpMultiplier: 2,
  batch: true,
  checkQuorum: true,
  readProof: 'round',
  maxMessageBytes: 1000,
  snapshotChunkBytes: 1000,
};

type Out = Output<HashicorpMessage>;

/** One engine by itself: a test steps a message into it and looks at what comes out. */
export class OneServer {
  readonly log: MemoryLog;
  readonly engine: HashicorpEngine;
  nowMs = 0;
  private mark = 0;

  constructor(init: Partial<EngineInit> & { log?: MemoryLog } = {}) {
    this.log = init.log ?? new MemoryLog();
    this.engine = new HashicorpEngine({
      id: 1,
      settings: SETTINGS,
      random: () => 0.5,
      nowMs: 0,
      hardState: this.log.hardState,
      bootstrap: [1, 2, 3],
      appliedIndex: 0,
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
      ...init,
      log: this.log,
    });
  }

  /** Carries out the persisting, which stays not durable. */
  drain(): Out {
    const output = this.engine.drain();
    if (output.persist !== undefined) {
      this.log.persist(output.persist);
      this.mark = output.persist.mark;
    }
    return output;
  }

  receive(from: NodeId, message: HashicorpMessage): Out {
    this.engine.receive(from, message);
    return this.drain();
  }

  /** Everything handed over up to `mark` is on disk. */
  durable(mark = this.mark): Out {
    this.engine.durable(mark);
    return this.drain();
  }

  /** Time passes as it does in a host that is awake: tick by tick. */
  wait(durationMs: number): Out {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + SETTINGS.heartbeatMs / 2);
      this.engine.tick(this.nowMs);
    }
    return this.drain();
  }

  /** The host did not run for this long. */
  sleep(durationMs: number): Out {
    this.nowMs += durationMs;
    this.engine.tick(this.nowMs);
    return this.drain();
  }

  propose(...commands: string[]): Out {
    this.engine.propose({ token: 1, commands: commands.map((text) => new TextEncoder().encode(text)) });
    return this.drain();
  }

  /** Wins an election with the vote of server 2; its own vote and first entry are durable, nobody else's copies are. */
  lead(): Out {
    this.wait(150);
    const term = this.engine.status().term + 1;
    this.receive(2, { type: 'vote-reply', term, preVote: true, granted: true });
    this.durable();
    const output = this.receive(2, { type: 'vote-reply', term, preVote: false, granted: true });
    this.durable();
    return output;
  }
}

export function command(index: number, term: number, text = `c${index}`): Entry {
  return new Entry(index, term, EntryType.Normal, new TextEncoder().encode(text));
}

/** A log with one command per term given, from index 1, and the last of them as the current term. */
export function logOf(...terms: number[]): MemoryLog {
  const log = new MemoryLog();
  const entries = terms.map((term, i) => command(i + 1, term));
  const hardState = { term: terms.at(-1) ?? 0, vote: 0, commit: 0 };
  log.persist({ mark: 1, entries, hardState, mustSync: true });
  return log;
}

export function vote(request: Partial<VoteRequest>): VoteRequest {
  return { type: 'vote', term: 1, preVote: false, transfer: false, lastIndex: 0, lastTerm: 0, ...request };
}

export function append(request: Partial<AppendRequest>): AppendRequest {
  return { type: 'append', term: 1, seq: 1, prevIndex: 0, prevTerm: 0, commit: 0, entries: [], ...request };
}

/** The messages of one type in an output that may leave at once. */
export function sent<T extends HashicorpMessage['type']>(output: Out, type: T, to?: NodeId) {
  return output.messages
    .filter((letter) => letter.message.type === type && (to === undefined || letter.to === to))
    .map((letter) => letter.message as Extract<HashicorpMessage, { type: T }>);
}
