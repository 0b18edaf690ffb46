import { describe, expect, it } from 'vitest';
import { type EngineKind, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import type { Forgery } from './forgery.ts';
import { SteppedEngine } from './steppedEngine.ts';

/** Entries that a leader left behind and nobody committed: what a later leader's messages make of them (Raft §5.3, §7). */
export function describeSuffix<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  describe(`${kind.name}: a follower with a suffix of its own`, () => {
    /** Entries 2 to 5 are of a leader of term 1 that is gone; what is before them is committed. */
    function followerWithSuffix() {
      const follower = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      const entries = [1, 2, 3, 4, 5].map((index) => new Entry(index, 1, EntryType.Normal, Uint8Array.of(index)));
      follower.step(2, forgery.append(2, { term: 1, prevIndex: 0, prevTerm: 0, commit: 1, entries }));
      expect(follower.engine.status()).toMatchObject({ lastIndex: 5, commitIndex: 1 });
      return follower;
    }

    it('commits nothing of it that its leader did not show to be the same', () => {
      const follower = followerWithSuffix();
      follower.step(3, forgery.append(3, { term: 2, prevIndex: 3, prevTerm: 1, commit: 5, entries: [] }));
      expect(follower.engine.status()).toMatchObject({ lastIndex: 5, commitIndex: 3 });
      const entries = [new Entry(4, 2, EntryType.Normal, Uint8Array.of(9))];
      follower.step(3, forgery.append(3, { term: 2, prevIndex: 3, prevTerm: 1, commit: 5, entries }));
      expect(follower.engine.status()).toMatchObject({ lastIndex: 4, commitIndex: 4 });
      expect(follower.log.term(4)).toBe(2);
    });

    it('keeps what agrees of it when an older, shorter append comes late', () => {
      const follower = followerWithSuffix();
      const entries = [new Entry(2, 1, EntryType.Normal, Uint8Array.of(2))];
      follower.step(2, forgery.append(2, { term: 1, prevIndex: 1, prevTerm: 1, commit: 1, entries }));
      expect(follower.engine.status()).toMatchObject({ lastIndex: 5, commitIndex: 1 });
    });

    it('gives it up for a snapshot whose last entry it does not hold, and keeps it where it does', () => {
      const configuration = simpleConfiguration([1, 2, 3]);
      const snapshot = { index: 3, configuration, content: new MemoryContent(Uint8Array.of(1)) };
      const holds = followerWithSuffix();
      const kept = holds.step(3, forgery.snapshot(3, 2, { ...snapshot, term: 1 }));
      expect(kept.restore).toBeUndefined();
      expect(holds.engine.status()).toMatchObject({ lastIndex: 5, commitIndex: 3 });
      const lacks = followerWithSuffix();
      const given = lacks.step(3, forgery.snapshot(3, 2, { ...snapshot, term: 2 }));
      expect(given.restore).toMatchObject({ index: 3, term: 2 });
      expect(lacks.engine.status()).toMatchObject({ lastIndex: 3, commitIndex: 3 });
      expect([lacks.log.firstIndex, lacks.log.lastIndex]).toEqual([4, 3]);
    });
  });
}
