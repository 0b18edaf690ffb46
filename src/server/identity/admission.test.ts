import { describe, expect, it } from 'vitest';
import { type Configuration, type EngineStatus, type NodeId, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeFence, NO_FENCES } from '../../wire/fence.ts';
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
}

function replica({ role = 'leader', configuration = simpleConfiguration([1]), outcome, ...rest }: Seen) {
  const stateMachine = new KeyValueStore();
  const { named = 'asker' } = rest;
  stateMachine.apply(new Entry(7, 3, EntryType.Normal, encodeFence({ id: 2, instance: named })));
  const snapshot = { index: 7, term: 3, configuration, data: stateMachine.snapshot() };
  return {
    fences: NO_FENCES,
    status: () => ({ role, leader: role === 'leader' ? 1 : 3, term: 4, configuration }) as EngineStatus,
    submit: (_command: Uint8Array, sink: { commandDone(tag: number, outcome: CommandOutcome): void }, tag: number) =>
      sink.commandDone(tag, outcome ?? { status: 'ok', clientId: 7 }),
    currentSnapshot: () => ('named' in rest && rest.named === undefined ? undefined : snapshot),
  };
}

const joint = (voters: NodeId[], outgoing: NodeId[]): Configuration => ({ ...simpleConfiguration(voters), outgoing });

describe('a leader that is asked for admission', () => {
  const ask = (seen: Seen, rejoin = false): AdmissionAnswer | undefined => {
    let answer: AdmissionAnswer | undefined;
    admit(replica(seen), { id: 2, instance: 'asker' }, rejoin, (given) => {
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
