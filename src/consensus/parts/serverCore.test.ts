import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { OutputBuffer } from './outputBuffer.ts';
import { ServerCore } from './serverCore.ts';

/** Server 1 of 1, 2 and 3; the data of a membership entry is the id of the server that it adds. */
function server(stored: readonly Entry[] = [], { commit = 9, appliedIndex = 0 } = {}) {
  const log = new MemoryLog();
  log.persist({ mark: 0, entries: stored, mustSync: true });
  const init = { id: 1, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, appliedIndex, bootstrap: [1, 2, 3] };
  const core = new ServerCore<never>(
    {
      ...init,
      log,
      hardState: { term: 3, vote: 2, commit },
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    },
    ({ voters }, { data }) => simpleConfiguration([...voters, data[0]!]),
    new OutputBuffer(),
  );
  const entry = (index: number, type: EntryType = EntryType.Normal, id = 0) =>
    new Entry(index, 3, type, Uint8Array.of(id));
  return { core, entry };
}

describe('what a server is in every role', () => {
  it('begins with what storage held, and trusts no commit index beyond its log', () => {
    const { core } = server();
    expect(core).toMatchObject({ id: 1, term: 3, vote: 2, commitIndex: 0, appliedIndex: 0, isVoter: true });
    expect(core.takePersist()).toBeUndefined();
  });

  it('knows what its state machine was restored from to be committed, whatever was stored of that', () => {
    const entries = [1, 2, 3, 4, 5].map((index) => new Entry(index, 3, EntryType.Normal, new Uint8Array(0)));
    const restored = (commit: number) => server(entries, { commit, appliedIndex: 3 }).core;
    expect([1, 4, 9].map((commit) => restored(commit).commitIndex)).toEqual([3, 4, 5]);
    expect(restored(1)).toMatchObject({ deliveredIndex: 3, appliedIndex: 3 });
  });

  it('goes by the latest configuration in its log, until that is cut', () => {
    const { core, entry } = server();
    core.append([entry(1), entry(2, EntryType.Reconf, 4)]);
    expect(core.configuration.voters).toEqual([1, 2, 3, 4]);
    core.truncateFrom(2);
    expect([core.configuration.voters, core.log.lastIndex]).toEqual([[1, 2, 3], 1]);
    expect(core.takePersist()!.entries).toHaveLength(1);
    core.truncateFrom(1);
    core.writes.durable(1);
    expect(core.writes.durableIndex).toBe(0);
  });

  it('writes a term and a vote at once, and a commit index with something else', () => {
    const { core, entry } = server();
    core.enterTerm(4, 1);
    const promise = { mark: 1, entries: [], hardState: { term: 4, vote: 1, commit: 0 }, mustSync: true };
    expect(core.takePersist()).toEqual({ ...promise, snapshot: undefined, truncateFrom: undefined });
    core.append([entry(1)]);
    expect(core.takePersist()).toMatchObject({ mark: 2, hardState: undefined });
    core.commitIndex = 1;
    expect(core.takePersist()).toBeUndefined();
    core.append([entry(2)]);
    expect(core.takePersist()).toMatchObject({ mark: 3, hardState: { term: 4, vote: 1, commit: 1 } });
  });

  it('keeps in memory no entries that were handed to storage and to the host', () => {
    const { core, entry } = server();
    core.append([entry(1), entry(2)]);
    core.commitIndex = 2;
    core.takePersist();
    expect(core.takeCommitted()).toHaveLength(2);
    expect(core.log.inMemory(1)).toBe(true);
    core.takePersist();
    expect([core.log.inMemory(1), core.log.inMemory(2)]).toEqual([false, false]);
  });

  it('lets a snapshot take the place of all that it had', () => {
    const { core, entry } = server();
    core.append([entry(1), entry(2)]);
    core.takePersist();
    core.writes.durable(1);
    const snapshot = {
      index: 9,
      term: 2,
      configuration: simpleConfiguration([2, 3]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    core.install(snapshot);
    expect(core).toMatchObject({ commitIndex: 9, isVoter: false });
    expect([core.log.lastIndex, core.writes.durableIndex]).toEqual([9, 0]);
    expect(core.takePersist()).toMatchObject({ mark: 2, snapshot, entries: [] });
  });

  it('hands out what is committed in lots: of what is in memory at once, of what is in storage as it is applied', () => {
    const entries = Array.from({ length: 5000 }, (_, i) => new Entry(i + 1, 3, EntryType.Normal, Uint8Array.of(1)));
    const fresh = server().core;
    fresh.append(entries);
    const read = server(entries).core;
    for (const core of [fresh, read]) core.commitIndex = 5000;
    const lots = (core: typeof fresh) => [core, core].map((each) => each.takeCommitted().length);
    expect([lots(fresh), lots(read)]).toEqual([
      [4096, 904],
      [4096, 0],
    ]);
    read.appliedIndex = 4096;
    expect(lots(read)).toEqual([904, 0]);
  });

  it('hands out no more bytes at once than 8 MiB of records', () => {
    const { core } = server();
    const mebibyte = new Uint8Array(1 << 20);
    core.append(Array.from({ length: 9 }, (_, i) => new Entry(i + 1, 3, EntryType.Normal, mebibyte)));
    core.commitIndex = 9;
    expect([core.takeCommitted().length, core.takeCommitted().length]).toEqual([7, 2]);
  });
});
