import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EngineKind, type Envelope, Role } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { TEST_SETTINGS } from './engineCluster.ts';
import type { Forgery } from './forgery.ts';
import { SteppedEngine } from './steppedEngine.ts';

const { electionTimeoutMs } = TEST_SETTINGS;

/** Who votes for whom, what wins, and who may be told to stand (Raft §5.2 and §5.4.1; thesis §9.6 and §3.10). */
export function describeVotes<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  /** Server 1, whose log ends with entry 3 of term 3. */
  const serverOf = (hardState: { term: number; vote: number }, bootstrap = [1, 2, 3]) => {
    const entries = [1, 3, 3].map((term, at) => new Entry(at + 1, term, EntryType.Normal, Uint8Array.of(at)));
    return new SteppedEngine(kind, { id: 1, bootstrap, hardState: { ...hardState, commit: 0 }, entries });
  };
  const requestsOf = (envelopes: readonly Envelope<M>[]) =>
    envelopes.filter(({ message }) => forgery.grant(message) !== undefined);

  describe(`${kind.name}: a vote`, () => {
    const of = fc.record({
      vote: fc.constantFrom(0, 2, 3),
      term: fc.constantFrom(4, 5, 6),
      preVote: fc.boolean(),
      lastIndex: fc.integer({ min: 1, max: 5 }),
      lastTerm: fc.integer({ min: 2, max: 4 }),
    });

    it('is given by Raft’s rules, once a term, and written down before it leaves', () => {
      fc.assert(
        fc.property(of, ({ vote, ...request }) => {
          const { term, preVote, lastIndex, lastTerm } = request;
          // Nobody who has not voted against it yet asks before the vote of the term that it is in.
          fc.pre(!(preVote && term === 5));
          const server = serverOf({ term: 5, vote });
          server.engine.receive(2, forgery.ask(2, request));
          const output = server.turn();
          const isUpToDate = lastTerm > 3 || (lastTerm === 3 && lastIndex >= 3);
          const isFree = term > 5 || (term === 5 && (preVote || vote === 0 || vote === 2));
          const granted = isUpToDate && isFree;
          const answers = [...output.messages, ...output.messagesAfterPersist];
          const verdicts = answers.map(({ to, message }) => [to, forgery.verdict(message)]);
          // Some say nothing to an older term.
          if (granted || verdicts.length > 0) expect(verdicts).toEqual([[2, granted]]);
          const now = { term: Math.max(5, preVote ? 5 : term), vote: granted && !preVote ? 2 : term > 5 ? 0 : vote };
          if (preVote) expect(output.persist).toBeUndefined();
          else if (now.term !== 5 || now.vote !== vote) {
            expect(output.persist?.hardState).toMatchObject(now);
            expect(granted ? output.messages : []).toEqual([]);
          } else expect(output.persist).toBeUndefined();
          expect(server.engine.status()).toMatchObject({ term: now.term, role: Role.Follower });
        }),
        { numRuns: 150 },
      );
    });

    it('is refused beforehand by who hears a leader, and given by who has not heard it for an election timeout', () => {
      const server = serverOf({ term: 5, vote: 0 });
      const append = { term: 5, prevIndex: 3, prevTerm: 3, commit: 0, entries: [] };
      server.step(3, forgery.append(3, append));
      const asked = { term: 6, preVote: true, lastIndex: 9, lastTerm: 5 };
      const verdict = () => {
        const { messages, messagesAfterPersist } = server.step(2, forgery.ask(2, asked));
        return [...messages, ...messagesAfterPersist].map(({ message }) => forgery.verdict(message));
      };
      expect(verdict()).not.toContain(true);
      server.pass(electionTimeoutMs - 10);
      expect(verdict()).not.toContain(true);
      expect(server.engine.status()).toMatchObject({ term: 5, leader: 3 });
      server.pass(20);
      expect(verdict()).toEqual([true]);
    });

    it('puts off the own election, and one that is refused does not', () => {
      for (const [lastIndex, role] of [
        [3, Role.Follower],
        [1, Role.PreCandidate],
      ] as const) {
        const server = serverOf({ term: 5, vote: 0 });
        server.pass(electionTimeoutMs - 10);
        server.step(2, forgery.ask(2, { term: 6, preVote: false, lastIndex, lastTerm: 3 }));
        server.pass(20);
        if (role === Role.Follower) expect(server.engine.status()).toMatchObject({ role, term: 6 });
        server.pass(electionTimeoutMs);
        expect(server.engine.status()).toMatchObject({ role: Role.PreCandidate, term: 6 });
      }
    });
  });

  describe(`${kind.name}: an election`, () => {
    const FIVE = [1, 2, 3, 4, 5];

    it('is won by a majority and lost to one, first beforehand and then in the new term, by whom so ever', () => {
      const answers = fc
        .shuffledSubarray([2, 3, 4, 5])
        .chain((ids) => fc.tuple(...ids.map((id) => fc.tuple(fc.constant(id), fc.boolean()))));
      fc.assert(
        fc.property(answers, answers, (before, after) => {
          const server = serverOf({ term: 5, vote: 0 }, FIVE);
          let output = server.pass(electionTimeoutMs);
          let role: Role = Role.PreCandidate;
          for (const [stands, given, won] of [
            [Role.PreCandidate, before, Role.Candidate],
            [Role.Candidate, after, Role.Leader],
          ] as const) {
            const term = stands === Role.PreCandidate ? 5 : 6;
            if (role !== stands) return;
            expect(server.engine.status()).toMatchObject({ role, term });
            const requests = requestsOf([...output.messages, ...output.messagesAfterPersist]);
            expect(requests.map(({ to }) => to)).toEqual([2, 3, 4, 5]);
            const count = { true: 1, false: 0 };
            for (const [id, granted] of given) {
              if (role !== stands) break;
              const request = requests.find(({ to }) => to === id)!.message;
              output = server.step(id, forgery.grant(request, granted)!);
              count[`${granted}`]++;
              if (count.true > 2) role = won;
              else if (count.false > 2) role = Role.Follower;
              expect(server.engine.status()).toMatchObject({ role, term: role === Role.Candidate ? 6 : term });
            }
          }
        }),
        { numRuns: 100 },
      );
    });

    it('begins without a leader, whomever it followed', () => {
      const server = serverOf({ term: 5, vote: 0 });
      server.step(3, forgery.append(3, { term: 5, prevIndex: 3, prevTerm: 3, commit: 0, entries: [] }));
      expect(server.engine.status()).toMatchObject({ role: Role.Follower, leader: 3 });
      server.pass(2 * electionTimeoutMs);
      expect(server.engine.status()).toMatchObject({ role: Role.PreCandidate, leader: 0 });
    });

    it('goes on where another one asks for a vote in its term, or in an earlier one', () => {
      for (const term of [6, 5]) {
        const server = serverOf({ term: 5, vote: 0 });
        const [request] = requestsOf(server.pass(electionTimeoutMs).messages);
        server.step(2, forgery.grant(request!.message)!);
        const { messages, messagesAfterPersist } = server.step(
          3,
          forgery.ask(3, { term, preVote: false, lastIndex: 9, lastTerm: 5 }),
        );
        const verdicts = [...messages, ...messagesAfterPersist].map(({ message }) => forgery.verdict(message));
        expect(verdicts).not.toContain(true);
        expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
      }
    });

    it('gets an election timeout of its own, however late it was sure to be worth it', () => {
      const server = serverOf({ term: 5, vote: 0 });
      const [request] = requestsOf(server.pass(electionTimeoutMs).messages);
      server.pass(electionTimeoutMs - 10);
      server.step(2, forgery.grant(request!.message)!);
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
      server.pass(electionTimeoutMs - 10);
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
    });

    it('counts its own vote when that is on disk, whatever was written before', () => {
      const server = serverOf({ term: 5, vote: 0 });
      const entries = [new Entry(4, 5, EntryType.Normal, Uint8Array.of(4))];
      server.engine.receive(3, forgery.append(3, { term: 5, prevIndex: 3, prevTerm: 3, commit: 0, entries }));
      const before = server.turn().persist!.mark;
      for (let nowMs = 5; nowMs <= electionTimeoutMs; nowMs += 5) server.engine.tick(nowMs);
      const asked = server.turn();
      const [request] = requestsOf([...asked.messages, ...asked.messagesAfterPersist]);
      // An engine may count its own pre-vote, too, only when all before it is on disk.
      for (const id of [2, 3]) server.engine.receive(id, forgery.grant(request!.message)!);
      const stood = server.turn();
      server.engine.receive(2, forgery.grant(requestsOf(stood.messagesAfterPersist)[0]!.message)!);
      server.turn();
      server.engine.durable(before);
      server.turn();
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
      server.engine.durable(stood.persist!.mark);
      server.turn();
      expect(server.engine.status()).toMatchObject({ role: Role.Leader, term: 6 });
    });

    it('counts nobody who does not vote, and nobody twice', () => {
      const server = serverOf({ term: 5, vote: 0 }, FIVE);
      const { messages } = server.pass(electionTimeoutMs);
      const granted = forgery.grant(requestsOf(messages)[0]!.message)!;
      for (const id of [2, 2, 2]) server.step(id, granted);
      for (const id of [6, 7, 8]) server.step(id, granted);
      expect(server.engine.status()).toMatchObject({ role: Role.PreCandidate, term: 5 });
    });

    it('takes no vote for another', () => {
      const server = serverOf({ term: 5, vote: 0 });
      const beforehand = requestsOf(server.pass(electionTimeoutMs).messages)[0]!.message;
      const output = server.step(2, forgery.grant(beforehand)!);
      const first = requestsOf(output.messagesAfterPersist)[0]!.message;
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
      // A pre-vote that comes late is none.
      server.step(3, forgery.grant(beforehand)!);
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
      // Nor is a vote of the term before.
      const again = requestsOf(server.pass(2 * electionTimeoutMs).messages).at(-1)!.message;
      const next = server.step(2, forgery.grant(again)!);
      expect(requestsOf(next.messagesAfterPersist)).not.toEqual([]);
      const { role, term } = server.engine.status();
      expect(role).toBe(Role.Candidate);
      expect(term).toBe(7);
      server.step(2, forgery.grant(first)!);
      server.step(3, forgery.grant(first)!);
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 7 });
    });

    it('ends where a leader of its term speaks, or anybody of a later one', () => {
      for (const [term, leader, role] of [
        [5, 0, Role.Candidate],
        [6, 3, Role.Follower],
        [7, 3, Role.Follower],
      ] as const) {
        const server = serverOf({ term: 5, vote: 0 });
        const beforehand = requestsOf(server.pass(electionTimeoutMs).messages)[0]!.message;
        server.step(2, forgery.grant(beforehand)!);
        expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6 });
        server.step(3, forgery.append(3, { term, prevIndex: 3, prevTerm: 3, commit: 0, entries: [] }));
        expect(server.engine.status()).toMatchObject({ role, term: Math.max(6, term), leader });
      }
      const refused = serverOf({ term: 5, vote: 0 });
      refused.pass(electionTimeoutMs);
      refused.step(3, forgery.answer(3, 9));
      expect(refused.engine.status()).toMatchObject({ role: Role.Follower, term: 9 });
    });
  });

  describe(`${kind.name}: who is told to take over`, () => {
    const following = (term: number) => {
      const server = serverOf({ term, vote: 0 });
      server.step(3, forgery.append(3, { term, prevIndex: 3, prevTerm: 3, commit: 0, entries: [] }));
      return server;
    };

    it('stands at once, in a new term, where its leader of this term says so', () => {
      const server = following(5);
      const { messagesAfterPersist, persist } = server.step(3, forgery.takeOver(3, 5));
      expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 6, leader: 0 });
      expect(persist?.hardState).toMatchObject({ term: 6, vote: 1 });
      expect(requestsOf(messagesAfterPersist).map(({ to }) => to)).toEqual([2, 3]);
    });

    it('does not where anybody else does, or it was said in an earlier term, or nobody leads, or it leads', () => {
      const server = following(5);
      server.step(2, forgery.takeOver(2, 5));
      server.step(3, forgery.takeOver(3, 4));
      expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 5 });
      const alone = serverOf({ term: 5, vote: 0 });
      alone.step(3, forgery.takeOver(3, 5));
      expect(alone.engine.status()).toMatchObject({ role: Role.Follower, term: 5 });
      const leader = new SteppedEngine(kind, { id: 1, bootstrap: [1] });
      leader.pass(3 * electionTimeoutMs);
      leader.step(2, forgery.takeOver(2, leader.engine.status().term));
      leader.step(1, forgery.takeOver(1, leader.engine.status().term));
      expect(leader.engine.status().role).toBe(Role.Leader);
    });
  });
}
