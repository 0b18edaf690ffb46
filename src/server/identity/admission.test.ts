import { describe, expect, it } from 'vitest';
import { type Configuration, type EngineStatus, type NodeId, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { encodeFence, type Fence, NO_FENCE, NO_FENCES } from '../../wire/fence.ts';
import type { CommandOutcome } from '../host/outcomes.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { type AdmissionAnswer, admit } from './admission.ts';
import { blankIdentity } from './identity.ts';
import { admitBySurvivor } from './survivor.ts';

/** A replica as far as who admits looks at it: what it is, what became of the fence, and what is applied then. */
interface Seen {
  readonly role?: 'leader' | 'follower';
  readonly configuration?: Configuration;
  readonly outcome?: CommandOutcome;
  /** The folder that the applied state names for server 2; undefined: no state can be had. */
  readonly named?: string | undefined;
  /** The last fence of server 2. */
  readonly last?: Fence;
}

function replica({ role = 'leader', configuration = simpleConfiguration([1]), outcome, ...rest }: Seen) {
  const stateMachine = new KeyValueStore();
  const { named = 'asker' } = rest;
  stateMachine.apply(new Entry(7, 3, EntryType.Normal, encodeFence({ id: 2, instance: named })));
  const snapshot = { index: 7, term: 3, configuration, content: new MemoryContent(stateMachine.snapshot()) };
  const state = 'named' in rest && rest.named === undefined ? undefined : snapshot;
  return {
    fences: rest.last === undefined ? NO_FENCES : new Map([[2, rest.last]]),
    status: () => ({ role, leader: role === 'leader' ? 1 : 3, term: 4, configuration }) as EngineStatus,
    submitAtOnce: (
      _command: Uint8Array,
      sink: { commandDone(tag: number, outcome: CommandOutcome): void },
      tag: number,
    ) => sink.commandDone(tag, outcome ?? { status: 'ok', clientId: 7 }),
    currentSnapshot: () => state,
    readState: (done: (read: typeof state) => void) => done(state),
  };
}

const joint = (voters: NodeId[], outgoing: NodeId[]): Configuration => ({ ...simpleConfiguration(voters), outgoing });

describe('a leader that is asked for admission', () => {
  const ask = (seen: Seen, rejoin = false, after: Fence | undefined = NO_FENCE): AdmissionAnswer | undefined => {
    let answer: AdmissionAnswer | undefined;
    admit(replica(seen), { id: 2, instance: 'asker' }, { rejoin, after }, (given) => {
      answer = given;
    });
    return answer;
  };

  it('gives the state as of the fence', () => {
    expect(ask({})).toMatchObject({ ok: true, snapshot: { index: 7 }, spentTerm: 3, admitted: 7 });
  });

  it('names the leader where it does not lead, before the fence or after it', () => {
    expect(ask({ role: 'follower' })).toEqual({ ok: false, reason: 'not-leader', leader: 3 });
    const outcome: CommandOutcome = { status: 'not-leader', leader: 5 };
    expect(ask({ outcome })).toEqual({ ok: false, reason: 'not-leader', leader: 5 });
  });

  it('admits a voter, be it one of the outgoing half of a joint configuration alone, only where an operator says so', () => {
    for (const configuration of [simpleConfiguration([1, 2]), joint([1], [1, 2])]) {
      expect(ask({ configuration })).toEqual({ ok: false, reason: 'forgotten', leader: 0 });
      expect(ask({ configuration }, true)).toMatchObject({ ok: true });
    }
  });

  it('gives nothing where the fence is not applied, no state can be had, or the state names another folder', () => {
    const unavailable = { ok: false, reason: 'unavailable', leader: 0 };
    expect(ask({ outcome: { status: 'overloaded', leader: 0 } })).toEqual(unavailable);
    expect(ask({ named: undefined })).toEqual(unavailable);
    expect(ask({ named: 'another' })).toEqual(unavailable);
  });
});

describe('a leader that is asked by who was told of another fence than its server’s last', () => {
  const last: Fence = { index: 5, instance: 'another' };
  const ask = (seen: Seen, after: Fence | undefined): { answer: AdmissionAnswer | undefined; submitted: number } => {
    const asked = replica(seen);
    const found = { answer: undefined as AdmissionAnswer | undefined, submitted: 0 };
    const submitAtOnce: typeof asked.submitAtOnce = (...command) => {
      found.submitted++;
      asked.submitAtOnce(...command);
    };
    admit({ ...asked, submitAtOnce }, { id: 2, instance: 'asker' }, { rejoin: true, after }, (given) => {
      found.answer = given;
    });
    return found;
  };

  it.each([
    ['of none', NO_FENCE, last],
    ['of an earlier one', { index: 4, instance: 'another' }, last],
    ['of one that is gone', last, undefined],
    ['of one in the place of which another stands', { index: 5, instance: 'replaced' }, last],
    ['of its own before it was admitted', NO_FENCE, { index: 5, instance: 'asker' }],
  ])('puts nothing into the log, and names the last, where that was told %s', (_what, after, present) => {
    const { answer, submitted } = ask(present === undefined ? {} : { last: present }, after);
    expect(answer).toEqual({ ok: false, reason: 'superseded', last: present ?? NO_FENCE });
    expect(submitted).toBe(0);
  });

  it('admits it once it asks with the one that it was told of', () => {
    expect(ask({ last }, last)).toMatchObject({ answer: { ok: true }, submitted: 1 });
    expect(ask({}, NO_FENCE)).toMatchObject({ answer: { ok: true }, submitted: 1 });
  });

  it('admits one of a version that says nothing of it, whatever the last one is', () => {
    expect(ask({ last }, undefined)).toMatchObject({ answer: { ok: true }, submitted: 1 });
  });

  it('says first that it does not lead, and that an operator has to know of the loss', () => {
    expect(ask({ last, role: 'follower' }, NO_FENCE).answer).toMatchObject({ reason: 'not-leader' });
    const configuration = simpleConfiguration([1, 2]);
    let answer: AdmissionAnswer | undefined;
    admit(
      replica({ last, configuration }),
      { id: 2, instance: 'asker' },
      { rejoin: false, after: NO_FENCE },
      (given) => {
        answer = given;
      },
    );
    expect(answer).toMatchObject({ reason: 'forgotten' });
  });
});

describe('the survivor of two that is asked for admission', () => {
  const ask = (seen: Seen) =>
    admitBySurvivor(replica({ role: 'follower', ...seen }), blankIdentity(1, 'etcd', 'own', 'member'), 2);

  it('gives nothing where no state can be had', () => {
    expect(ask({ configuration: simpleConfiguration([1, 2]) })).toMatchObject({ ok: true });
    expect(ask({ configuration: simpleConfiguration([1, 2]), named: undefined })).toMatchObject({
      reason: 'unavailable',
    });
  });

  it('is of no pair while a configuration is on its way out', () => {
    expect(ask({ configuration: joint([1, 2], [1, 2, 3]) })).toMatchObject({ reason: 'no-pair' });
  });
});
