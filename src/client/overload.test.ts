import { expect, it } from 'vitest';
import { ResultStatus } from '../wire/generated/rkv.ts';
import { LeaderChannel } from './leaderChannel.ts';
import { seededRandom } from './load/random.ts';
import type { CommandResult, PendingCommand } from './pendingCommand.ts';
import { VirtualClock } from './testing/virtualClock.ts';
import type { LinkListener, ServerLink } from './transport.ts';

const ONE_WAY_MS = 1;
/** What a message may take longer. */
const JITTER_MS = 8;
const TURN_MS = 10;
const TIMEOUT_MS = 5_000;

/** A server that carries out so many commands a turn, in their order, and refuses what comes while `openMax` are open. */
class BusyServer {
  /** Commands that it was sent, each attempt. */
  attempts = 0;
  private readonly random = seededRandom(1);
  private readonly clock: VirtualClock;
  perTurn: number;
  private readonly openMax: number;
  private open: { readonly link: BusyLink; readonly command: PendingCommand }[] = [];

  constructor(clock: VirtualClock, perTurn: number, openMax: number) {
    this.clock = clock;
    this.perTurn = perTurn;
    this.openMax = openMax;
    this.turn();
  }

  delayMs(): number {
    return ONE_WAY_MS + JITTER_MS * this.random();
  }

  take(link: BusyLink, commands: readonly PendingCommand[]): void {
    this.attempts += commands.length;
    const room = Math.max(0, this.openMax - this.open.length);
    this.open.push(...commands.slice(0, room).map((command) => ({ link, command })));
    link.hear(commands.slice(room), ResultStatus.RESULT_OVERLOADED);
  }

  private turn(): void {
    const done = this.open.splice(0, this.perTurn);
    for (const link of new Set(done.map((each) => each.link))) {
      const own = done.filter((each) => each.link === link).map(({ command }) => command);
      link.hear(own, ResultStatus.RESULT_OK);
    }
    this.clock.after(TURN_MS, () => this.turn());
  }
}

class BusyLink implements ServerLink {
  readonly address = 'a:1';
  readonly commandBytesMax = 1024;
  heardMs: number;
  private readonly clock: VirtualClock;
  private readonly server: BusyServer;
  private readonly listener: LinkListener;
  private readonly commands = new Set<PendingCommand>();
  private unsent: PendingCommand[] = [];

  constructor(clock: VirtualClock, server: BusyServer, listener: LinkListener) {
    this.clock = clock;
    this.server = server;
    this.listener = listener;
    this.heardMs = clock.nowMs();
    clock.after(0, () => listener.linkReady(this));
  }

  get unanswered(): number {
    return this.commands.size;
  }

  room(): number {
    return 16_384 - this.commands.size;
  }

  add(command: PendingCommand): void {
    this.commands.add(command);
    this.unsent.push(command);
  }

  flush(): void {
    const { unsent } = this;
    this.unsent = [];
    if (unsent.length > 0) this.clock.after(this.server.delayMs(), () => this.server.take(this, unsent));
  }

  hear(commands: readonly PendingCommand[], status: ResultStatus): void {
    if (commands.length === 0) return;
    this.clock.after(this.server.delayMs(), () => {
      this.heardMs = this.clock.nowMs();
      for (const command of commands) {
        this.commands.delete(command);
        this.listener.linkResult(this, command, status, 0, undefined, '');
      }
      this.listener.linkBatchDone(this, undefined);
    });
  }

  waiting(): PendingCommand[] {
    return [...this.commands];
  }

  close(): void {}
}

class Load {
  readonly tookMs: number[] = [];
  timeouts = 0;
  private readonly clock: VirtualClock;
  private readonly channel: LeaderChannel;

  constructor(clock: VirtualClock, server: BusyServer) {
    this.clock = clock;
    this.channel = new LeaderChannel({
      addresses: ['a:1'],
      transport: { open: (_, listener) => new BusyLink(clock, server, listener) },
      environment: clock,
      backoffMinMs: 10,
      backoffMaxMs: 1000,
      stallTimeoutMs: 2000,
      commandBytesMax: 1024,
    });
  }

  /** Submits so many commands each turn until then, whatever becomes of them. */
  offer(perTurn: number, untilMs: number): void {
    const startMs = this.clock.nowMs();
    const commandDone = (_: number, { status }: CommandResult) => {
      if (status === 'ok') this.tookMs.push(this.clock.nowMs() - startMs);
      else if (status === 'timeout') this.timeouts++;
      else expect.unreachable(status);
    };
    for (let i = 0; i < perTurn; i++) {
      this.channel.submit(new Uint8Array(8), { commandDone }, 0, startMs + TIMEOUT_MS);
    }
    if (startMs + TURN_MS < untilMs) this.clock.after(TURN_MS, () => this.offer(perTurn, untilMs));
  }
}

it('at twice what a server can do everything was sent too late to be answered in time, and nothing was done', () => {
  const clock = new VirtualClock();
  const server = new BusyServer(clock, 10, 400);
  const load = new Load(clock, server);
  load.offer(20, 15_000);
  clock.runUntil(() => false, 25_000);
  // 10 of each 20 for 15 s, and what waits then is done as well.
  expect(load.tookMs.length + load.timeouts).toBe(30_000);
  expect(load.tookMs.length).toBeGreaterThan(0.95 * 15_000);
  // What is refused is tried again, but not again and again.
  expect(server.attempts).toBeLessThan(1.2 * load.tookMs.length);
});

it('a server that was too slow to answer anything in time serves again as soon as it is faster', () => {
  const clock = new VirtualClock();
  const server = new BusyServer(clock, 1, 400);
  const load = new Load(clock, server);
  load.offer(20, 25_000);
  clock.runUntil(() => false, 10_000);
  server.perTurn = 30;
  const before = load.tookMs.length;
  clock.runUntil(() => false, 30_000);
  expect(load.tookMs.length - before).toBeGreaterThan(0.9 * 30_000);
});

it('two clients of one server share what it can do, and each goes on alone when the other stops', () => {
  const clock = new VirtualClock();
  const server = new BusyServer(clock, 10, 400);
  const [one, other] = [new Load(clock, server), new Load(clock, server)];
  one.offer(10, 10_000);
  other.offer(10, 20_000);
  clock.runUntil(() => false, 30_000);
  expect(one.tookMs.length).toBeGreaterThan(0.3 * 10_000);
  expect(one.tookMs.length).toBeLessThan(0.8 * 10_000);
  expect(other.tookMs.length).toBeGreaterThan(0.65 * 20_000);
  expect(Math.min(...other.tookMs)).toBeLessThan(50);
});

it('a burst that a server takes a part of at a time is done, all of it', () => {
  const clock = new VirtualClock();
  const load = new Load(clock, new BusyServer(clock, 10, 100));
  load.offer(4_000, TURN_MS);
  clock.runUntil(() => load.tookMs.length === 4_000, 60_000);
  expect(load.tookMs.length).toBe(4_000);
  expect(clock.nowMs()).toBeLessThan(4_500);
});
