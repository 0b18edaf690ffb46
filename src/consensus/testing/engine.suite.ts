import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineKind, RejectReason, Role, simpleConfiguration } from '../contract.ts';
import { type EngineEntry, messageType } from '../engineEntry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { describeAdmission } from './admission.suite.ts';
import { describeDistance } from './distance.suite.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';
import { describeEvents } from './events.suite.ts';
import type { Forgery } from './forgery.ts';
import { describeHostSleep } from './hostSleep.suite.ts';
import { describeKnobs } from './knobs.suite.ts';
import { describeLargeEntries } from './largeEntries.suite.ts';
import { describeLeaseReads } from './leaseReads.suite.ts';
import { describeLostQuorum } from './lostQuorum.suite.ts';
import { describeMembershipContract } from './membership.suite.ts';
import { describeSnapshotChunks } from './snapshotChunks.suite.ts';
import { describeSuffix } from './suffix.suite.ts';
import { describeTerms } from './terms.suite.ts';
import { describeUntrusted } from './untrusted.suite.ts';
import { describeVotes } from './votes.suite.ts';

function hasLease<M>(kind: EngineKind<M>): boolean {
  const settings = { ...TEST_SETTINGS, readProof: 'lease' } as const;
  const { engine } = new EngineCluster(kind, [1], undefined, settings).server(1);
  return engine.effectiveSettings().readProof === undefined;
}

/**
 * What every engine must do, whatever makes it itself. Each engine's tests run this unchanged.
 */
