import { describe, expect, it } from 'vitest';
import { ChangeType, type MembershipChange } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { ReceivedContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { encodeChange } from './membership.ts';
import { ServerState } from './state.ts';

/** A server of the cluster of 1 to 3, or none, with this change in its log, which is not committed. */
function changing(id: number, type: MembershipChange['type'], of: number): ServerState {
  const log = new MemoryLog();
  const entries = [new Entry(1, 1, EntryType.Reconf, encodeChange({ type, id: of }))];
  log.persist({ mark: 1, entries, hardState: { term: 1, vote: 0, commit: 0 }, mustSync: true });
  const init = { id, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, appliedIndex: 0, bootstrap: [1, 2, 3] };
  return new ServerState({
    ...init,
    log,
    hardState: log.hardState,
    receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
  });
}

describe('who may stand for election while a change is not committed', () => {
  it('is a voter, before it or after it (thesis §4.2.2), and nobody else', () => {
    expect(changing(3, ChangeType.Remove, 3).mayStand).toBe(true);
    expect(changing(4, ChangeType.AddVoter, 4).mayStand).toBe(true);
    expect(changing(3, ChangeType.Remove, 2).mayStand).toBe(true);
    expect(changing(5, ChangeType.AddVoter, 4).mayStand).toBe(false);
  });

  it('is no server whose removal is committed', () => {
    const removed = changing(3, ChangeType.Remove, 3);
    removed.commitTo(1);
    expect(removed.mayStand).toBe(false);
  });
});
