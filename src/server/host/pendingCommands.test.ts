import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import type { CommandSink } from './outcomes.ts';
import { FRESH_BYTES_MAX, LARGE_OPEN_BYTES_MAX, OFFERED_BYTES_MAX, PendingCommands } from './pendingCommands.ts';
import { commandOf } from './testing/pendingTwin.ts';

/** Remembers what became of each tag. */
class Sink implements CommandSink {
  readonly outcomes: string[] = [];
  commandDone(tag: number, { status }: { readonly status: string }): void {
    this.outcomes.push(`${tag} ${status}`);
  }
  lookupDone(tag: number, { status }: { readonly status: string }): void {
    this.outcomes.push(`${tag} ${status}`);
  }
}

const passAll = () => undefined;
const COMMAND = new Uint8Array(0);
const OK = { status: 'ok', clientId: 0 } as const;
const entry = (index: number, term = 1) => new Entry(index, term, EntryType.Normal, COMMAND);

function accepted(tags: readonly number[], firstIndex: number) {
  const pending = new PendingCommands();
  const sink = new Sink();
  for (const tag of tags) pending.addCommand(COMMAND, sink, tag);
  const { token } = pending.takeCommands(100, 1000, 0, passAll)!;
  pending.accept({ token, offset: 0, count: tags.length, firstIndex, term: 1 });
  return { pending, sink };
}

describe('PendingCommands', () => {
  it('answers each command as its entry is applied, and says of a replaced one that it was not done', () => {
    const { pending, sink } = accepted([7, 8], 5);
    pending.applied(entry(4), OK);
    pending.applied(entry(5), OK);
    pending.applied(entry(6, 2), OK);
    expect(sink.outcomes).toEqual(['7 ok', '8 not-leader']);
    expect(pending.size).toBe(0);
  });

  it('commands whose entries a snapshot replaced were forgotten, never answered and counted as open for good', () => {
    const { pending, sink } = accepted([7, 8], 5);
    pending.applied(entry(5), OK);
    pending.applied(entry(9), OK);
    expect(sink.outcomes).toEqual(['7 ok', '8 unknown']);
    expect(pending.size).toBe(0);
  });

  it('lookups were taken without bound where no quorum confirmed them', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    for (let tag = 0; tag < 5; tag++) pending.addLookup('k', sink, tag);
    expect(pending.takeLookups(3, 1000, 2)).toBeDefined();
    expect(sink.outcomes).toEqual(['4 overloaded', '3 overloaded']);
    pending.addLookup('k', sink, 5);
    expect(pending.takeLookups(3, 1000, 2)).toBeUndefined();
    expect(sink.outcomes[2]).toBe('5 overloaded');
    expect(pending.size).toBe(3);
  });

  it('small commands were queued for longer than anybody waits for them', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    const large = new Uint8Array(OFFERED_BYTES_MAX);
    [new Uint8Array(100), large, new Uint8Array(300), large, new Uint8Array(200)].forEach((command, tag) => {
      pending.addCommand(command, sink, tag);
    });
    const small = { commandsMax: 2, bytesMax: 350 };
    // The last goes first, and is not enough: the one before it goes as well. What is large has bounds of its own.
    const { commands } = pending.takeCommands(100, 1 << 30, 7, passAll, small)!;
    expect(sink.outcomes).toEqual(['4 overloaded', '2 overloaded']);
    expect(commands.map(({ length }) => length)).toEqual([100, OFFERED_BYTES_MAX]);
    expect(pending.size).toBe(3);
    pending.addCommand(new Uint8Array(250), sink, 5);
    pending.takeCommands(100, 1 << 30, 7, passAll, small);
    pending.addCommand(new Uint8Array(1), sink, 6);
    pending.takeCommands(100, 1 << 30, 7, passAll, small);
    expect(sink.outcomes.slice(2)).toEqual(['6 overloaded']);
  });

  it('a few commands of many megabytes were queued like as many small ones', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    for (let tag = 0; tag < 5; tag++) pending.addCommand(new Uint8Array(100), sink, tag);
    pending.addLookup('k'.repeat(100), sink, 5);
    const { token, commands } = pending.takeCommands(100, 400, 0, passAll)!;
    expect(commands).toHaveLength(3);
    expect(pending.takeLookups(100, 399, 0)).toBeUndefined();
    expect(sink.outcomes).toEqual(['4 overloaded', '3 overloaded', '5 overloaded']);
    expect(pending.bytes).toBe(300);
    pending.accept({ token, offset: 0, count: 2, firstIndex: 5, term: 1 });
    pending.reject(
      { token, offset: 2, count: 1, reason: 'not-leader', leader: 0 },
      { status: 'not-leader', leader: 0 },
    );
    expect(pending.bytes).toBe(200);
    pending.applied(entry(5), OK);
    pending.applied(entry(6), OK);
    expect(pending.bytes).toBe(0);
  });

  it('keeps no more of what is answered than a few hundred batches, however many there are open behind them', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    for (let index = 1; index <= 3000; index++) {
      pending.addCommand(COMMAND, sink, index);
      const { token } = pending.takeCommands(10_000, 1000, 0, passAll)!;
      pending.accept({ token, offset: 0, count: 1, firstIndex: index, term: 1 });
      // One stays open.
      if (index > 1) pending.applied(entry(index - 1), OK);
    }
    expect(sink.outcomes).toHaveLength(2999);
    expect((Reflect.get(pending, 'accepted') as readonly unknown[]).length).toBeLessThan(600);
  });

  it('lets what waits leave with small ones that take just what a turn may', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    // Together they are too much for one turn; the last one waits behind the large one of its session.
    for (const [tag, [session, size]] of [
      [1, FRESH_BYTES_MAX / 2],
      [2, FRESH_BYTES_MAX / 2],
      [3, OFFERED_BYTES_MAX],
      [3, 100],
    ].entries()) {
      pending.addCommand(commandOf(session!, size!), sink, tag);
    }
    const { commands } = pending.takeCommands(100, Number.POSITIVE_INFINITY, 0, passAll)!;
    expect(commands.map(({ length }) => length)).toEqual([
      FRESH_BYTES_MAX / 2,
      FRESH_BYTES_MAX / 2,
      OFFERED_BYTES_MAX,
      100,
    ]);
  });

  it('counts nothing of what was lost', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    const add = () => pending.addCommand(new Uint8Array(100), sink, 0);
    add();
    add();
    const { token } = pending.takeCommands(100, 1000, 0, passAll)!;
    pending.accept({ token, offset: 0, count: 1, firstIndex: 5, term: 1 });
    add();
    pending.addLookup('key', sink, 0);
    pending.takeLookups(100, 1000, 0);
    pending.addLookup('key', sink, 0);
    expect(pending.bytes).toBe(306);
    pending.loseAll(0);
    expect([pending.bytes, pending.size]).toEqual([0, 0]);
  });

  it('answers a confirmed lookup once its index is applied', () => {
    const pending = new PendingCommands();
    const sink = new Sink();
    pending.addLookup('k', sink, 1);
    pending.readConfirmed(pending.takeLookups(9, 1000, 0)!, 4);
    pending.answerLookups(3, new KeyValueStore());
    expect(sink.outcomes).toEqual([]);
    pending.answerLookups(4, new KeyValueStore());
    expect(sink.outcomes).toEqual(['1 ok']);
  });
});

