import type { Snapshot, SnapshotPlace } from '../../consensus/contract.ts';
import { ReceivedContent } from '../../consensus/snapshotContent.ts';
import type { Fences } from '../../wire/fence.ts';
import { UnknownFormatError } from '../storage/contract.ts';
import { MalformedSnapshotError, type SnapshotCheck, type StateMachine } from './stateMachine.ts';

/** Read at a time where nobody is served yet. */
const PIECE_BYTES = 1024 * 1024;

/** What the store gave back is what was written: where it cannot be read, its format is another one. */
export function restoreStored(stateMachine: StateMachine, { index, content }: Snapshot): void {
  try {
    const restoring = stateMachine.beginRestore(content);
    while (!restoring.read(PIECE_BYTES));
  } catch (error) {
    if (!(error instanceof MalformedSnapshotError)) throw error;
    throw new UnknownFormatError(`the stored snapshot of index ${index}: ${error.message}`, { cause: error });
  }
}

/** What a peer sends of a snapshot: one that cannot be restored must not be the log's beginning, no later start could get past it. */
export class CheckedContent extends ReceivedContent {
  private readonly checking: Checking;

  constructor(place: SnapshotPlace, byteLength: number, stateMachine: StateMachine) {
    const checking = new Checking(byteLength, stateMachine);
    super(place, byteLength, (piece) => checking.faultOf(piece));
    this.checking = checking;
  }

  /** The fences in it, once all of it is checked. */
  get fences(): Fences {
    return this.checking.fences!;
  }
}

/** Whoever checks a snapshot holds all sessions of it, and the snapshot is the latest for long: when it is all checked, only its fences stay. */
class Checking {
  fences: Fences | undefined;
  private check: SnapshotCheck | undefined;
  private bytesLeft: number;

  constructor(byteLength: number, stateMachine: StateMachine) {
    this.check = stateMachine.beginCheck(byteLength);
    this.bytesLeft = byteLength;
  }

  /** What is wrong with the next piece; after that, and after the last, there is none. */
  faultOf(piece: Uint8Array): string | undefined {
    const check = this.check!;
    this.bytesLeft -= piece.length;
    if (this.bytesLeft === 0) this.check = undefined;
    try {
      check.take(piece);
    } catch (error) {
      if (error instanceof MalformedSnapshotError) return error.message;
      throw error;
    }
    if (this.check === undefined) this.fences = check.fences;
    return undefined;
  }
}
