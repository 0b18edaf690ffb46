import type { NodeId } from '../consensus/contract.ts';
import type { ChunkPlace } from '../consensus/parts/snapshotChunks.ts';
import type { Census } from './census.ts';

interface Way {
  /** The snapshot that the latest chunk was of. */
  index: number;
  /** Up to where chunks of it came or went. */
  end: number;
  isWhole: boolean;
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
    if (way.index === index) {
      if (offset < way.end) this.census.count('snapshot chunk sent again');
    } else if (way.index !== 0 && !way.isWhole) this.census.count('snapshot overtaken by another');
    note(way, index, offset + bytes, total);
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
    way = { index: 0, end: 0, isWhole: false };
    ways.set(name, way);
  }
  return way;
}

function note(way: Way, index: number, end: number, total: number): void {
  if (way.index !== index) {
    way.index = index;
    way.end = 0;
    way.isWhole = false;
  }
  way.end = Math.max(way.end, end);
  way.isWhole ||= end === total;
}