export function describeEngineContract<M>(
  kind: EngineKind<M>,
  forgery: Forgery<M>,
  { takeOverType, injects, chunkPlace }: EngineEntry,
): void {
  describeAdmission(kind);
  describeEvents(kind, injects);
  describeDistance(kind);
  describeHostSleep(kind);
  describeKnobs(kind, forgery);
  describeLargeEntries(kind);
  describeLostQuorum(kind);
  describeSuffix(kind, forgery);
  describeTerms(kind, forgery);
  describeUntrusted(kind, forgery);
  describeVotes(kind, forgery);
  if (chunkPlace !== undefined) describeSnapshotChunks(kind, chunkPlace);
  const isTakeOver = (message: M) => messageType(message) === takeOverType;
  describeMembershipContract(kind, isTakeOver);
  // An engine that has no lease says so of the setting.
  if (hasLease(kind)) describeLeaseReads(kind, forgery, isTakeOver);

  describe(`${kind.name}: the engine contract`, () => {
    it('elects one leader, and everybody follows it', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      expect(cluster.leaders()).toEqual([leader.id]);
      for (const { engine } of cluster.servers.values()) expect(engine.status().leader).toBe(leader.id);
    });

    it('leads alone in a cluster of one', () => {
      const cluster = new EngineCluster(kind, [1]);
      const leader = cluster.elect();
      cluster.propose(1, 'a', 'b');
      leader.engine.read(cluster.token());
      cluster.settle();
      expect(leader.commands()).toEqual(['a', 'b']);
      expect(leader.outcomes.reads).toMatchObject([{ ok: true }]);
    });

    it('commits proposals in order on every server, and says where they stand', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const commands = Array.from({ length: 30 }, (_, i) => `c${i}`);
      const token = cluster.propose(leader.id, ...commands);
      cluster.settle();
      const accepted = leader.takeOutcomes().accepted.filter((each) => each.token === token);
      expect(accepted.reduce((sum, each) => sum + each.count, 0)).toBe(30);
      cluster.run(2 * TEST_SETTINGS.heartbeatMs);
      for (const server of cluster.servers.values()) expect(server.commands()).toEqual(commands);
    });

    it('answers a proposal without waiting for a tick', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      cluster.propose(leader.id, 'now');
      cluster.settle();
      expect(leader.commands()).toEqual(['now']);
    });

    it('replicates in parallel with its own disk write and counts itself only once that is durable', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const [follower, other] = [1, 2, 3].filter((id) => id !== leader.id) as [number, number];
      cluster.isolate(other);
      leader.takeOutcomes();
      const before = leader.engine.status().commitIndex;
      cluster.propose(leader.id, 'x');
      leader.turn(false);
      // The follower has it durably, the leader's own write is still on its way.
      for (let i = 0; i < 3; i++) {
        const mail = cluster.mail.splice(0);
        for (const { from, to, message } of mail) if (to !== other) cluster.server(to).engine.receive(from, message);
        cluster.server(follower).turn(true);
        leader.turn(false);
      }
      expect(cluster.server(follower).engine.status().lastIndex).toBeGreaterThan(before);
      expect(leader.engine.status().commitIndex).toBe(before);
      leader.sync();
      leader.turn(true);
      expect(leader.engine.status().commitIndex).toBeGreaterThan(before);
    });

    it('sends votes and acknowledgements only after what they promise is durable', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const follower = cluster.server(leader.id === 1 ? 2 : 1);
      cluster.propose(leader.id, 'x');
      leader.turn(true);
      const mail = cluster.mail.splice(0);
      for (const { from, to, message } of mail) if (to === follower.id) follower.engine.receive(from, message);
      const output = follower.engine.drain();
      expect(output.persist?.entries).toHaveLength(1);
      expect(output.messagesAfterPersist.length).toBeGreaterThan(0);
      expect(output.messages).toEqual([]);
    });

    it('rejects proposals, reads and changes where it does not lead, and says who does', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const follower = cluster.server(leader.id === 1 ? 2 : 1);
      follower.takeOutcomes();
      cluster.propose(follower.id, 'a', 'b');
      follower.engine.read(cluster.token());
      follower.engine.reconfigure({ type: ChangeType.Remove, id: 3 }, cluster.token());
      follower.engine.transferLeadership(follower.id, cluster.token());
      cluster.settle();
      const outcomes = follower.takeOutcomes();
      const refusal = { reason: RejectReason.NotLeader, leader: leader.id };
      expect(outcomes.rejected).toMatchObject([{ count: 2, ...refusal }]);
      expect(outcomes.reads).toMatchObject([{ ok: false, ...refusal }]);
      expect(outcomes.requests).toMatchObject([
        { ok: false, ...refusal },
        { ok: false, ...refusal },
      ]);
    });

    it('confirms a read with a quorum, not below what was committed when it came', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      cluster.propose(leader.id, 'a');
      cluster.settle();
      leader.takeOutcomes();
      const { commitIndex } = leader.engine.status();
      leader.engine.read(7);
      cluster.settle();
      const [read] = leader.takeOutcomes().reads;
      expect(read).toMatchObject({ token: 7, ok: true });
      expect(read?.ok === true && read.index >= commitIndex).toBe(true);
    });

    it('does not confirm a read by answers to what it sent before the read came', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      leader.takeOutcomes();
      leader.engine.read(7);
      leader.turn(true);
      const sentBefore = cluster.mail.splice(0);
      leader.engine.read(8);
      leader.turn(true);
      // What the second read sent is lost.
      cluster.mail = [];
      for (const { from, to, message } of sentBefore) cluster.server(to).engine.receive(from, message);
      for (const { id } of cluster.servers.values()) if (id !== leader.id) cluster.server(id).turn(true);
      for (const { from, to, message } of cluster.mail.splice(0)) cluster.server(to).engine.receive(from, message);
      leader.turn(true);
      expect(leader.takeOutcomes().reads).toMatchObject([{ token: 7, ok: true }]);
    });

    it('does not confirm a read while it is cut off', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      cluster.isolate(leader.id);
      leader.takeOutcomes();
      leader.engine.read(7);
      cluster.run(20 * TEST_SETTINGS.heartbeatMs);
      expect(leader.takeOutcomes().reads.filter((read) => read.ok)).toEqual([]);
    });

    it('elects anew when the leader is cut off, and overwrites what only it held', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const old = cluster.elect();
      cluster.propose(old.id, 'kept');
      cluster.settle();
      cluster.isolate(old.id);
      cluster.propose(old.id, 'lost1', 'lost2', 'lost3');
      cluster.run(6 * TEST_SETTINGS.electionTimeoutMs);
      const leader = cluster.leaders().find((id) => id !== old.id)!;
      cluster.propose(leader, 'new');
      cluster.settle();
      cluster.heal();
      cluster.run(6 * TEST_SETTINGS.electionTimeoutMs);
      for (const server of cluster.servers.values()) expect(server.commands()).toEqual(['kept', 'new']);
    });

    it('brings a server that was away up to date', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const away = leader.id === 3 ? 2 : 3;
      cluster.stop(away);
      const commands = Array.from({ length: 100 }, (_, i) => `c${i}`);
      for (const command of commands) {
        cluster.propose(leader.id, command);
        cluster.settle();
      }
      cluster.start(away);
      cluster.run(10 * TEST_SETTINGS.electionTimeoutMs);
      expect(cluster.server(away).commands()).toEqual(commands);
    });

    it('brings a server up to date by snapshot where the log is compacted', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const away = leader.id === 3 ? 2 : 3;
      cluster.stop(away);
      for (let i = 0; i < 20; i++) {
        cluster.propose(leader.id, `c${i}`);
        cluster.settle();
      }
      const { appliedIndex: index } = leader.engine.status();
      const configuration = leader.engine.configurationAt(index);
      const snapshot = {
        index,
        term: leader.log.term(index)!,
        configuration,
        content: new MemoryContent(Uint8Array.of(1, 2, 3)),
      };
      leader.log.storeSnapshot(snapshot, 0);
      leader.engine.snapshotStored(index);
      cluster.start(away);
      cluster.run(10 * TEST_SETTINGS.electionTimeoutMs);
      expect(cluster.server(away).restored).toEqual(snapshot);
      cluster.propose(cluster.elect().id, 'after');
      cluster.run(10 * TEST_SETTINGS.heartbeatMs);
      expect(cluster.server(away).commands()).toEqual(['after']);
    });

    it('knows the configuration of every place that is not before the latest snapshot', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3, 4, 5]);
      const { id: leader, engine } = cluster.elect();
      const gone = [1, 2, 3].filter((id) => id !== leader).slice(0, 2);
      const places = gone.map((id) => {
        engine.reconfigure({ type: ChangeType.Remove, id }, id);
        cluster.run(2 * TEST_SETTINGS.heartbeatMs);
        return engine.status().appliedIndex;
      });
      const voters = () => places.map((index) => engine.configurationAt(index).voters.length);
      expect(voters()).toEqual([4, 3]);
      engine.snapshotStored(places[0]!);
      expect(voters()).toEqual([4, 3]);
    });

    it('keeps term, vote and log over a restart of everybody', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      cluster.propose(leader.id, 'a', 'b');
      cluster.settle();
      const { term } = leader.engine.status();
      for (const id of [1, 2, 3]) cluster.stop(id);
      for (const id of [1, 2, 3]) cluster.start(id);
      for (const { engine } of cluster.servers.values()) expect(engine.status().term).toBe(term);
      cluster.elect();
      for (const server of cluster.servers.values()) expect(server.commands()).toEqual(['a', 'b']);
    });

    it('adds a server, which catches up, votes and serves', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3, 4], [1, 2, 3]);
      const leader = cluster.elect();
      expect(cluster.server(4).engine.status().role).toBe(Role.Passive);
      cluster.propose(leader.id, 'a');
      cluster.settle();
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 9);
      cluster.run(5 * TEST_SETTINGS.electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 9, ok: true }]);
      expect(cluster.server(4).commands()).toEqual(['a']);
      for (const { engine } of cluster.servers.values()) {
        expect(engine.status().configuration.voters).toEqual([1, 2, 3, 4]);
      }
    });

    it('removes its leader, and the others go on', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 9);
      cluster.run(6 * TEST_SETTINGS.electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 9, ok: true }]);
      expect(leader.engine.status().role).toBe(Role.Passive);
      const next = cluster.elect();
      expect(next.id).not.toBe(leader.id);
      expect(next.engine.status().configuration).toEqual(
        simpleConfiguration([1, 2, 3].filter((id) => id !== leader.id)),
      );
      cluster.propose(next.id, 'b');
      cluster.settle();
      expect(next.commands()).toEqual(['b']);
    });

    it('refuses changes that make no sense, and a second one while one is in flight', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      leader.takeOutcomes();
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 1);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: 7 }, 2);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 5 }, 3);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: 2 }, 4);
      cluster.settle();
      const { requests } = leader.takeOutcomes();
      const reasons = new Map(requests.map((each) => [each.token, each.ok ? 'ok' : each.reason]));
      expect(reasons.get(1)).toBe(RejectReason.InvalidChange);
      expect(reasons.get(2)).toBe(RejectReason.InvalidChange);
      expect(reasons.get(4)).toBe(RejectReason.ChangeInFlight);
    });

    it('hands leadership to the server named', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const to = leader.id === 3 ? 2 : 3;
      cluster.propose(leader.id, 'a');
      leader.engine.transferLeadership(to, 5);
      cluster.run(2 * TEST_SETTINGS.electionTimeoutMs);
      expect(cluster.leaders()).toEqual([to]);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 5, ok: true }]);
    });

    it('picks the target of a transfer itself where none is named', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      leader.takeOutcomes();
      leader.engine.transferLeadership(0, 5);
      cluster.run(2 * TEST_SETTINGS.electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 5, ok: true }]);
      expect(cluster.leaders()).not.toEqual([leader.id]);
    });

    it('does not let a returning server disturb a leader that serves', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const away = leader.id === 3 ? 2 : 3;
      const { term } = leader.engine.status();
      cluster.isolate(away);
      cluster.run(20 * TEST_SETTINGS.electionTimeoutMs);
      cluster.heal();
      cluster.run(5 * TEST_SETTINGS.electionTimeoutMs);
      expect(cluster.leaders()).toEqual([leader.id]);
      expect(leader.engine.status().term).toBe(term);
    });

    it('gives equal outputs for equal inputs', () => {
      const trace = () => {
        const cluster = new EngineCluster(kind, [1, 2, 3]);
        const leader = cluster.elect();
        cluster.propose(leader.id, 'a', 'b');
        cluster.run(100);
        return [...cluster.servers.values()].map((server) => [server.engine.status(), server.commands()]);
      };
      expect(trace()).toEqual(trace());
    });
  });
}
