import { describe, expect, it } from 'vitest';
import { Role, simpleConfiguration } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { REGISTER_BYTES } from '../../wire/command.ts';
import { encodeFence, NO_FENCE, NO_FENCES } from '../../wire/fence.ts';
import { type AdmissionAnswer, type AdmissionRequest, admit } from '../identity/admission.ts';
import { FencedError, type Speaker } from '../identity/fences.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import type { CommandSink } from './outcomes.ts';
import { drivenReplica } from './testing/drivenReplica.ts';

const fence = (index: number, term: number, id: number, instance: string) =>
  new Entry(index, term, EntryType.Normal, encodeFence({ id, instance }));
const ME: Speaker = { instance: 'mine', admitted: 0 };
/** Of who was told of no fence. */
const FIRST: AdmissionRequest = { rejoin: true, after: NO_FENCE };
const NO_REJOIN: AdmissionRequest = { rejoin: false, after: NO_FENCE };

/** Server 1 of three, which hears server 2 lead. */
function follower(disk = new MemoryDisk(), area = new MemoryPromisedArea('automatic')) {
  const failures: Error[] = [];
  const driven = drivenReplica(gorumsKind, {
    bootstrap: [1, 2, 3],
    disk,
    area,
    self: ME,
    failed: (error) => failures.push(error),
  });
  const append = (term: number, prevLogIndex: number, prevLogTerm: number, ...entries: Entry[]) => {
    const head = { call: 1, leader: 2, term, prevLogIndex, prevLogTerm, commitIndex: 0 };
    driven.replica.receive(2, { type: 'AppendEntries', ...head, entries });
    driven.run();
  };
  const settled = async () => {
    for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { ...driven, failures, append, settled };
}

describe('a fence in a follower’s log', () => {
  it('is in force from where it is appended, and no longer once it is truncated', async () => {
    const { replica, append, store } = follower();
    expect(replica.fences).toBe(NO_FENCES);
    append(1, 0, 0, fence(1, 1, 3, 'first'), fence(2, 1, 3, 'second'));
    expect(replica.status().commitIndex).toBe(0);
    expect(replica.fences).toEqual(new Map([[3, { index: 2, instance: 'second' }]]));
    append(2, 1, 1, new Entry(2, 2, EntryType.Internal, new Uint8Array(0)));
    expect(replica.fences).toEqual(new Map([[3, { index: 1, instance: 'first' }]]));
    await store.close();
  });

  it('is in force from where a state is restored that names it, though no entry is left that does', async () => {
    const { replica, run, settled, store } = follower();
    expect(replica.fences).toBe(NO_FENCES);
    const stateMachine = new KeyValueStore();
    stateMachine.apply(fence(6, 1, 3, 'named'));
    const head = { call: 2, leader: 2, term: 1, lastIncludedIndex: 7, lastIncludedTerm: 1 };
    const configuration = simpleConfiguration([1, 2, 3]);
    replica.receive(2, { type: 'InstallSnapshot', ...head, configuration, data: stateMachine.snapshot() });
    run();
    await settled();
    run();
    expect(replica.status().appliedIndex).toBe(7);
    expect(replica.fences).toEqual(new Map([[3, { index: 6, instance: 'named' }]]));
    await store.close();
  });

  it('is in force after a restart, before anything is known to be committed', async () => {
    const disk = new MemoryDisk();
    const area = new MemoryPromisedArea();
    const before = follower(disk, area);
    before.append(1, 0, 0, fence(1, 1, 3, 'named'));
    await before.settled();
    await before.store.close();
    const { replica } = follower(disk, new MemoryPromisedArea('automatic', area.content));
    expect(replica.status()).toMatchObject({ appliedIndex: 0, lastIndex: 1 });
    expect(replica.fences).toEqual(new Map([[3, { index: 1, instance: 'named' }]]));
  });

  it('ends the process that it keeps out before that says anything more, and at every later start', async () => {
    const disk = new MemoryDisk();
    const area = new MemoryPromisedArea();
    const { append, sent, failures, settled, store, replica } = follower(disk, area);
    append(1, 0, 0, fence(1, 1, 1, 'another'));
    await settled();
    expect(failures).toEqual([expect.any(FencedError)]);
    expect(failures[0]!.message).toContain('entry 1 of the log admits the folder another');
    replica.tick();
    expect(sent).toEqual([]);
    await store.close();
    expect(() => follower(disk, new MemoryPromisedArea('automatic', area.content))).toThrow(FencedError);
  });

  it('leaves the process that it names alone', async () => {
    const { append, failures, sent, settled, store } = follower();
    append(1, 0, 0, fence(1, 1, 1, ME.instance));
    await settled();
    expect(failures).toEqual([]);
    expect(sent).toMatchObject([{ type: 'AppendEntriesResponse', success: true }]);
    await store.close();
  });

  it('comes with a snapshot, and is in force before that is durable', async () => {
    const { replica, run, settled, store } = follower();
    const source = new KeyValueStore();
    source.apply(fence(4, 1, 3, 'named'));
    const numbers = { call: 1, leader: 2, term: 3, lastIncludedIndex: 7, lastIncludedTerm: 2 };
    const configuration = simpleConfiguration([1, 2, 3]);
    const message: GorumsMessage = { type: 'InstallSnapshot', ...numbers, configuration, data: source.snapshot() };
    replica.receive(2, message);
    run();
    const expected = new Map([[3, { index: 4, instance: 'named' }]]);
    expect(replica.status().appliedIndex).toBe(0);
    expect(replica.fences).toEqual(expected);
    await settled();
    expect(replica.status().appliedIndex).toBe(7);
    expect(replica.fences).toEqual(expected);
    await store.close();
  });
});

describe.each(Object.entries(await loadEngines(ENGINES)))(
  'an admission by the %s engine’s leader',
  (_name, { kind }) => {
    async function leader() {
      const driven = drivenReplica(kind, { bootstrap: [1] });
      const settled = () => {
        const { role, appliedIndex, lastIndex } = driven.replica.status();
        return role === Role.Leader && lastIndex > 0 && appliedIndex === lastIndex;
      };
      for (let i = 0; i < 1000 && !settled(); i++) await driven.step();
      return driven;
    }

    it('puts a fence into the log that names the folder, and is in force before it is committed', async () => {
      const { replica, run, step, stateMachine } = await leader();
      const { lastIndex } = replica.status();
      const answers: AdmissionAnswer[] = [];
      admit(replica, { id: 2, instance: 'asker' }, FIRST, (answer) => answers.push(answer));
      run();
      const named = new Map([[2, { index: lastIndex + 1, instance: 'asker' }]]);
      expect(answers).toEqual([]);
      expect(stateMachine.fences).toBe(NO_FENCES);
      expect(replica.fences).toEqual(named);
      for (let i = 0; i < 100 && answers.length === 0; i++) await step();
      expect(answers).toMatchObject([{ ok: true, admitted: lastIndex + 1 }]);
      expect(replica.fences).toEqual(named);
    });

    it('is refused to a voter until somebody says that its data are lost', async () => {
      const { replica, run } = await leader();
      const { lastIndex } = replica.status();
      const answers: AdmissionAnswer[] = [];
      admit(replica, { id: 1, instance: 'asker' }, NO_REJOIN, (answer) => answers.push(answer));
      run();
      expect(answers).toEqual([{ ok: false, reason: 'forgotten', leader: 0 }]);
      expect(replica.status().lastIndex).toBe(lastIndex);
      expect(replica.fences).toBe(NO_FENCES);
    });

    it('is refused by who does not lead, or no longer does, with nothing in the log', async () => {
      const follower = drivenReplica(kind, { bootstrap: [1, 2] });
      const answers: AdmissionAnswer[] = [];
      for (const id of [2, 3])
        admit(follower.replica, { id, instance: 'asker' }, FIRST, (answer) => answers.push(answer));
      const refused = { ok: false, reason: 'not-leader', leader: 0 };
      expect(answers).toEqual([refused, refused]);
      expect(follower.replica.fences).toBe(NO_FENCES);
      const { replica } = await leader();
      admit(replica, { id: 2, instance: 'asker' }, NO_REJOIN, (answer) => answers.push(answer));
      replica.stop();
      expect(answers[2]).toMatchObject({ ok: false, reason: 'not-leader' });
    });

    it('was given to a server that was gone, and ended the one that had been admitted since', async () => {
      const { replica, run, step } = await leader();
      const answers: AdmissionAnswer[] = [];
      admit(replica, { id: 2, instance: 'here' }, FIRST, (answer) => answers.push(answer));
      // Before anything of that is known to be committed, or handed out.
      run();
      const { lastIndex } = replica.status();
      const last = { index: lastIndex, instance: 'here' };
      const refused = { ok: false, reason: 'superseded', last };
      admit(replica, { id: 2, instance: 'gone' }, FIRST, (answer) => answers.push(answer));
      expect(answers).toEqual([refused]);
      for (let i = 0; i < 100 && answers.length < 2; i++) await step();
      admit(replica, { id: 2, instance: 'gone' }, FIRST, (answer) => answers.push(answer));
      expect(answers).toMatchObject([refused, { ok: true, admitted: lastIndex }, refused]);
      expect(replica.status().lastIndex).toBe(lastIndex);
      // Who lives asks again.
      admit(replica, { id: 2, instance: 'alive' }, { rejoin: true, after: last }, (answer) => answers.push(answer));
      for (let i = 0; i < 100 && answers.length < 4; i++) await step();
      expect(answers[3]).toMatchObject({ ok: true, admitted: lastIndex + 1 });
    });

    it('is in the log before all that waits to be offered', async () => {
      const { replica, run } = await leader();
      const { lastIndex } = replica.status();
      const sink: CommandSink = { commandDone: () => {}, lookupDone: () => {} };
      for (let tag = 0; tag < 3; tag++) replica.submit(REGISTER_BYTES, sink, tag);
      admit(replica, { id: 2, instance: 'asker' }, FIRST, () => {});
      run();
      expect(replica.status().lastIndex).toBe(lastIndex + 4);
      expect(replica.fences.get(2)?.index).toBe(lastIndex + 1);
    });

    it('is refused where a later fence names another folder: it could not be told from that one', async () => {
      const { replica, step } = await leader();
      const answers: (AdmissionAnswer | undefined)[] = [undefined, undefined];
      for (const [i, instance] of ['one', 'two'].entries()) {
        admit(replica, { id: 2, instance }, { rejoin: true, after: undefined }, (answer) => {
          answers[i] = answer;
        });
      }
      for (let i = 0; i < 100 && answers.includes(undefined); i++) await step();
      const [one, two] = answers;
      expect(two).toMatchObject({ ok: true });
      // Where both are applied before the first is answered it gets nothing; else an index below the other fence.
      if (one!.ok) expect(one!.admitted).toBeLessThan(two!.ok ? two!.admitted : 0);
      else expect(one).toMatchObject({ reason: 'unavailable' });
    });
  },
);
