import { describe, expect, it } from 'vitest';
import { type EngineKind, type Snapshot, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { EngineCluster, TEST_SETTINGS, UNREADABLE } from './engineCluster.ts';
import type { Forgery } from './forgery.ts';

/** What no correct server sends, or stores: it is left out, by name, and changes nothing that is agreed on. */
export function describeUntrusted<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  describe(`${kind.name}: what peers say is not believed`, () => {
    it('takes a term far ahead only in steps, and says that it left the message out', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const before = leader.engine.status().term;
      const from = leader.id === 1 ? 2 : 1;
      for (let i = 0; i < 10; i++) {
        const refusal = leader.engine.receive(from, forgery.answer(from, Number.MAX_SAFE_INTEGER));
        expect(refusal).toMatchObject({ malformed: false });
      }
      const { term } = leader.engine.status();
      expect(term).toBeGreaterThan(before);
      expect(term).toBeLessThanOrEqual(before + 2 ** 32);
    });

    it('servers that forged terms led apart never heard each other again', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      cluster.elect();
      for (const id of [1, 2, 3]) cluster.isolate(id);
      for (let step = 0; step < 8; step++) {
        for (const [id, from, steps] of [
          [2, 3, 4],
          [3, 2, 8],
        ] as const) {
          if (step < steps) cluster.server(id).engine.receive(from, forgery.answer(from, Number.MAX_SAFE_INTEGER));
        }
        cluster.run(TEST_SETTINGS.electionTimeoutMs);
      }
      const terms = [1, 2, 3].map((id) => cluster.server(id).engine.status().term);
      expect(terms[2]! - terms[1]!).toBeGreaterThan(2 ** 33);
      expect(terms[1]! - terms[0]!).toBeGreaterThan(2 ** 33);
      cluster.heal();
      cluster.run(20 * TEST_SETTINGS.electionTimeoutMs);
      const leader = cluster.elect();
      cluster.propose(leader.id, 'together');
      cluster.run(2 * TEST_SETTINGS.heartbeatMs);
      for (const server of cluster.servers.values()) expect(server.commands()).toEqual(['together']);
    });

    it('says so where a leader contradicts what is committed here, and stays as it is', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const first = cluster.elect();
      cluster.propose(first.id, 'agreed');
      cluster.settle();
      const { term, commitIndex } = first.engine.status();
      const misled = cluster.server(first.id === 1 ? 2 : 1);
      const refusals: string[] = [];
      const receive = misled.engine.receive.bind(misled.engine);
      misled.engine.receive = (from, message) => {
        const refusal = receive(from, message);
        if (refusal !== undefined) refusals.push(refusal.reason);
        // Its link stays: the leader may be right.
        expect(refusal?.malformed ?? false).toBe(false);
        return refusal;
      };
      const forgedTerm = term + 2;
      const entries = [new Entry(commitIndex + 1, forgedTerm, EntryType.Normal, new TextEncoder().encode('forged'))];
      const of = { term: forgedTerm, prevIndex: commitIndex, prevTerm: term, commit: commitIndex + 1, entries };
      misled.engine.receive(first.id, forgery.append(first.id, of));
      // Alone, before it can be elected and make the others believe the same.
      cluster.isolate(misled.id);
      cluster.settle();
      expect(misled.commands()).toEqual(['agreed', 'forged']);
      expect(refusals).toEqual([]);
      const others = [1, 2, 3].filter((id) => id !== misled.id);
      let leader = cluster.elect();
      while (leader.engine.status().term <= forgedTerm) {
        const to = others.find((id) => id !== leader.id)!;
        leader.engine.transferLeadership(to, cluster.token());
        cluster.run(2 * TEST_SETTINGS.electionTimeoutMs);
        leader = cluster.server(to);
        expect(cluster.leaders()).toContain(to);
      }
      cluster.heal();
      cluster.propose(leader.id, 'more');
      cluster.run(10 * TEST_SETTINGS.electionTimeoutMs);
      const said = `contradicts entry ${forgedTerm}/${commitIndex + 1}, which is committed`;
      expect(refusals.some((reason) => reason.includes(said))).toBe(true);
      // It neither changes its mind nor disturbs the others.
      expect(misled.commands()).toEqual(['agreed', 'forged']);
      for (const id of others) expect(cluster.server(id).commands()).toEqual(['agreed', 'more']);
    });

    it('starts with a membership entry in its log that cannot be read, which changes nothing', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const { term, lastIndex, configuration } = leader.engine.status();
      for (const { id, log } of cluster.servers.values()) {
        const entries = [new Entry(lastIndex + 1, term, EntryType.Reconf, Uint8Array.of(9, 9, 9))];
        log.persist({ mark: 0, entries, mustSync: true });
        cluster.stop(id);
      }
      for (const id of [1, 2, 3]) cluster.start(id);
      const next = cluster.elect();
      cluster.propose(next.id, 'after');
      cluster.settle();
      expect(next.commands()).toEqual(['after']);
      expect(next.engine.status().configuration).toEqual(configuration);
    });

    describe('refuses, and is as it was, given', () => {
      const entryOf = (
        index: number,
        term: number,
        type: EntryType = EntryType.Normal,
        data: Uint8Array = new Uint8Array(0),
      ) => new Entry(index, term, type, data);
      const changed = (data: Uint8Array) => [entryOf(2, 1, EntryType.Reconf, data)];
      const appends: readonly (readonly [string, number, readonly Entry[]])[] = [
        ['entries with a gap', 1, [entryOf(2, 1), entryOf(4, 1)]],
        ['entries that do not follow the one before', 1, [entryOf(3, 1)]],
        ['entries whose terms fall', 1, [entryOf(2, 1), entryOf(3, 0)]],
        ['an entry of a later term than its leader', 1, [entryOf(2, 9)]],
        ['a membership entry that cannot be read', 1, changed(Uint8Array.of(1, 1, 9, 0, 0))],
        ['a membership entry that is cut short', 1, changed(forgery.change(300).subarray(0, -1))],
        ['a membership entry without a word', 1, changed(new Uint8Array(0))],
        ['an entry that no log reaches', 2 ** 53 - 3, [entryOf(2 ** 53 - 2, 1)]],
      ];
      it.each(appends)('%s', (_what, prevIndex, entries) => {
        const cluster = new EngineCluster(kind, [1, 2, 3]);
        const leader = cluster.elect();
        const follower = cluster.server(leader.id === 1 ? 2 : 1);
        const before = follower.engine.status();
        const append = { term: before.term, prevIndex, prevTerm: 1, commit: prevIndex + 1, entries };
        expect(follower.engine.receive(leader.id, forgery.append(leader.id, append))).toMatchObject({
          malformed: true,
        });
        expect(follower.turn(true)).toBe(false);
        expect(follower.engine.status()).toEqual(before);
      });

      it.each([
        ['nothing after an entry of a later term than its leader', 1, 9],
        ['nothing after no entry, of a term', 0, 1],
      ])('%s', (_what, prevIndex, prevTerm) => {
        const cluster = new EngineCluster(kind, [1, 2, 3]);
        const leader = cluster.elect();
        const follower = cluster.server(leader.id === 1 ? 2 : 1);
        const before = follower.engine.status();
        const append = { term: before.term, prevIndex, prevTerm, commit: 0, entries: [] };
        expect(follower.engine.receive(leader.id, forgery.append(leader.id, append))).toMatchObject({
          malformed: true,
        });
        expect(follower.turn(true)).toBe(false);
        expect(follower.engine.status()).toEqual(before);
      });

      const configuration = simpleConfiguration([1, 2, 3]);
      const snapshot = { index: 9, term: 1, configuration, content: new MemoryContent(Uint8Array.of(1)) };
      const snapshots: readonly (readonly [string, Snapshot])[] = [
        ['a snapshot whose data cannot be restored', { ...snapshot, content: new MemoryContent(UNREADABLE) }],
        ['a snapshot of a later term than its leader', { ...snapshot, term: 9 }],
        ['a snapshot of no term', { ...snapshot, term: 0 }],
        ['a snapshot of an index that no log reaches', { ...snapshot, index: Number.MAX_SAFE_INTEGER }],
        ['a snapshot of a configuration without voters', { ...snapshot, configuration: simpleConfiguration([]) }],
        ['a snapshot with a voter 0', { ...snapshot, configuration: { ...configuration, voters: [0, 1] } }],
      ];
      it.each(snapshots)('%s', (_what, of) => {
        const cluster = new EngineCluster(kind, [1, 2, 3]);
        const leader = cluster.elect();
        const follower = cluster.server(leader.id === 1 ? 2 : 1);
        const before = follower.engine.status();
        const message = forgery.snapshot(leader.id, before.term, of);
        expect(follower.engine.receive(leader.id, message)).toMatchObject({ malformed: true });
        expect(follower.turn(true)).toBe(false);
        expect(follower.engine.status()).toEqual(before);
      });
    });
  });
}
