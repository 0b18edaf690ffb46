import type { Snapshot } from '../../consensus/contract.ts';
import { UnknownFormatError } from '../storage/contract.ts';
import { MalformedSnapshotError, type StateMachine } from './stateMachine.ts';

/** What the store gave back is what was written: where it cannot be read, its format is another one. */
export function restoreStored(stateMachine: StateMachine, { index, data }: Snapshot): void {
  try {
    stateMachine.restore(data);
  } catch (error) {
    if (!(error instanceof MalformedSnapshotError)) throw error;
    throw new UnknownFormatError(`the stored snapshot of index ${index}: ${error.message}`, { cause: error });
  }
}

/** A snapshot that cannot be restored must not reach the disk: no later start could get past it. */
export function snapshotDataFault(stateMachine: StateMachine, data: Uint8Array): string | undefined {
  try {
    stateMachine.checkSnapshot(data);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedSnapshotError) return error.message;
    throw error;
  }
}
