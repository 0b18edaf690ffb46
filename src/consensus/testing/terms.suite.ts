import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineKind, Role, simpleConfiguration } from '../contract.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { TEST_SETTINGS, UNREADABLE } from './engineCluster.ts';
import type { Forgery } from './forgery.ts';
import { SteppedEngine } from './steppedEngine.ts';

const { electionTimeoutMs } = TEST_SETTINGS;

/** Whose word counts, by the terms in it (Raft §5.1), and how far terms are believed. */
export function describeTerms<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  const FAR = Number.MAX_SAFE_INTEGER - 1;
  const nothing = { prevIndex: 0, prevTerm: 0, commit: 0, entries: [] };

  describe(`${kind.name}: terms`, () => {
    it('as far as they are believed at once are taken at once', () => {
      const misled = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      expect(misled.engine.receive(2, forgery.answer(2, FAR))).toBeDefined();
      const { term } = misled.engine.status();
      const server = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      expect(server.engine.receive(2, forgery.answer(2, term + 1))).toBeDefined();
      expect(server.engine.status().term).toBe(term);
      const other = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      expect(other.engine.receive(2, forgery.answer(2, term))).toBeUndefined();
      expect(other.engine.status().term).toBe(term);
    });

    it('too far ahead change nothing where they rise no further', () => {
      const server = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      server.step(3, forgery.answer(3, FAR));
      const { term } = server.engine.status();
      server.step(2, forgery.append(2, { ...nothing, term }));
      const before = server.engine.status();
      expect(before).toMatchObject({ leader: 2, term });
      server.step(3, forgery.answer(3, FAR));
      expect(server.engine.status()).toEqual(before);
    });

    it('that are only asked for, and that nobody took yet, raise none from far ahead', () => {
      const request = { term: FAR, lastIndex: 9, lastTerm: 9 };
      for (const preVote of [true, false]) {
        const ask = forgery.ask(2, { ...request, preVote });
        for (const message of [ask, forgery.grant(ask)!]) {
          const server = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
          expect(server.engine.receive(2, message)).toBeDefined();
          expect(server.engine.status().term).toBe(0);
        }
      }
    });
  });

  describe(`${kind.name}: the last term`, () => {
    const server = (term: number) =>
      new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3], hardState: { term, vote: 0, commit: 0 } });

    it('may be stood for, and nobody stands after it, whoever asks for that', () => {
      const before = server(TERM_MAX - 1);
      const { messages, messagesAfterPersist } = before.pass(electionTimeoutMs);
      const asked = [...messages, ...messagesAfterPersist].find(({ message }) => forgery.grant(message) !== undefined);
      before.step(2, forgery.grant(asked!.message)!);
      expect(before.engine.status()).toMatchObject({ role: Role.Candidate, term: TERM_MAX });
      const last = server(TERM_MAX);
      expect(last.pass(5 * electionTimeoutMs)).toMatchObject({ messages: [], messagesAfterPersist: [] });
      last.step(2, forgery.append(2, { ...nothing, term: TERM_MAX }));
      last.step(2, forgery.takeOver(2, TERM_MAX));
      expect(last.engine.status()).toMatchObject({ role: Role.Follower, term: TERM_MAX });
    });
  });

  describe(`${kind.name}: a leader`, () => {
    /** Server 1 leads in term 1, elected by server 2. */
    const leading = (bootstrap: readonly number[] = [1, 2, 3]) => {
      const server = new SteppedEngine(kind, { id: 1, bootstrap });
      for (let i = 0; i < 40 && server.engine.status().role !== Role.Leader; i++) {
        const { messages, messagesAfterPersist } = server.pass(10);
        let sent = [...messages, ...messagesAfterPersist];
        for (let round = 0; round < 2; round++) {
          const request = sent.find(({ to, message }) => to === 2 && forgery.grant(message) !== undefined);
          if (request === undefined) break;
          const output = server.step(2, forgery.grant(request.message)!);
          sent = [...output.messages, ...output.messagesAfterPersist];
        }
      }
      expect(server.engine.status()).toMatchObject({ role: Role.Leader, term: 1, leader: 1 });
      return server;
    };

    it('follows one of a later term, at once', () => {
      const server = leading();
      server.step(3, forgery.append(3, { ...nothing, term: 2 }));
      expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 2, leader: 3 });
      const other = leading();
      const snapshot = {
        index: 9,
        term: 2,
        configuration: simpleConfiguration([1, 2, 3]),
        content: new MemoryContent(Uint8Array.of(1)),
      };
      expect(other.step(3, forgery.snapshot(3, 2, snapshot)).restore).toMatchObject({ index: 9 });
      expect(other.engine.status()).toMatchObject({ role: Role.Follower, term: 2, leader: 3 });
    });

    it('does not believe that another leads in its term, or that one of an earlier term does', () => {
      for (const term of [1, 0]) {
        const server = leading();
        const { lastIndex } = server.log;
        server.step(3, forgery.append(3, { ...nothing, term }));
        server.step(3, forgery.ask(3, { term, preVote: false, lastIndex: 9, lastTerm: 1 }));
        expect(server.engine.status()).toMatchObject({ role: Role.Leader, term: 1, leader: 1, lastIndex });
      }
    });

    it('of two that has committed nothing in its term does not remove the other one (thesis §4.1, erratum)', () => {
      const server = leading([1, 2]);
      server.engine.reconfigure({ type: ChangeType.Remove, id: 2 }, 9);
      server.pass(10 * electionTimeoutMs);
      expect(server.log.configurationEntries()).toEqual([]);
      expect(server.engine.status()).toMatchObject({ commitIndex: 0, configuration: { voters: [1, 2] } });
    });

    it('gives no pre-vote while a quorum answers it, and gives one when none does', () => {
      const server = leading();
      const verdicts = () => {
        const output = server.step(3, forgery.ask(3, { term: 2, preVote: true, lastIndex: 9, lastTerm: 1 }));
        return [...output.messages, ...output.messagesAfterPersist].map(({ message }) => forgery.verdict(message));
      };
      expect(verdicts()).not.toContain(true);
      server.pass(electionTimeoutMs);
      expect(verdicts()).toContain(true);
      expect(server.engine.status()).toMatchObject({ role: Role.Leader, term: 1 });
    });
  });

  describe(`${kind.name}: a snapshot that is not needed`, () => {
    it('is not read: it is of what is committed here', () => {
      const server = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3] });
      const snapshot = {
        index: 9,
        term: 2,
        configuration: simpleConfiguration([1, 2, 3]),
        content: new MemoryContent(Uint8Array.of(1)),
      };
      server.step(2, forgery.snapshot(2, 2, snapshot));
      expect(server.engine.status()).toMatchObject({ commitIndex: 9, term: 2 });
      for (const index of [5, 9]) {
        const message = forgery.snapshot(2, 2, { ...snapshot, index, content: new MemoryContent(UNREADABLE) });
        expect(server.engine.receive(2, message)).toBeUndefined();
      }
      server.settle();
      expect(server.engine.status()).toMatchObject({ commitIndex: 9, lastIndex: 9, term: 2, leader: 2 });
    });
  });
}
