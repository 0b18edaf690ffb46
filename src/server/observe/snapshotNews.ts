import { channel } from 'node:diagnostics_channel';
import { SNAPSHOT_CHANNEL, type SnapshotNews } from '../../wire/snapshotChannel.ts';

const listeners = channel(SNAPSHOT_CHANNEL);

/** Says what this server does with a snapshot, where anybody in its process listens. */
export function tellOfSnapshot(what: SnapshotNews['what'], index: number): void {
  if (listeners.hasSubscribers) listeners.publish({ what, index } satisfies SnapshotNews);
}
