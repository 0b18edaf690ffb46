import type { ServerSample } from '../../scenarios/samples.ts';
import type { StatusAsker } from '../systems/system.ts';
import type { WatchedServer } from './leaderWatch.ts';

/** A server that is paused keeps its connection and answers nothing: after so long it is taken to be away, ms. */
const ANSWER_MS_MAX = 1000;
/** Of an address at which nobody has answered yet. */
const STRANGER_POLL_MS = 1000;

/** All servers that have ever answered, as they were last; `askedMs` is when the one was asked whose answer is oldest. */
export type Seen = (atMs: number, askedMs: number, servers: readonly WatchedServer[]) => void;

interface Polled {
  readonly asker: StatusAsker;
  sample: WatchedServer | undefined;
  askedMs: number;
  /** Undefined while it is asked. */
  timer: NodeJS.Timeout | undefined;
}

/** Asks every server how it is, each so often for itself: one that is silent keeps nobody from seeing what the others say meanwhile. */
export class StatusPoll {
  private readonly polled: readonly Polled[];
  private readonly intervalMs: () => number;
  private readonly seen: Seen;
  private isClosed = false;

  /** An asker for each server, which are its own. `intervalMs` is asked after each answer how long it is to the next question. */
  constructor(askers: readonly StatusAsker[], intervalMs: () => number, seen: Seen) {
    this.intervalMs = intervalMs;
    this.seen = seen;
    this.polled = askers.map((asker) => ({
      asker,
      sample: undefined,
      askedMs: 0,
      timer: undefined,
    }));
    for (const each of this.polled) void this.ask(each);
  }

  /** Asks all that are not being asked at once, for the interval has become shorter. */
  hurry(): void {
    for (const each of this.polled) {
      if (each.timer === undefined) continue;
      clearTimeout(each.timer);
      void this.ask(each);
    }
  }

  private async ask(one: Polled): Promise<void> {
    one.timer = undefined;
    const askedMs = performance.now();
    const status = await one.asker.ask(ANSWER_MS_MAX);
    if (this.isClosed) return;
    one.askedMs = askedMs;
    const isStranger = status === undefined && one.sample === undefined;
    if (!isStranger) {
      one.sample = status === undefined ? silent(one.sample!.id) : sampleOf(status);
      const known = this.polled.filter(({ sample }) => sample !== undefined);
      const oldestMs = Math.min(...known.map((each) => each.askedMs));
      this.seen(
        performance.now(),
        oldestMs,
        known.map(({ sample }) => sample!),
      );
    }
    const waitMs = isStranger ? STRANGER_POLL_MS : this.intervalMs();
    one.timer = setTimeout(() => void this.ask(one), Math.max(0, askedMs + waitMs - performance.now()));
  }

  close(): void {
    this.isClosed = true;
    for (const { asker, timer } of this.polled) {
      clearTimeout(timer);
      asker.close();
    }
  }
}

function sampleOf({ id, role, term, leader, commitIndex, appliedIndex, voters, pid }: WatchedServer): WatchedServer {
  return { id, role, term, leader, commitIndex, appliedIndex, voters, pid };
}

function silent(id: number): WatchedServer {
  const nothing: Omit<ServerSample, 'id'> = {
    role: undefined,
    term: undefined,
    leader: undefined,
    commitIndex: undefined,
    appliedIndex: undefined,
    voters: undefined,
  };
  return { id, ...nothing, pid: undefined };
}
