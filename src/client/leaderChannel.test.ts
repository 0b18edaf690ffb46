import { describe, expect, it } from 'vitest';
import { ResultStatus } from '../wire/generated/rkv.ts';
import { LeaderChannel } from './leaderChannel.ts';
import type { CommandResult, PendingCommand } from './pendingCommand.ts';
import { VirtualClock } from './testing/virtualClock.ts';
import type { LinkListener, ServerLink } from './transport.ts';

/** A link whose server leads, and needs `roundTripMs` to say so and as long for each command; undefined: it never says anything. */
class DistantLink implements ServerLink {
  readonly address: string;
  readonly commandBytesMax = 1024;
  heardMs: number;
  private readonly clock: VirtualClock;
  private readonly listener: LinkListener;
  private readonly roundTripMs: number | undefined;
  private commands: PendingCommand[] = [];
  private isOpen = true;
  private isReady = false;

  constructor(address: string, clock: VirtualClock, listener: LinkListener, roundTripMs: number | undefined) {
    this.address = address;
    this.clock = clock;
    this.listener = listener;
    this.roundTripMs = roundTripMs;
    this.heardMs = clock.nowMs();
    this.hears(() => {
      this.isReady = true;
      listener.linkBatchDone(this, undefined);
      listener.linkReady(this);
    });
  }

  private hears(run: () => void): void {
    if (this.roundTripMs === undefined) return;
    this.clock.after(this.roundTripMs, () => {
      if (!this.isOpen) return;
      this.heardMs = this.clock.nowMs();
      run();
    });
  }

  get unanswered(): number {
    return this.commands.length;
  }

  room(): number {
    return this.isReady ? 10 : 0;
  }

  add(command: PendingCommand): void {
    if (this.commands.length === 0) this.heardMs = this.clock.nowMs();
    this.commands.push(command);
    this.hears(() => {
      this.commands = this.commands.filter((each) => each !== command);
      this.listener.linkResult(this, command, ResultStatus.RESULT_OK, 7, undefined, '');
      this.listener.linkBatchDone(this, undefined);
    });
  }

  flush(): void {}

  waiting(): PendingCommand[] {
    return [...this.commands];
  }

  close(): void {
    this.isOpen = false;
  }
}

function channelTo(roundTripsMs: Readonly<Record<string, number | undefined>>) {
  const clock = new VirtualClock();
  const opened: { address: string; atMs: number }[] = [];
  const channel = new LeaderChannel({
    addresses: Object.keys(roundTripsMs),
    transport: {
      open: (address, listener) => {
        opened.push({ address, atMs: clock.nowMs() });
        return new DistantLink(address, clock, listener, roundTripsMs[address]);
      },
    },
    environment: clock,
    backoffMinMs: 1,
    backoffMaxMs: 1000,
    stallTimeoutMs: 2000,
    commandBytesMax: 1024,
  });
  const send = () => {
    const heard: { result?: CommandResult } = {};
    const commandDone = (_tag: number, result: CommandResult) => {
      heard.result = result;
    };
    channel.submit(new Uint8Array(8), { commandDone }, 0, Number.POSITIVE_INFINITY);
    clock.runUntil(() => heard.result !== undefined, clock.nowMs() + 60_000);
    return heard.result;
  };
  return { channel, clock, opened, send };
}

describe('a client of servers that are far away', () => {
  it.each([2_500, 4_500])(
    'left each of them before it could answer, for ever, where that takes %i ms',
    (roundTripMs) => {
      const { channel, send } = channelTo({ 'a:1': roundTripMs, 'b:1': roundTripMs });
      expect(send()).toMatchObject({ status: 'ok' });
      const { stalls } = channel.counters;
      // It knows by now how far they are.
      expect(send()).toMatchObject({ status: 'ok' });
      expect(channel.counters.stalls).toBe(stalls);
    },
  );

  it('leaves one that says nothing after ten seconds at most', () => {
    const { clock, opened, send } = channelTo({ 'a:1': undefined });
    expect(send()).toBeUndefined();
    const waits = opened.slice(1).map(({ atMs }, at) => atMs - opened[at]!.atMs);
    expect(waits.length).toBeGreaterThan(5);
    expect(Math.max(...waits)).toBeLessThan(12_000);
    expect(clock.nowMs()).toBeLessThan(60_001);
  });

  it('left one that had answered while its own thread was busy', () => {
    const { channel, clock } = channelTo({ 'a:1': 1500, 'b:1': 1500 });
    let result: CommandResult | undefined;
    const commandDone = (_tag: number, told: CommandResult) => {
      result = told;
    };
    channel.submit(new Uint8Array(8), { commandDone }, 0, Number.POSITIVE_INFINITY);
    clock.runUntil(() => clock.nowMs() >= 100, 200);
    clock.block(2500);
    clock.runUntil(() => result !== undefined, 60_000);
    expect(result).toMatchObject({ status: 'ok' });
    expect(channel.counters.stalls).toBe(0);
  });

  it('gives one that is near no more time than before, once that has answered', () => {
    const { channel, opened, send } = channelTo({ 'a:1': undefined, 'b:1': 5 });
    expect(send()).toMatchObject({ status: 'ok' });
    expect(opened.map(({ address }) => address)).toEqual(['a:1', 'b:1']);
    expect(channel.counters.stalls).toBe(1);
  });
});
