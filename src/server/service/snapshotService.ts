import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { SaveSnapshotRequest, SnapshotHead, SnapshotPiece } from '../../wire/generated/admin.ts';
import type { CallFailure } from '../../wire/outcome.ts';
import { reasonMetadata } from '../../wire/reason.ts';
import { PieceMaker, SNAPSHOT_PIECE_BYTES } from '../../wire/snapshotPieces.ts';
import type { StateCopy } from '../host/snapshotTaking.ts';
import { unaryFailure } from './outcomes.ts';
import type { ServiceContext } from './serviceContext.ts';

type SnapshotCall = ServerWritableStream<SaveSnapshotRequest, SnapshotPiece>;

/** How long somebody who asks waits for the server to have read its state for itself, or for another one. */
const BUSY_MS_MAX = 5_000;
const BUSY_POLL_MS = 20;
/**
 * Whoever asks has so long to take a piece, as with a body or an answer: the state can be read for one at a time, and waits for nobody who
 * has stopped, or takes a few bytes now and then. Somewhat less than the front door allows, which would end the call without a word.
 */
export const TAKEN_MS_MAX = 25_000;
/** A lookup of a key that nobody can have: it is asked for the moment at which it is answered. */
const NO_KEY = '';

/** What a snapshot's head says beside what the copy does. */
export type SnapshotMaker = Pick<SnapshotHead, 'cluster' | 'server' | 'backend' | 'stateVersion' | 'keys' | 'sessions'>;

/**
 * Streams the state as it is at some moment after the call: a linearizable read is answered, and at that or a later moment the state is opened, to be read in
 * pieces as the caller takes them. No more than a piece, and what the connection buffers, is held beside the state.
 */
export function saveSnapshot(
  { replica }: Pick<ServiceContext, 'replica'>,
  call: SnapshotCall,
  maxMessageBytes: number,
  maker: () => SnapshotMaker,
): void {
  const sending = new Sending(call, Math.min(SNAPSHOT_PIECE_BYTES, Math.floor(maxMessageBytes / 2)));
  replica.lookup(
    NO_KEY,
    {
      lookupDone: (_tag, outcome) => {
        if (outcome.status === 'ok') void sending.run(() => replica.openCopy(), maker);
        else sending.fail(unaryFailure(outcome));
      },
      commandDone: () => {},
    },
    0,
  );
}

class Sending {
  private readonly call: SnapshotCall;
  private readonly pieceBytes: number;
  private readonly ended: Promise<void>;
  private isOver = false;

  constructor(call: SnapshotCall, pieceBytes: number) {
    this.call = call;
    this.pieceBytes = pieceBytes;
    call.on('error', () => {});
    this.ended = new Promise((resolve) => {
      for (const event of ['cancelled', 'close']) {
        call.once(event, () => {
          this.isOver = true;
          resolve();
        });
      }
    });
  }

  fail(failure: Pick<CallFailure, 'code' | 'details'>): void {
    if (!this.isOver) this.call.emit('error', failure);
  }

  async run(open: () => StateCopy | undefined, maker: () => SnapshotMaker): Promise<void> {
    // In the very turn of the read's answer where that can be.
    let copy = open();
    for (let waitedMs = 0; copy === undefined && waitedMs < BUSY_MS_MAX && !this.isOver; waitedMs += BUSY_POLL_MS) {
      await pause(BUSY_POLL_MS);
      copy = open();
    }
    if (copy === undefined) {
      const details = 'the server reads its state for another snapshot; try again';
      this.fail({ code: status.UNAVAILABLE, details, ...because('busy') });
      return;
    }
    try {
      await this.send(copy, maker());
    } finally {
      copy.close();
    }
  }

  private async send(copy: StateCopy, maker: SnapshotMaker): Promise<void> {
    const { index, term, configuration } = copy.place;
    const voters = [...configuration.voters];
    const learners = [...configuration.learners];
    const pieces = new PieceMaker();
    let piece = pieces.head({ index, term, stateBytes: copy.size, voters, learners, takenMs: Date.now(), ...maker });
    for (let left = copy.size; ; ) {
      if (!(await this.write(piece))) {
        const details = `what is sent was not read for ${TAKEN_MS_MAX / 1000} s, with ${left} bytes of the state to come; others wait for it: try again, and read faster`;
        this.fail({ code: status.ABORTED, details, ...because('not-read') });
        return;
      }
      if (left === 0 || this.isOver) break;
      if (!copy.isOpen) {
        const details =
          'the server needs its state for a snapshot of its own before this one is read; try again, and read faster';
        this.fail({ code: status.ABORTED, details, ...because('overtaken') });
        return;
      }
      const content = Buffer.allocUnsafeSlow(Math.min(this.pieceBytes, left));
      left -= copy.read(content);
      piece = pieces.piece(content);
    }
    if (!this.isOver) this.call.end();
  }

  /** Resolves with true once there is room for more, in a later turn, or the call is over; with false where there was none for too long. */
  private async write(piece: SnapshotPiece): Promise<boolean> {
    if (this.isOver) return true;
    if (this.call.write(piece)) {
      await nextTurn();
      return true;
    }
    let timer: NodeJS.Timeout | undefined;
    const taken = new Promise<true>((resolve) => this.call.once('drain', () => resolve(true)));
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), TAKEN_MS_MAX);
    });
    const isTaken = await Promise.race([this.ended.then(() => true), taken, late]);
    clearTimeout(timer);
    return isTaken;
  }
}

function because(reason: string): Pick<CallFailure, 'metadata'> {
  return { metadata: reasonMetadata(reason) };
}
