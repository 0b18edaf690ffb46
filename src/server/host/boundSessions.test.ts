import { describe, expect, it } from 'vitest';
import type { EngineKind, NodeId } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { SESSION_LIMITS } from '../stateMachine/sessionTable.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import type { CommandOutcome } from './outcomes.ts';
import { drivenReplica } from './testing/drivenReplica.ts';
import { ScriptedEngine } from './testing/scriptedEngine.ts';

const LIMITS = { ...SESSION_LIMITS, numbersHeldMax: 10 };

const newMachine = () => ({ disk: new MemoryDisk(), area: new MemoryPromisedArea() });

/** The only member of a cluster, with a session that inserts ahead of its turn. `mayBound`: whether every member reads the entry. */
async function leading(kind: EngineKind<unknown>, mayBound: { readonly isSo: boolean }, machine = newMachine()) {
  const stateMachine = new KeyValueStore(LIMITS);
  const asked: NodeId[][] = [];
  const mayBoundSessions = (members: Iterable<NodeId>) => {
    asked.push([...members]);
    return mayBound.isSo;
  };
  const driven = drivenReplica(kind, { bootstrap: [1], stateMachine, ...machine, environment: { mayBoundSessions } });
  const { replica, step, store } = driven;
  const until = async (done: () => boolean) => {
    for (let i = 0; i < 2000 && !done(); i++) await step();
    expect(done()).toBe(true);
  };
  const outcomeOf = async (command: Uint8Array) => {
    let found: CommandOutcome | undefined;
    const commandDone = (_tag: number, outcome: CommandOutcome) => {
      found = outcome;
    };
    replica.submit(command, { commandDone, lookupDone: () => {} }, 0);
    await until(() => found !== undefined);
    return found!;
  };
  const insert = async (clientId: number, clientSeq: number) => {
    const command = { type: CommandType.Insert, clientId, clientSeq, key: `k${clientSeq}`, value: 'v' };
    return (await outcomeOf(encodeCommand(command))).status;
  };
  const entries = () => {
    const { lastIndex } = store;
    return [...store.entries(1, lastIndex, Number.POSITIVE_INFINITY)];
  };
  const settled = () => replica.leads && replica.status().appliedIndex === store.lastIndex;
  await until(settled);
  return { ...driven, machine, asked, until, outcomeOf, insert, entries, settled };
}

describe.each(Object.entries(await loadEngines(ENGINES)))(
  'the bound of sessions, with the %s engine',
  (_name, { kind }) => {
    it('begins by an entry once every member reads it, and holds after a restart', async () => {
      const mayBound = { isSo: false };
      const server = await leading(kind, mayBound);
      const { stateMachine, insert, until, entries, asked } = server;
      const registered = await server.outcomeOf(REGISTER_BYTES);
      const session = registered.status === 'ok' ? registered.clientId : 0;
      for (let clientSeq = 2; clientSeq <= 30; clientSeq += 2) expect(await insert(session, clientSeq)).toBe('ok');
      // More is held than may be, and nothing is done about it: an earlier build would do otherwise.
      expect([stateMachine.numbersHeld, stateMachine.sessionsBound]).toEqual([15, 'due']);
      expect(asked.at(-1)).toEqual([1]);
      expect(entries().filter(({ type }) => type === EntryType.BoundSessions)).toEqual([]);

      mayBound.isSo = true;
      await until(() => stateMachine.sessionsBound === 'in-force' && server.settled());
      expect(entries().map(({ type, data }) => [type, data.length])).toContainEqual([EntryType.BoundSessions, 0]);
      expect(await insert(session, 32)).toBe('ok');
      expect(stateMachine.numbersHeld).toBe(8);
      // What was given up is refused before the log, and what was not is taken.
      const before = server.store.lastIndex;
      expect(await insert(session, 3)).toBe('sequence-too-old');
      expect(server.store.lastIndex).toBe(before);
      expect(await insert(session, 31)).toBe('ok');

      const again = await leading(
        kind,
        { isSo: false },
        {
          disk: server.machine.disk,
          area: new MemoryPromisedArea('automatic', server.machine.area.content),
        },
      );
      expect(again.stateMachine.snapshot()).toEqual(stateMachine.snapshot());
      expect(again.replica.mayHaveBoundSessions).toBe(true);
    });
  },
);

describe('the entry that begins the bound', () => {
  const scripted = (numbers: number, environment: { mayBoundSessions?: () => boolean }) => {
    const engine = new ScriptedEngine();
    const stateMachine = new KeyValueStore(LIMITS);
    const driven = drivenReplica(engine.kind, { bootstrap: [1, 2, 3], stateMachine, environment });
    const held = new KeyValueStore(LIMITS);
    held.apply(new Entry(1, 1, EntryType.Normal, REGISTER_BYTES));
    for (let i = 1; i <= numbers; i++) {
      const data = encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: 2 * i, key: 'k', value: 'v' });
      held.apply(new Entry(1 + i, 1, EntryType.Normal, data));
    }
    stateMachine.restore(held.snapshot());
    const later = (ms: number) => {
      driven.clock.nowMs += ms;
      driven.replica.tick();
    };
    const proposed = () => engine.batches.map(({ type, commands }) => [type, commands.length]);
    return { engine, later, proposed, replica: driven.replica };
  };
  const yes = { mayBoundSessions: () => true };

  it('is proposed by who leads, once a second until it is applied', () => {
    const { later, proposed, replica } = scripted(6, yes);
    expect(replica.mayHaveBoundSessions).toBe(false);
    later(5);
    later(900);
    expect(proposed()).toEqual([[EntryType.BoundSessions, 1]]);
    // It is not applied, and who is admitted from here on has to read it.
    expect(replica.mayHaveBoundSessions).toBe(true);
    later(200);
    expect(proposed()).toHaveLength(2);
  });

  it.each([
    ['where little is held', 1, yes],
    ['where nobody knows what members read', 6, {}],
    ['where one of them does not read it', 6, { mayBoundSessions: () => false }],
  ])('is not proposed %s', (_where, numbers, environment) => {
    const { later, proposed } = scripted(numbers, environment);
    for (let i = 0; i < 5; i++) later(1000);
    expect(proposed()).toEqual([]);
  });

  it('is not proposed by who follows', () => {
    const { engine, later, proposed } = scripted(6, yes);
    engine.standing = { ...engine.standing, role: 'follower', leader: 2 };
    later(5);
    const before = proposed().length;
    for (let i = 0; i < 5; i++) later(1000);
    expect(proposed()).toHaveLength(before);
  });
});
