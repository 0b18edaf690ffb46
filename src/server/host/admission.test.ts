import { describe, expect, it } from 'vitest';
import { type EngineKind, Role } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { NO_FENCE } from '../../wire/fence.ts';
import { type AdmissionAnswer, admit } from '../identity/admission.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { SEQUENCE_AHEAD_MAX } from '../stateMachine/session.ts';
import { SESSION_LIMITS } from '../stateMachine/sessionTable.ts';
import type { CommandOutcome, CommandSink } from './outcomes.ts';
import { drivenReplica } from './testing/drivenReplica.ts';

/** The only member of a cluster, driven by hand until it leads and has a session. */
async function leading(kind: EngineKind<unknown>, limits = SESSION_LIMITS) {
  const stateMachine = new KeyValueStore(limits);
  const { replica, step } = drivenReplica(kind, { bootstrap: [1], stateMachine });
  /** Time passes, and the disk works, until `done`. */
  const until = async (done: () => boolean) => {
    for (let i = 0; i < 1000 && !done(); i++) await step();
    expect(done()).toBe(true);
  };
  const settled = () => {
    const { appliedIndex, lastIndex, role } = replica.status();
    return role === Role.Leader && lastIndex > 0 && appliedIndex === lastIndex;
  };
  const outcomes = async (...commands: readonly Uint8Array[]) => {
    const found: CommandOutcome[] = [];
    const sink: CommandSink = {
      commandDone: (tag, outcome) => {
        found[tag] = outcome;
      },
      lookupDone: () => {},
    };
    for (const [tag, command] of commands.entries()) replica.submit(command, sink, tag);
    await until(() => Object.keys(found).length === commands.length);
    return found;
  };
  await until(settled);
  const [registered] = await outcomes(REGISTER_BYTES);
  const session = registered!.status === 'ok' ? registered!.clientId : 0;
  await until(settled);
  return { replica, stateMachine, session, outcomes, until };
}

const insert = (clientId: number, clientSeq: number, key = 'k') =>
  encodeCommand({ type: CommandType.Insert, clientId, clientSeq, key, value: 'v' });

describe.each(Object.entries(await loadEngines(ENGINES)))(
  'what is certain to be refused, with the %s engine',
  (_name, { kind }) => {
    const cases: readonly (readonly [string, (session: number, lastIndex: number) => Uint8Array])[] = [
      ['an insert of what is another entry than a registration', (session) => insert(session - 1, 1)],
      ['an insert of session 0', () => insert(0, 1)],
      ['an insert of a session that the log has no entry for yet', (_session, last) => insert(last + 1, 1)],
      ['an insert of a session far beyond the log', () => insert(2 ** 50, 1)],
      ['an insert without a key', (session) => insert(session, 1, '')],
      ['an insert with the number 0', (session) => insert(session, 0)],
      ['an insert too far ahead', (session) => insert(session, SEQUENCE_AHEAD_MAX + 1)],
      ['a lookup', () => encodeCommand({ type: CommandType.Lookup, key: 'k' })],
      ['an unknown type', () => Uint8Array.of(0x08, 0x07)],
      ['a command cut short', (session) => insert(session, 1).subarray(0, 6)],
      ['a key that is not UTF-8', () => Uint8Array.of(0x08, 0x01, 0x12, 0x03, 0x1a, 0x01, 0xff)],
      ['noise', () => Uint8Array.of(0xff, 0xff, 0xff)],
    ];

    it.each(cases)('%s never enters the log, and is answered as the state machine would', async (_what, command) => {
      const { replica, stateMachine, session, outcomes } = await leading(kind);
      const { lastIndex } = replica.status();
      const bytes = command(session, lastIndex);
      const [outcome] = await outcomes(bytes);
      expect(outcome!.status).not.toBe('ok');
      expect(replica.status().lastIndex).toBe(lastIndex);
      expect(outcome).toEqual(stateMachine.apply(new Entry(lastIndex + 1, 1, EntryType.Normal, bytes)));
    });

    it('a number that is forgotten never enters the log either', async () => {
      const sequenceWindow = 100;
      const { replica, session, outcomes } = await leading(kind, { ...SESSION_LIMITS, sequenceWindow });
      // The gap at 1 is given up when it is so far behind.
      await outcomes(...Array.from({ length: sequenceWindow + 1 }, (_, i) => insert(session, i + 2)));
      const { lastIndex } = replica.status();
      const [outcome] = await outcomes(insert(session, 1));
      expect(outcome).toMatchObject({ status: 'sequence-too-old' });
      expect(replica.status().lastIndex).toBe(lastIndex);
    });

    it('what is not certain yet is carried out once it is', async () => {
      const { replica, session, outcomes } = await leading(kind);
      const { lastIndex } = replica.status();
      // The registration's own index: above what is applied when the insert comes, applied when it is decided on.
      const next = lastIndex + 1;
      const [registered, early] = await outcomes(REGISTER_BYTES, insert(next, 1), insert(session, 1));
      expect(registered).toEqual({ status: 'ok', clientId: next });
      expect(['ok', 'unknown-session']).toContain(early!.status);
      const [late] = await outcomes(insert(next, 1));
      expect(late).toMatchObject({ status: 'ok' });
    });

    it('good commands of a batch pass in order between refused ones', async () => {
      const { replica, stateMachine, session, outcomes } = await leading(kind);
      const { lastIndex } = replica.status();
      const found = await outcomes(insert(0, 1), insert(session, 1, 'a'), Uint8Array.of(0xff), insert(session, 2, 'b'));
      expect(found.map(({ status }) => status)).toEqual(['unknown-session', 'ok', 'invalid', 'ok']);
      expect(replica.status().lastIndex).toBe(lastIndex + 2);
      expect([stateMachine.get('a'), stateMachine.get('b')]).toEqual(['v', 'v']);
    });

    it('answers everything that waits when it stops', async () => {
      const { replica } = await leading(kind);
      const found: string[] = [];
      const sink: CommandSink = { commandDone: (_tag, { status }) => found.push(status), lookupDone: () => {} };
      replica.submit(insert(2 ** 50, 1), sink, 0);
      replica.submit(insert(0, 1), sink, 0);
      replica.stop();
      expect(found).toEqual(['not-leader', 'not-leader']);
    });
  },
);

describe.each(Object.entries(await loadEngines(ENGINES)))(
  'a leader of the %s engine without room for a session',
  (_name, { kind }) => {
    it('admitted no server until a session was forgotten, though the fence was in the log', async () => {
      const full = { ...SESSION_LIMITS, sessionsMax: 1, unusedIdleEntries: 1000, usedIdleEntries: 1000 };
      const { replica, outcomes, until } = await leading(kind, full);
      expect(await outcomes(REGISTER_BYTES)).toMatchObject([{ status: 'too-many-sessions' }]);
      const { lastIndex } = replica.status();
      let answer: AdmissionAnswer | undefined;
      admit(replica, { id: 2, instance: 'asker' }, { rejoin: false, after: NO_FENCE }, (given) => {
        answer = given;
      });
      await until(() => answer !== undefined);
      expect(answer).toMatchObject({ ok: true, snapshot: { index: lastIndex + 1 } });
    });
  },
);
