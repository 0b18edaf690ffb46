import type { NodeId, Snapshot } from '../contract.ts';
import type { SnapshotChunk } from './messages.ts';

interface Incoming {
  readonly from: NodeId;
  readonly term: number;
  readonly index: number;
  readonly snapshotTerm: number;
  readonly total: number;
  readonly chunks: Uint8Array[];
  received: number;
}

/** Puts the chunks of a snapshot together on a follower. A chunk out of place changes nothing: the reply says what is wanted. */
export class SnapshotReceiver {
  private incoming: Incoming | undefined;

  /** Bytes held of the snapshot that `chunk` is of. */
  received(from: NodeId, chunk: SnapshotChunk): number {
    return this.matches(from, chunk) ? this.incoming!.received : 0;
  }

  /** The whole snapshot where `chunk` completes it. */
  add(from: NodeId, chunk: SnapshotChunk): Snapshot | undefined {
    if (!this.matches(from, chunk)) {
      if (chunk.offset !== 0) return undefined;
      const { term, index, snapshotTerm, total } = chunk;
      this.incoming = { from, term, index, snapshotTerm, total, chunks: [], received: 0 };
    }
    const incoming = this.incoming!;
    if (chunk.offset !== incoming.received || incoming.received + chunk.data.length > incoming.total) return undefined;
    incoming.chunks.push(chunk.data);
    incoming.received += chunk.data.length;
    if (incoming.received < incoming.total) return undefined;
    this.incoming = undefined;
    const data = joined(incoming.chunks, incoming.total);
    return { index: chunk.index, term: chunk.snapshotTerm, configuration: chunk.configuration, data };
  }

  abandon(): void {
    this.incoming = undefined;
  }

  private matches(from: NodeId, chunk: SnapshotChunk): boolean {
    const incoming = this.incoming;
    return (
      incoming !== undefined &&
      incoming.from === from &&
      incoming.term === chunk.term &&
      incoming.index === chunk.index &&
      incoming.snapshotTerm === chunk.snapshotTerm &&
      incoming.total === chunk.total
    );
  }
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const data = new Uint8Array(total);
  let pos = 0;
  for (const chunk of chunks) {
    data.set(chunk, pos);
    pos += chunk.length;
  }
  return data;
}
