import { describe, expect, it } from 'vitest';
import type { EngineKind, NodeId } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeFence } from '../../wire/fence.ts';
import { admittedHardState } from '../identity/admission.ts';
import { blankIdentity, type Identity, type KnownServer } from '../identity/identity.ts';
import type { Answer } from '../identity/startDecision.ts';
import { admitBySurvivor, mayKnowMore } from '../identity/survivor.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { openMemoryLogStore } from '../storage/openLogStore.ts';
import { batch, commands, hard, Listener } from '../storage/testing.ts';
import { drivenReplica } from './testing/drivenReplica.ts';

/** Server 1 as it is after a restart: three of five entries are known to be committed, in term 7. */
async function restarted(kind: EngineKind<unknown>, bootstrap: readonly NodeId[], last = commands(5, 5, 6)) {
  const disk = new MemoryDisk();
  const area = new MemoryPromisedArea();
  const before = new Listener();
  const { store: earlier } = openMemoryLogStore(before, { cacheEntries: 1000 }, disk, area);
  earlier.persist(batch(1, { entries: [...commands(1, 4, 6), ...last], hardState: hard(7, 1, 3) }));
  await before.until(() => before.marks.length > 0);
  await earlier.close();
  const { replica, step } = drivenReplica(kind, {
    bootstrap,
    disk,
    area: new MemoryPromisedArea('automatic', area.content),
  });
  for (let i = 0; i < 100; i++) await step();
  return replica;
}

const met = (part: Partial<KnownServer> = {}): KnownServer => ({
  instance: 'earlier',
  boots: 1,
  life: 'l',
  admitted: 0,
  ran: true,
  ...part,
});
const own = (known: [NodeId, KnownServer][] = [[2, met()]]): Identity => ({
  ...blankIdentity(1, 'etcd', 'i', 'member'),
  known: new Map(known),
});

describe.each(Object.entries(await loadEngines(ENGINES)))(
  'the survivor of two, with the %s engine',
  (_name, { kind }) => {
    it('gives what is applied, and no vote in its own term', async () => {
      const replica = await restarted(kind, [1, 2]);
      const answer = admitBySurvivor(replica, own(), 2);
      if (!answer.ok) return expect.unreachable(answer.reason);
      expect(answer.snapshot).toMatchObject({ index: 3, term: 6, configuration: { voters: [1, 2] } });
      expect(answer.spentTerm).toBeGreaterThanOrEqual(7);
      expect(admittedHardState(2, answer.snapshot, answer.spentTerm)).toEqual({
        term: answer.spentTerm,
        vote: 2,
        commit: 3,
      });
    });

    it('refuses where it leads, where it is one of three, and where it has met a third', async () => {
      const reasonOf = async (bootstrap: readonly NodeId[], identity: Identity, id = 2) => {
        const answer = admitBySurvivor(await restarted(kind, bootstrap), identity, id);
        return answer.ok ? 'ok' : answer.reason;
      };
      expect(await reasonOf([1], own())).toBe('leads');
      expect(await reasonOf([1, 2, 3], own())).toBe('no-pair');
      expect(await reasonOf([1, 2], own(), 3)).toBe('no-pair');
      expect(await reasonOf([2, 3], own())).toBe('no-pair');
      expect(await reasonOf([2], own())).toBe('no-pair');
      expect(await reasonOf([1, 2], own([[3, met()]]))).toBe('met-others');
      expect(await reasonOf([1, 2], own([[3, met({ ran: false })]]))).toBe('ok');
    });

    it('gives an index as high as a fence in its log, which it may not know to be committed', async () => {
      const fence = new Entry(5, 6, EntryType.Normal, encodeFence({ id: 2, instance: 'other' }));
      const replica = await restarted(kind, [1, 2], [fence]);
      expect(admitBySurvivor(replica, own(), 2)).toMatchObject({ ok: true, snapshot: { index: 3 }, admitted: 5 });
      expect(admitBySurvivor(replica, own([[2, met({ admitted: 4 })]]), 2)).toMatchObject({ ok: true });
      expect(admitBySurvivor(replica, own([[2, met({ admitted: 5 })]]), 2)).toMatchObject({ reason: 'unavailable' });
      // A fence of another server says nothing of this one.
      const third = await restarted(
        kind,
        [1, 2],
        [new Entry(5, 6, EntryType.Normal, encodeFence({ id: 3, instance: 'x' }))],
      );
      expect(admitBySurvivor(third, own(), 2)).toMatchObject({ ok: true, admitted: 3 });
    });

    it('has nothing to give where nothing is applied', async () => {
      const { replica } = drivenReplica(kind, { bootstrap: [1, 2] });
      expect(admitBySurvivor(replica, own(), 2)).toMatchObject({ ok: false, reason: 'unavailable' });
    });

    it('refuses where the next folder could not be told from the last one that it admitted', async () => {
      const replica = await restarted(kind, [1, 2]);
      expect(admitBySurvivor(replica, own([[2, met({ admitted: 3 })]]), 2)).toMatchObject({ reason: 'unavailable' });
      expect(admitBySurvivor(replica, own([[2, met({ admitted: 2 })]]), 2)).toMatchObject({ ok: true });
    });
  },
);

it('is not taken at its word while somebody else may know more', () => {
  const introduced = (id: NodeId, isMember: boolean): [NodeId, Answer] => {
    const { known, stage: _, ...rest } = blankIdentity(id, 'etcd', 'i', 'new');
    const introduction = { ...rest, isMember };
    return [id, { kind: 'introduced', introduction, misfit: undefined, isVoter: true, leader: 0, known }];
  };
  const of = (...answers: [NodeId, Answer][]) => mayKnowMore(1, new Map(answers));
  expect(of(introduced(1, true))).toEqual([]);
  expect(of(introduced(1, true), introduced(3, false))).toEqual([]);
  expect(of(introduced(1, true), introduced(3, true), [4, { kind: 'silent' }], [5, { kind: 'original' }])).toEqual([
    3, 4, 5,
  ]);
});
