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
  private readonly checking: SnapshotCheck;

  constructor(place: SnapshotPlace, byteLength: number, stateMachine: StateMachine) {
    const checking = stateMachine.beginCheck(byteLength);
    super(place, byteLength, (piece) => faultOf(checking, piece));
    this.checking = checking;
  }

  /** The fences in it, once all of it is checked. */
  get fences(): Fences {
    return this.checking.fences!;
  }
}

function faultOf(checking: SnapshotCheck, piece: Uint8Array): string | undefined {
  try {
    checking.take(piece);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedSnapshotError) return error.message;
    throw error;
  }
}
