import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineEvent } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import { encodeChange } from '../../consensus/gorums/membership.ts';
import type { AppendEntries } from '../../consensus/gorums/messages.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { drivenReplica, SETTINGS } from './testing/drivenReplica.ts';

describe.each(Object.entries(await loadEngines(ENGINES)))('a server alone, with the %s engine', (_name, { kind }) => {
  it('tells of each election that it wins, and of no other thing', async () => {
    const disk = new MemoryDisk();
    let area = new MemoryPromisedArea();
    for (let life = 0; life < 2; life++) {
      const told: EngineEvent[] = [];
      const event = (each: EngineEvent) => told.push(each);
      const kept = { disk, area };
      const { replica, store, step, clock } = drivenReplica(kind, { bootstrap: [1], ...kept, environment: { event } });
      while (clock.nowMs < 4 * SETTINGS.electionTimeoutMs) await step();
      expect(told.filter((each) => each !== 'preelection')).toEqual(['election', 'becomeleader']);
      replica.stop();
      await store.close();
      area = new MemoryPromisedArea('automatic', area.content);
    }
  });
});

describe('a change of the members', () => {
  it.each([
    [3, ['applyconfiguration', 'removed']],
    [1, ['applyconfiguration', 'removed', 'terminated']],
  ])('of server %i is told once it is applied, and not again after a restart', async (id, events) => {
    const [disk, area] = [new MemoryDisk(), new MemoryPromisedArea()];
    const told: EngineEvent[] = [];
    const options = {
      bootstrap: [1, 2, 3],
      disk,
      area,
      environment: { event: (each: EngineEvent) => told.push(each) },
    };
    const entry = new Entry(1, 1, EntryType.Reconf, encodeChange({ type: ChangeType.Remove, id }));
    const from2: Omit<AppendEntries, 'entries' | 'prevLogIndex' | 'prevLogTerm'> = {
      type: 'AppendEntries',
      call: 1,
      leader: 2,
      term: 1,
      commitIndex: 1,
    };
    const first = drivenReplica(gorumsKind, options);
    first.replica.receive(2, { ...from2, prevLogIndex: 0, prevLogTerm: 0, entries: [entry] });
    await first.step();
    expect(told).toEqual(events);
    first.replica.stop();
    await first.store.close();
    told.length = 0;
    const second = drivenReplica(gorumsKind, { ...options, area: new MemoryPromisedArea('automatic', area.content) });
    second.replica.receive(2, { ...from2, prevLogIndex: 1, prevLogTerm: 1, entries: [] });
    await second.step();
    expect(second.replica.status()).toMatchObject({ appliedIndex: 1, leader: 2 });
    expect(told).toEqual([]);
    await second.store.close();
  });
});
