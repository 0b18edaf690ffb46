import { EventEmitter } from 'node:events';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { simpleConfiguration } from '../../consensus/contract.ts';
import type { SnapshotPiece } from '../../wire/generated/admin.ts';
import { reasonOf } from '../../wire/reason.ts';
import { PieceChecker } from '../../wire/snapshotPieces.ts';
import type { CommandSink, LookupOutcome } from '../host/outcomes.ts';
import { StateCopy } from '../host/snapshotTaking.ts';
import { saveSnapshot, TAKEN_MS_MAX } from './snapshotService.ts';

const STATE = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
const MAKER = { cluster: 'c', server: 2, backend: 'e', stateVersion: 4, keys: 3, sessions: 1 };
/** So small that the state has seven pieces. */
const MESSAGE_BYTES = 32;

class Call extends EventEmitter {
  readonly pieces: SnapshotPiece[] = [];
  readonly failures: { code: number; details: string }[] = [];
  isEnded = false;
  /** Whether there is room for more after each. */
  room = true;

  constructor() {
    super();
    this.on('error', (failure) => this.failures.push(failure));
  }

  write(piece: SnapshotPiece): boolean {
    this.pieces.push(piece);
    return this.room;
  }

  end(): void {
    this.isEnded = true;
    this.emit('close');
  }
}

function copyOf(state: Buffer): StateCopy & { closes: number } {
  let at = 0;
  const source = {
    size: state.length,
    read: (into: Uint8Array, from: number, end: number) => {
      const part = state.subarray(at, at + end - from);
      into.set(part, from);
      at += part.length;
      return from + part.length;
    },
    close: () => {
      copy.closes++;
    },
  };
  const head = { index: 9, term: 2, configuration: simpleConfiguration([1, 2], [3]) };
  const copy = Object.assign(new StateCopy(head, source), { closes: 0 });
  return copy;
}

/** A server whose reads are answered like this, and whose state is opened like that. */
function ask(open: () => StateCopy | undefined, outcome: LookupOutcome = { status: 'ok', value: undefined }): Call {
  const call = new Call();
  const replica = {
    lookup: (_key: string, sink: CommandSink, tag: number) => setImmediate(() => sink.lookupDone(tag, outcome)),
    openCopy: open,
  };
  saveSnapshot({ replica } as never, call as never, MESSAGE_BYTES, () => MAKER);
  return call;
}

describe('Admin.SaveSnapshot', () => {
  it('sends a head and the state in pieces, each with the checksum of all so far', async () => {
    const copy = copyOf(STATE);
    const call = ask(() => copy);
    await vi.waitFor(() => expect(call.isEnded).toBe(true));
    const checker = new PieceChecker();
    const state = Buffer.concat(call.pieces.map((piece) => checker.take(piece)));
    expect([state.equals(STATE), checker.isWhole, call.failures, copy.closes]).toEqual([true, true, [], 1]);
    expect(checker.head).toMatchObject({ index: 9, term: 2, stateBytes: 100, voters: [1, 2], learners: [3], ...MAKER });
    expect(call.pieces.slice(1).map(({ content }) => content.length)).toEqual([16, 16, 16, 16, 16, 16, 4]);
  });

  it('opens the state only once the read is answered, and not where this server does not lead', async () => {
    const open = vi.fn(() => copyOf(STATE));
    const call = ask(open, { status: 'not-leader', leader: 3 });
    expect(open).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(call.failures).toHaveLength(1));
    expect(reasonOf(call.failures[0] as never)).toBe('not-leader');
    expect([open.mock.calls.length, call.pieces]).toEqual([0, []]);
  });

  it('waits while the server reads its state for itself', async () => {
    const copies = [undefined, undefined, copyOf(STATE)];
    const call = ask(() => copies.shift());
    await vi.waitFor(() => expect(call.isEnded).toBe(true));
    expect(call.pieces).toHaveLength(8);
  });

  it('sends no more than is read: the next piece waits until there is room', async () => {
    const copy = copyOf(STATE);
    const call = ask(() => copy);
    call.room = false;
    await vi.waitFor(() => expect(call.pieces).toHaveLength(1));
    await new Promise((done) => setImmediate(() => setImmediate(done)));
    expect(call.pieces).toHaveLength(1);
    call.emit('drain');
    await vi.waitFor(() => expect(call.pieces).toHaveLength(2));
    // Who asked is gone.
    call.emit('cancelled');
    await vi.waitFor(() => expect(copy.closes).toBe(1));
    expect([call.pieces.length, call.failures, call.isEnded]).toEqual([2, [], false]);
  });

  it('waited for ever for one who stopped reading, and every other saver with it', async () => {
    // vi.waitFor would let the time pass by itself.
    const turns = async () => {
      for (let i = 0; i < 5; i++) await new Promise((done) => setImmediate(done));
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const copy = copyOf(STATE);
      const call = ask(() => copy);
      call.room = false;
      await turns();
      expect(call.pieces).toHaveLength(1);
      // Who takes a piece in time goes on.
      vi.advanceTimersByTime(TAKEN_MS_MAX - 1);
      call.emit('drain');
      await turns();
      expect(call.pieces).toHaveLength(2);
      vi.advanceTimersByTime(TAKEN_MS_MAX - 1);
      expect([call.failures, copy.closes]).toEqual([[], 0]);
      vi.advanceTimersByTime(1);
      await turns();
      expect(call.failures[0]).toMatchObject({ code: status.ABORTED });
      expect(call.failures[0]!.details).toContain('was not read for 25 s, with 84 bytes of the state to come');
      expect([reasonOf(call.failures[0] as never), copy.closes, call.pieces.length]).toEqual(['not-read', 1, 2]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('says so where the server needs its state before all of it is read', async () => {
    const copy = copyOf(STATE);
    const call = ask(() => copy);
    call.room = false;
    await vi.waitFor(() => expect(call.pieces).toHaveLength(1));
    copy.close();
    call.emit('drain');
    await vi.waitFor(() => expect(call.failures).toHaveLength(1));
    expect(call.failures[0]).toMatchObject({ code: status.ABORTED, details: expect.stringContaining('try again') });
    expect([call.pieces.length, reasonOf(call.failures[0] as never)]).toEqual([1, 'overtaken']);
  });
});
