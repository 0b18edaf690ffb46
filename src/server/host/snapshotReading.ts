import type { Snapshot, SnapshotContent } from '../../consensus/contract.ts';
import { contentBytes } from '../../consensus/snapshotContent.ts';
import { UnknownFormatError } from '../storage/contract.ts';
import { MalformedSnapshotError, type StateMachine } from './stateMachine.ts';

/** What the store gave back is what was written: where it cannot be read, its format is another one. */
export function restoreStored(stateMachine: StateMachine, { index, content }: Snapshot): void {
  try {
    stateMachine.restore(contentBytes(content));
  } catch (error) {
    if (!(error instanceof MalformedSnapshotError)) throw error;
    throw new UnknownFormatError(`the stored snapshot of index ${index}: ${error.message}`, { cause: error });
  }
}

/** A snapshot that cannot be restored must not reach the disk: no later start could get past it. */
export function snapshotContentFault(stateMachine: StateMachine, content: SnapshotContent): string | undefined {
  try {
    stateMachine.checkSnapshot(contentBytes(content));
    return undefined;
  } catch (error) {
    if (error instanceof MalformedSnapshotError) return error.message;
    throw error;
  }
}
