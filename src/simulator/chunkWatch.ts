import type { NodeId } from '../consensus/contract.ts';
import type { ChunkPlace } from '../consensus/parts/snapshotChunks.ts';
import type { Census } from './census.ts';

interface Way {
  /** The snapshot that the latest chunk was of. */
  index: number;
  /** Up to where chunks of it came or went. */
  end: number;
  /** It went whole, or was overtaken. */
  isDone: boolean;
}

/** Counts what becomes of snapshots in chunks, by what is sent and what arrives. */
export class ChunkWatch {
  private readonly census: Census;
  private readonly sending = new Map<string, Way>();
  private readonly arriving = new Map<string, Way>();

  constructor(census: Census) {
    this.census = census;
  }

  sent(from: NodeId, to: NodeId, { index, offset, bytes, total }: ChunkPlace): void {
    const way = wayOf(this.sending, from, to);
    if (way.index === index && offset < way.end) this.census.count('snapshot chunk sent again');
    note(way, index, offset + bytes, total);
  }

  /** A server has taken a snapshot: what it sends now is older, and its log may be cut meanwhile. */
  taken(by: NodeId, index: number): void {
    for (const [name, way] of this.sending) {
      if (!name.startsWith(`${by}>`) || way.isDone || way.index >= index) continue;
      this.census.count('snapshot overtaken by a newer one');
      way.isDone = true;
    }
  }

  arrived(from: NodeId, to: NodeId, { index, offset, bytes, total }: ChunkPlace): void {
    const way = wayOf(this.arriving, from, to);
    if (index < way.index) return;
    if (bytes > 0 && offset > 0 && offset + bytes === total) this.census.count('snapshot in several chunks');
    note(way, index, offset + bytes, total);
  }
}

function wayOf(ways: Map<string, Way>, from: NodeId, to: NodeId): Way {
  const name = `${from}>${to}`;
  let way = ways.get(name);
  if (way === undefined) {
    way = { index: 0, end: 0, isDone: false };
    ways.set(name, way);
  }
  return way;
}

function note(way: Way, index: number, end: number, total: number): void {
  if (way.index !== index) {
    way.index = index;
    way.end = 0;
    way.isDone = false;
  }
  way.end = Math.max(way.end, end);
  way.isDone ||= end === total;
}
