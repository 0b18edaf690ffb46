import { describe, expect, it } from 'vitest';
import type { EngineSettings } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { recordSize } from '../entryCodec.ts';
import { CommandQueue } from '../parts/commandQueue.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { Dispatcher } from './dispatcher.ts';
import { QUEUED_COMMANDS_MAX, UNCOMMITTED_BYTES_MAX, UNCOMMITTED_ENTRIES_MAX } from './limits.ts';
import { ServerState } from './state.ts';
import { SETTINGS } from './testing/oneServer.ts';

function dispatching(settings: Partial<EngineSettings> = {}) {
  const log = new MemoryLog();
  const state = new ServerState({
    id: 1,
    settings: { ...SETTINGS, ...settings },
    random: () => 0,
    nowMs: 0,
    hardState: log.hardState,
    log,
    bootstrap: [1],
    appliedIndex: 0,
    snapshotDataFault: () => undefined,
  });
  state.enterTerm(1, 1);
  const queue = new CommandQueue(state.out);
  return { state, queue, dispatcher: new Dispatcher(state, queue) };
}

const ONE = Uint8Array.of(1);

describe('what waits for a place in the log', () => {
  it('is so many commands at most, and what is more is refused', () => {
    const { state, queue, dispatcher } = dispatching();
    dispatcher.propose({ token: 1, commands: Array(QUEUED_COMMANDS_MAX - 1).fill(ONE) });
    dispatcher.propose({ token: 2, commands: [ONE, ONE] });
    dispatcher.propose({ token: 3, commands: [ONE] });
    dispatcher.propose({ token: 4, commands: [ONE] });
    expect(queue.size).toBe(QUEUED_COMMANDS_MAX);
    expect(state.out.take(undefined, []).rejected.map(({ token, count }) => [token, count])).toEqual([
      [2, 2],
      [4, 1],
    ]);
  });
});

describe('what is appended and not committed', () => {
  it('is so many entries at most', () => {
    const { state, dispatcher } = dispatching();
    dispatcher.propose({ token: 1, commands: Array(UNCOMMITTED_ENTRIES_MAX).fill(ONE) });
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(UNCOMMITTED_ENTRIES_MAX);
    dispatcher.propose({ token: 2, commands: [ONE, ONE, ONE] });
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(UNCOMMITTED_ENTRIES_MAX);
    state.commitTo(2);
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(UNCOMMITTED_ENTRIES_MAX + 2);
  });

  it('is so many bytes at most, those that are committed not counted', () => {
    const { state, dispatcher } = dispatching();
    const unit = UNCOMMITTED_BYTES_MAX / 64;
    const data = new Uint8Array(unit);
    const overhead = recordSize(new Entry(1, 1, EntryType.Normal, data)) - unit;
    const command = data.subarray(overhead);
    let token = 1;
    /** Commands, of one unit each in the log; whether they come into it. */
    const place = (units: number) => {
      const before = state.log.lastIndex;
      dispatcher.propose({ token: token++, commands: Array(units).fill(command) });
      dispatcher.dispatch();
      return state.log.lastIndex > before;
    };
    expect([place(1), place(62), place(1)]).toEqual([true, true, true]);
    expect(place(1)).toBe(false);
    // With the first one as much is free as the next one takes, once.
    state.commitTo(1);
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(65);
    expect([place(1), place(1)]).toEqual([false, false]);
    state.commitTo(63);
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(67);
  });

  it('is one command at a time where nothing is batched, and none while the disk works', () => {
    const { state, dispatcher } = dispatching({ batch: false });
    dispatcher.propose({ token: 1, commands: [ONE, ONE] });
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(1);
    const { mark } = state.takePersist()!;
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(1);
    expect(state.takePersist()).toBeUndefined();
    state.writes.durable(mark);
    dispatcher.dispatch();
    expect(state.log.lastIndex).toBe(2);
  });
});
