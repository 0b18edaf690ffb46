import { describe, expect, it } from 'vitest';
import { type EngineKind, type NodeId, Role, type Snapshot } from '../contract.ts';
import type { EngineEntry } from '../engineEntry.ts';
import type { ChunkPlace } from '../parts/snapshotChunks.ts';
import { contentBytes, MemoryContent } from '../snapshotContent.ts';
import { EngineCluster, type EngineServer, TEST_SETTINGS } from './engineCluster.ts';

const CHUNK_BYTES = 100;
const STATE_BYTES = 20 * CHUNK_BYTES + 50;
const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;

interface Seen extends ChunkPlace {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** Bytes by which two snapshots differ everywhere. */
const dataOf = (first: number, size = STATE_BYTES) => Uint8Array.from({ length: size }, (_, i) => (first + i) % 251);

/** A snapshot of many chunks on its way to a follower whose log ends below it: what every engine must do. */
export function describeSnapshotChunks<M>(
  kind: EngineKind<M>,
  chunkPlace: NonNullable<EngineEntry['chunkPlace']>,
): void {
  describe(`${kind.name}: a snapshot of many chunks`, () => {
    /** Three servers, one of which was away until the others had cut their logs; a chunk takes a while. */
    function behind() {
      const settings = { ...TEST_SETTINGS, snapshotChunkBytes: CHUNK_BYTES };
      const cluster = new EngineCluster(kind, [1, 2, 3], undefined, settings);
      const leader = cluster.elect();
      const [away, other] = [1, 2, 3].filter((id) => id !== leader.id) as [NodeId, NodeId];
      cluster.stop(away);
      write(cluster, leader, 5);
      const snapshots = [leader.id, other].map((id) => compact(cluster.server(id), dataOf(id)));
      const chunks: Seen[] = [];
      const state = { loses: (_chunk: Seen): boolean => false };
      cluster.loses = (from, to, message) => {
        const place = chunkPlace(message);
        if (place === undefined) return false;
        const seen = { from, to, ...place };
        chunks.push(seen);
        return state.loses(seen);
      };
      cluster.oneWayMs = heartbeatMs / 2;
      cluster.start(away);
      return { cluster, leader, away, other, snapshot: snapshots[0]!, chunks, state };
    }

    function write(cluster: EngineCluster<M>, leader: EngineServer<M>, count: number): void {
      for (let i = 0; i < count; i++) cluster.propose(leader.id, `c${i}`);
      cluster.run(4 * heartbeatMs);
    }

    function compact({ engine, log }: EngineServer<M>, data: Uint8Array): Snapshot {
      const { appliedIndex: index } = engine.status();
      const snapshot = {
        index,
        term: log.term(index)!,
        configuration: engine.configurationAt(index),
        content: new MemoryContent(data),
      };
      log.storeSnapshot(snapshot, 0);
      engine.snapshotStored(index);
      return snapshot;
    }

    function runUntil(cluster: EngineCluster<M>, isDone: () => boolean): void {
      for (let ms = 0; !isDone(); ms += heartbeatMs / 2) {
        if (ms > 50 * electionTimeoutMs) throw new Error('it does not come to that');
        cluster.run(heartbeatMs / 2);
      }
    }

    const bytesOf = (chunks: readonly Seen[]) => chunks.reduce((sum, { bytes }) => sum + bytes, 0);

    it('arrives in order and once, none of them larger than the setting, and the log goes on after it', () => {
      const { cluster, leader, away, snapshot, chunks } = behind();
      runUntil(cluster, () => cluster.server(away).restored !== undefined);
      expect(cluster.server(away).restored).toEqual(snapshot);
      expect(bytesOf(chunks)).toBe(STATE_BYTES);
      for (const [i, { offset, bytes }] of chunks.entries()) {
        expect(offset).toBe(i * CHUNK_BYTES);
        expect(bytes).toBeLessThanOrEqual(CHUNK_BYTES);
      }
      write(cluster, leader, 2);
      expect(cluster.server(away).commands()).toEqual(['c0', 'c1']);
    });

    it('holds up nobody else: what is written meanwhile is committed as ever, and nobody loses the leader', () => {
      const { cluster, leader, away, state } = behind();
      const { term } = leader.engine.status();
      let left = 3;
      state.loses = () => left-- <= 0;
      cluster.run(electionTimeoutMs);
      for (let i = 0; i < 10; i++) {
        const before = leader.commands().length;
        cluster.propose(leader.id, 'x');
        cluster.run(2 * heartbeatMs);
        expect(leader.commands()).toHaveLength(before + 1);
      }
      expect(cluster.server(away).restored).toBeUndefined();
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term });
      expect(cluster.server(away).engine.status()).toMatchObject({ leader: leader.id, term });
    });

    it('goes on after a broken link where it was', () => {
      const { cluster, away, snapshot, chunks } = behind();
      runUntil(cluster, () => chunks.length > 10);
      cluster.isolate(away);
      cluster.run(0.5 * electionTimeoutMs);
      cluster.heal();
      runUntil(cluster, () => cluster.server(away).restored !== undefined);
      expect(cluster.server(away).restored).toEqual(snapshot);
      // But for what was on its way.
      expect(bytesOf(chunks)).toBeLessThan(1.8 * STATE_BYTES);
      expect(chunks.filter(({ offset }) => offset === 0)).toHaveLength(1);
    });

    it('goes on where one is lost', () => {
      const { cluster, away, snapshot, chunks, state } = behind();
      const lost = new Set<number>();
      state.loses = ({ offset }) => offset % (3 * CHUNK_BYTES) === 0 && lost.size < lost.add(offset).size;
      runUntil(cluster, () => cluster.server(away).restored !== undefined);
      expect(cluster.server(away).restored).toEqual(snapshot);
      expect(lost.size).toBe(7);
      expect(bytesOf(chunks)).toBeLessThan(6 * STATE_BYTES);
    });

    it('begins anew where its follower does, which holds nothing of what was never whole', () => {
      const { cluster, away, snapshot, chunks } = behind();
      runUntil(cluster, () => chunks.length > 10);
      cluster.stop(away);
      cluster.start(away);
      expect(cluster.server(away).engine.status().commitIndex).toBeLessThan(snapshot.index);
      expect(cluster.server(away).log.snapshot()).toBeUndefined();
      runUntil(cluster, () => cluster.server(away).restored !== undefined);
      expect(cluster.server(away).restored).toEqual(snapshot);
      expect(chunks.filter(({ offset }) => offset === 0).length).toBeGreaterThanOrEqual(2);
    });

    it('is finished though a newer one was taken and the log was cut, and that one follows', () => {
      const { cluster, leader, away, other, snapshot, chunks, state } = behind();
      const restored: Snapshot[] = [];
      runUntil(cluster, () => chunks.length > 10);
      state.loses = () => true;
      write(cluster, leader, 3);
      const newer = compact(leader, dataOf(100));
      compact(cluster.server(other), dataOf(101));
      state.loses = () => false;
      runUntil(cluster, () => {
        const { restored: latest } = cluster.server(away);
        if (latest !== undefined && latest !== restored.at(-1)) restored.push(latest);
        return latest?.index === newer.index;
      });
      expect(restored.map(({ index }) => index)).toEqual([snapshot.index, newer.index]);
      expect(restored).toEqual([snapshot, newer]);
      write(cluster, leader, 1);
      expect(cluster.server(away).commands()).toEqual(['c0']);
    });

    it('of one leader is not mixed with that of the next', () => {
      const { cluster, leader, away, other, chunks, state } = behind();
      runUntil(cluster, () => chunks.length > 10);
      state.loses = ({ from }) => from === leader.id;
      leader.engine.transferLeadership(other, 77);
      runUntil(cluster, () => cluster.leaders().includes(other));
      runUntil(cluster, () => cluster.server(away).restored !== undefined);
      const { restored } = cluster.server(away);
      const sender = chunks.at(-1)!.from;
      expect(contentBytes(restored!.content)).toEqual(dataOf(sender));
      expect(new Set(chunks.map(({ from }) => from)).size).toBe(2);
    });
  });
}