describe('what one turn offers', () => {
  const LARGE = OFFERED_BYTES_MAX;
  const insertOf = (clientId: number, bytes: number) =>
    encodeCommand({ type: CommandType.Insert, clientId, clientSeq: 1, key: 'k', value: 'v'.repeat(bytes) });
  let nextIndex = 1;

  function pendingOf() {
    const pending = new PendingCommands();
    const sink = new Sink();
    const tags = new Map<Uint8Array, number>();
    const add = (tag: number, clientId: number, bytes: number) => {
      const command = insertOf(clientId, bytes);
      tags.set(command, tag);
      pending.addCommand(command, sink, tag);
    };
    /** The tags of the next turn's batch, and how its commands are answered. */
    const take = () => {
      const batch = pending.takeCommands(10_000, Number.POSITIVE_INFINITY, 0, passAll);
      const { token = 0, commands = [] } = batch ?? {};
      const firstIndex = nextIndex;
      nextIndex += commands.length;
      if (batch !== undefined) pending.accept({ token, offset: 0, count: commands.length, firstIndex, term: 1 });
      const apply = () => {
        for (let i = 0; i < commands.length; i++) pending.applied(entry(firstIndex + i), OK);
      };
      return { offered: commands.map((command) => tags.get(command)), apply };
    };
    return { pending, sink, add, take };
  }

  it('four values of 32 MiB were proposed, copied, encoded and written in one turn, which took seconds', () => {
    const { pending, sink, add, take } = pendingOf();
    for (let tag = 1; tag <= 4; tag++) add(tag, tag, LARGE_OPEN_BYTES_MAX + 1);
    add(5, 5, 10);
    const first = take();
    expect(first.offered).toEqual([5, 1]);
    // No other large one before that one is answered; small ones go on.
    expect(pending.hasMore).toBe(false);
    add(6, 6, 10);
    expect(take().offered).toEqual([6]);
    first.apply();
    expect(pending.hasMore).toBe(true);
    expect(take().offered).toEqual([2]);
    expect(sink.outcomes).toEqual(['5 ok', '1 ok']);
  });

  it('has some large commands open together where they are not that large, one a turn', () => {
    const { pending, add, take } = pendingOf();
    for (let tag = 1; tag <= 30; tag++) add(tag, tag, LARGE);
    const turns = [];
    while (pending.hasMore) turns.push(take().offered);
    expect(turns).toEqual(Array.from({ length: LARGE_OPEN_BYTES_MAX / LARGE - 1 }, (_, i) => [i + 1]));
  });

  it('counts every large command that it offered as open, one that came alone or that a read decided on as well', () => {
    const next = commandOf(2, LARGE_OPEN_BYTES_MAX);
    const sink = new Sink();
    const alone = new PendingCommands();
    alone.addCommand(commandOf(1, LARGE), sink, 1);
    expect(alone.takeCommands(100, Number.POSITIVE_INFINITY, 0, passAll)?.commands).toHaveLength(1);
    const decided = new PendingCommands();
    decided.addCommand(commandOf(1, LARGE), sink, 1);
    expect(decided.takeCommands(100, Number.POSITIVE_INFINITY, 0, () => 'undecided')).toBeUndefined();
    decided.readConfirmed(decided.takeUndecided()!, 0);
    decided.decideRead(0, passAll);
    expect(decided.takeCommands(100, Number.POSITIVE_INFINITY, 0, passAll)?.commands).toHaveLength(1);
    for (const pending of [alone, decided]) {
      pending.addCommand(next, sink, 2);
      expect(pending.takeCommands(100, Number.POSITIVE_INFINITY, 0, passAll)).toBeUndefined();
      expect(pending.hasMore).toBe(false);
    }
  });

  it('leaves what is too much for it to the next turns, in order', () => {
    const { pending, add, take } = pendingOf();
    for (let tag = 1; tag <= 5; tag++) add(tag, 1, 0.4 * FRESH_BYTES_MAX);
    expect([take().offered, take().offered, take().offered]).toEqual([[1, 2], [3, 4], [5]]);
    expect(pending.hasMore).toBe(false);
  });

  it('lets one leave alone that is more than that', () => {
    const { add, take } = pendingOf();
    add(1, 1, 2 * FRESH_BYTES_MAX);
    add(2, 1, 10);
    expect([take().offered, take().offered]).toEqual([[1], [2]]);
  });

  it('keeps the order of a session: what follows its large command waits with it', () => {
    const { add, take } = pendingOf();
    add(1, 7, LARGE_OPEN_BYTES_MAX);
    const first = take();
    add(2, 8, LARGE_OPEN_BYTES_MAX);
    add(3, 8, 10);
    add(4, 9, 10);
    expect([first.offered, take().offered]).toEqual([[1], [4]]);
    add(5, 8, 10);
    first.apply();
    expect(take().offered).toEqual([2, 3, 5]);
    add(6, 8, 10);
    expect(take().offered).toEqual([6]);
  });

  it('does not count a large command that was rejected, or whose leader is another', () => {
    const { pending, add, take } = pendingOf();
    const all = { offset: 0, count: 1, reason: 'not-leader', leader: 2 } as const;
    for (let tag = 1; tag <= 3; tag++) add(tag, tag, LARGE_OPEN_BYTES_MAX);
    const { token } = pending.takeCommands(100, Number.POSITIVE_INFINITY, 0, passAll)!;
    expect(pending.hasMore).toBe(false);
    pending.reject({ token, ...all }, { status: 'not-leader', leader: 2 });
    expect(take().offered).toEqual([2]);
    pending.loseAccepted(2);
    expect(take().offered).toEqual([3]);
    add(4, 4, LARGE);
    pending.loseAll(2);
    expect([pending.size, pending.bytes, pending.hasMore]).toEqual([0, 0, false]);
  });
});
