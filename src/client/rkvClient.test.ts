import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { SESSION_PENDING_MAX } from '../wire/limits.ts';
import { systemEnvironment } from './environment.ts';
import {
  AddressError,
  ClientClosedError,
  CommandTooLargeError,
  InvalidCommandError,
  RefusedError,
  RequestAbortedError,
  RequestTimeoutError,
  ServerUnreachableError,
  TooManyPendingError,
  UnknownSessionError,
} from './errors.ts';
import { seededRandom } from './load/random.ts';
import { RkvClient, type RkvClientOptions } from './rkvClient.ts';
import { TestCluster } from './testing/testCluster.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close();
});

async function cluster(size = 3): Promise<TestCluster> {
  const started = await TestCluster.start(size);
  open.push({ close: () => started.stop() });
  return started;
}

function clientOf(servers: TestCluster, options: Partial<RkvClientOptions> = {}): RkvClient {
  const client = new RkvClient({ addresses: servers.addresses, backoffMaxMs: 4, ...options });
  open.push(client);
  return client;
}

for (const rpc of ['stream', 'unary'] as const) {
  describe(`RkvClient over ${rpc}`, () => {
    it('registers, inserts and looks up', async () => {
      const servers = await cluster();
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      await session.insert('a', '1');
      await session.insert('b', 'zwei \u{1f600}');
      expect(await client.lookup('a')).toBe('1');
      expect(await client.lookup('b')).toBe('zwei \u{1f600}');
      expect(await client.lookup('c')).toBeUndefined();
      expect(servers.applied.map((insert) => insert.clientSeq)).toEqual([1, 2]);
      expect(client.leaderAddress).toBe(servers.addresses[0]);
    });

    it('refuses keys and values that UTF-8 would change', async () => {
      const servers = await cluster();
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      for (const [key, value] of [
        ['\ud800', '1'],
        ['a', 'x\udc00'],
      ] as const) {
        await expect(session.insert(key, value)).rejects.toThrow(InvalidCommandError);
      }
      await expect(client.lookup('\ud83d')).rejects.toThrow('half a character');
      await session.insert('a', '\u{1f600}\ufffd');
      expect(servers.applied.map(({ value, clientSeq }) => [value, clientSeq])).toEqual([['\u{1f600}\ufffd', 1]]);
    });

    it.each(['address', 'id', 'none'] as const)('finds a leader that is not first, hints: %s', async (hints) => {
      const servers = await cluster();
      servers.leader = 3;
      servers.hints = hints;
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      await session.insert('a', '1');
      expect(client.leaderAddress).toBe(servers.addresses[2]);
      // With a hint, one detour.
      if (hints !== 'none') expect(client.counters.links).toBe(2);
    });

    it('finds a leader between former members that know an old one: they sent it round past the leader for ever', async () => {
      const servers = await cluster();
      servers.leader = 2;
      servers.rumours.set(1, 3);
      servers.rumours.set(3, 0);
      expect(await clientOf(servers, { rpc }).lookup('a')).toBeUndefined();
    });

    it('passes over servers that are down', async () => {
      const servers = await cluster();
      servers.servers[0]!.stop();
      servers.leader = 2;
      const client = clientOf(servers, { rpc });
      await (await client.openSession()).insert('a', '1');
      expect(servers.values.get('a')).toBe('1');
    });

    it.each(['drop-before', 'drop-after'] as const)('applies once what a connection lost: %s', async (behaviour) => {
      const servers = await cluster();
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      let dropped = 0;
      servers.decide = (attempt, server) => {
        if (attempt % 7 === 0 && dropped++ < 5) return behaviour;
        return server.id === servers.leader ? 'apply' : 'not-leader';
      };
      await Promise.all(Array.from({ length: 50 }, (_, at) => session.insert(`k${at}`, `${at}`)));
      expect(dropped).toBeGreaterThan(1);
      const seqs = servers.applied.map((insert) => insert.clientSeq).sort((a, b) => a - b);
      expect(seqs).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    });

    it('says for good that a session is not known, and opens none behind the back', async () => {
      const servers = await cluster();
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      servers.sessions.clear();
      await expect(session.insert('a', '1')).rejects.toThrow(UnknownSessionError);
      expect(servers.sessions.size).toBe(0);
      await expect((await client.openSession()).insert('', '1')).rejects.toThrow(InvalidCommandError);
    });

    it('says that a lost insert may have been carried out', async () => {
      const servers = await cluster(1);
      const client = clientOf(servers, { rpc });
      const session = await client.openSession();
      servers.decide = () => 'drop-before';
      const lost = await session.insert('a', '2', { timeoutMs: 50 }).catch((error: unknown) => error);
      expect(lost).toMatchObject({ name: 'RequestTimeoutError', maybeDone: true });
      expect((lost as Error).message).toContain('it may have been carried out');
    });

    it('says which servers do not answer', async () => {
      const servers = await cluster(1);
      servers.stop();
      const client = clientOf(servers, { rpc });
      await expect(client.lookup('a', { timeoutMs: 500 })).rejects.toThrow(/no answer within 500 ms.*ECONNREFUSED/);
      const reports = await client.statuses();
      expect(reports[0]).toMatchObject({ address: servers.addresses[0], error: expect.any(ServerUnreachableError) });
    });
  });
}

describe('RkvClient', () => {
  it('says that what never left was not carried out', async () => {
    const servers = await cluster(1);
    servers.stop();
    const refused = await clientOf(servers)
      .openSession({ timeoutMs: 50 })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RequestTimeoutError);
    expect(refused).toMatchObject({ maybeDone: false });
  });

  it('moves on when the server is killed in the middle', async () => {
    const servers = await cluster();
    const client = clientOf(servers);
    const session = await client.openSession();
    servers.decide = (attempt, server) => {
      if (attempt === 100) {
        servers.leader = 2;
        setImmediate(() => server.stop());
        return 'drop-after';
      }
      return server.id === servers.leader ? 'apply' : 'not-leader';
    };
    await Promise.all(Array.from({ length: 300 }, (_, at) => session.insert(`k${at}`, `${at}`)));
    expect(servers.applied.length).toBe(300);
    expect(client.leaderAddress).toBe(servers.addresses[1]);
  });

  it('follows the leader when it changes, without losing or repeating an insert', async () => {
    const servers = await cluster();
    const client = clientOf(servers);
    const sessions = await Promise.all(Array.from({ length: 4 }, () => client.openSession()));
    const writes: Promise<void>[] = [];
    for (let at = 0; at < 200; at++) {
      writes.push(sessions[at % 4]!.insert(`k${at}`, `${at}`));
      if (at % 50 === 25) {
        await writes[at - 20];
        servers.leader = (servers.leader % 3) + 1;
      }
    }
    await Promise.all(writes);
    expect(servers.applied.length).toBe(200);
    expect(servers.values.size).toBe(200);
    expect(client.counters.notLeader).toBeGreaterThan(0);
  });

  it.each(['unknown-applied', 'unknown-lost', 'overloaded'] as const)('sends again what is %s', async (behaviour) => {
    const servers = await cluster();
    const client = clientOf(servers);
    const session = await client.openSession();
    servers.decide = (attempt, server) => {
      if (attempt % 5 === 0 && attempt < 100) return behaviour;
      return server.id === servers.leader ? 'apply' : 'not-leader';
    };
    await Promise.all(Array.from({ length: 60 }, (_, at) => session.insert(`k${at}`, `${at}`)));
    expect(servers.applied.length).toBe(60);
    expect(client.counters.retries).toBeGreaterThan(0);
  });

  it('leaves a server that falls silent', async () => {
    const servers = await cluster();
    const client = clientOf(servers, { stallTimeoutMs: 300 });
    const session = await client.openSession();
    servers.decide = (_, server) => (server.id === 1 ? 'silent' : server.id === 2 ? 'apply' : 'not-leader');
    await session.insert('a', '1');
    // Where the machine has much else to do, connecting may take too long as well.
    expect(client.counters.stalls).toBeGreaterThanOrEqual(1);
    expect(client.leaderAddress).toBe(servers.addresses[1]);
  });

  it.each([1, 2, 3, 4])('applies every insert once, whatever happens: seed %d', async (seed) => {
    const servers = await cluster();
    const random = seededRandom(seed);
    const troubles = ['unknown-applied', 'unknown-lost', 'overloaded', 'drop-before', 'drop-after'] as const;
    servers.decide = (_, server) => {
      if (random() < 0.01) servers.leader = Math.floor(random() * 4);
      if (servers.leader === 0) servers.leader = random() < 0.3 ? 1 : 0;
      if (random() < 0.03) return troubles[Math.floor(random() * troubles.length)]!;
      return server.id === servers.leader ? 'apply' : 'not-leader';
    };
    const client = clientOf(servers);
    const sessions = await Promise.all(Array.from({ length: 10 }, () => client.openSession()));
    await Promise.all(
      sessions.map(async (session, at) => {
        for (let round = 0; round < 20; round++) {
          const values = Array.from({ length: 5 }, (_, i) => `${round * 5 + i}`);
          await Promise.all(values.map((value) => session.insert(`s${at}-${value}`, value)));
          expect(await client.lookup(`s${at}-${values[4]}`)).toBe(values[4]);
        }
      }),
    );
    expect(servers.applied.length).toBe(1000);
    expect(new Set(servers.applied.map(({ clientId, clientSeq }) => `${clientId}/${clientSeq}`)).size).toBe(1000);
    expect(servers.values.size).toBe(1000);
    expect(client.pending).toBe(0);
  });

  it('sends what one turn submits as one batch, within the window', async () => {
    const servers = await cluster(1);
    servers.window = 64;
    const client = clientOf(servers);
    const session = await client.openSession();
    await Promise.all(Array.from({ length: 500 }, (_, at) => session.insert(`k${at}`, 'v')));
    const { batches, unansweredMax } = servers.servers[0]!;
    expect(unansweredMax).toBe(64);
    expect(batches.length).toBeLessThan(12);
    expect(servers.applied.map((insert) => insert.clientSeq)).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
  });

  it('keeps to the connection: batches larger than its buffers arrive whole and in order', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers);
    const session = await client.openSession();
    const value = 'v'.repeat(60_000);
    await Promise.all(Array.from({ length: 200 }, (_, at) => session.insert(`k${at}`, value)));
    expect(servers.applied.length).toBe(200);
    expect(servers.values.get('k199')).toBe(value);
    expect(await client.lookup('k7')).toBe(value);
  });

  it('refuses what is too large, here or at the server, and goes on', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers, { commandBytesMax: 3_000_000 });
    const session = await client.openSession();
    const outcomes = await Promise.allSettled([
      session.insert('a', '1'),
      session.insert('here', 'v'.repeat(3_000_000)),
      session.insert('there', 'v'.repeat(2_000_000)),
      session.insert('b', '2'),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    for (const at of [1, 2]) {
      expect((outcomes[at] as PromiseRejectedResult).reason).toBeInstanceOf(CommandTooLargeError);
    }
  });

  it('sent what the server was certain to refuse, and all that was on the stream with it again', async () => {
    const servers = await cluster(1);
    servers.commandBytesMax = 5000;
    const client = clientOf(servers);
    const session = await client.openSession();
    const outcomes = await Promise.allSettled([
      session.insert('a', '1'),
      session.insert('large', 'v'.repeat(5000)),
      session.insert('b', 'v'.repeat(4900)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { reason } = outcomes[1] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(CommandTooLargeError);
    expect(reason.message).toContain('at most 5000 are taken');
    expect(client.counters.linksLost).toBe(0);
    expect(servers.servers[0]!.batches).toEqual([1, 2]);
  });

  it('gives up at a signal', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers);
    const session = await client.openSession();
    servers.decide = () => 'silent';
    const controller = new AbortController();
    const insert = session.insert('a', '1', { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(insert).rejects.toMatchObject({ name: 'RequestAbortedError', maybeDone: false, cause: reason });
    await expect(client.lookup('a', { signal: controller.signal })).rejects.toThrow(RequestAbortedError);
    servers.decide = () => 'apply';
    await session.insert('b', '2');
    expect(servers.applied.map((each) => each.key)).toEqual(['b']);
  });

  it('rejects what is under way when it is closed, and everything after', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers);
    const session = await client.openSession();
    servers.decide = () => 'silent';
    const insert = session.insert('a', '1');
    client.close();
    await expect(insert).rejects.toThrow(ClientClosedError);
    await expect(session.insert('b', '1')).rejects.toThrow(ClientClosedError);
    await expect(client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false })).rejects.toThrow(
      ClientClosedError,
    );
  });

  it('bounds the unanswered inserts of a session', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers);
    const session = await client.openSession();
    const inserts = Array.from({ length: SESSION_PENDING_MAX }, (_, at) => session.insert(`k${at}`, 'v'));
    await expect(session.insert('one more', 'v')).rejects.toThrow(TooManyPendingError);
    await Promise.all(inserts);
    await session.insert('one more', 'v');
  });

  it('takes commands without promises', async () => {
    const servers = await cluster(1);
    const client = clientOf(servers);
    const session = await client.openSession();
    const tags: number[] = [];
    await new Promise<void>((resolve) => {
      const listener = {
        commandDone: (tag: number) => {
          if (tags.push(tag) === 1000) resolve();
        },
      };
      for (let tag = 0; tag < 1000; tag++) {
        session.submitInsert(Buffer.from('k'), Buffer.from('v'), listener, tag, Number.POSITIVE_INFINITY);
      }
    });
    expect(tags).toEqual(Array.from({ length: 1000 }, (_, at) => at));
  });

  it('asks servers about themselves and changes the cluster through the leader', async () => {
    const servers = await cluster();
    servers.leader = 2;
    const client = clientOf(servers);
    expect((await client.statuses()).map((report) => 'status' in report && report.status.id)).toEqual([1, 2, 3]);
    expect((await client.leader())?.status.id).toBe(2);
    await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false });
    await client.reconfigure({ change: 'remove', serverId: 1, waitForLeadership: true });
    expect(servers.reconfigurations).toEqual([
      { serverID: 4, reconfType: 0 },
      { serverID: 1, reconfType: 1 },
    ]);
    await client.transferLeadership(3);
    expect((await client.leader())?.status.id).toBe(3);
    await expect(client.transferLeadership(9)).rejects.toThrow(RefusedError);
    servers.leader = 0;
    await expect(
      client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false }, { timeoutMs: 50 }),
    ).rejects.toThrow(/not done within 50 ms \(no server says that it leads\)/);
  });

  it('says why a change was refused, and goes on asking only where it is to wait', async () => {
    const servers = await cluster();
    servers.reconfRefusal = 'cannot add server 4: server 4 does not answer';
    const client = clientOf(servers);
    const change = { change: 'add', serverId: 4, waitForLeadership: false } as const;
    await expect(client.reconfigure(change)).rejects.toThrow(new RefusedError(servers.reconfRefusal));
    expect(servers.reconfigurations).toHaveLength(1);
    const waiting = client.reconfigure({ ...change, waitForLeadership: true }, { timeoutMs: 1000 });
    await expect(waiting).rejects.toThrow(RequestTimeoutError);
    expect(servers.reconfigurations.length).toBeGreaterThan(2);
  });

  it('asks for a transfer once, whatever comes of it', async () => {
    const servers = await cluster();
    const client = clientOf(servers);
    servers.transferFailure = { code: status.ABORTED, details: 'the target did not take over' };
    await expect(client.transferLeadership(2)).rejects.toThrow(new RefusedError('the target did not take over'));
    servers.transferFailure = { code: status.DEADLINE_EXCEEDED, details: 'no answer' };
    await expect(client.transferLeadership(2)).rejects.toThrow(ServerUnreachableError);
    expect(servers.transfers).toBe(2);
  });

  it('makes unary calls to servers without session streams, and tries a stream again after a while', async () => {
    const servers = await cluster(1);
    servers.knowsSessions = false;
    let aheadMs = 0;
    const environment = { ...systemEnvironment, nowMs: () => systemEnvironment.nowMs() + aheadMs };
    const notices: string[] = [];
    const client = clientOf(servers, { environment, onNotice: (text) => notices.push(text) });
    const session = await client.openSession();
    await session.insert('a', '1');
    expect(servers.applied.map(({ value }) => value)).toEqual(['1']);
    expect(notices).toEqual([
      `${servers.addresses[0]} does not know rkvpb.RKV/Session: it is one of the original's servers, or older than this client; using unary calls there`,
    ]);
    servers.knowsSessions = true;
    for (const [laterMs, streams] of [
      [0, 0],
      [31_000, 1],
    ] as const) {
      aheadMs += laterMs;
      let broken = false;
      servers.decide = () => {
        if (broken) return 'apply';
        broken = true;
        return 'drop-before';
      };
      expect(await client.lookup('a')).toBe('1');
      expect(servers.servers.flatMap(({ batches }) => batches).length > 0 ? 1 : 0).toBe(streams);
    }
    expect(notices).toHaveLength(1);
  });

  it('refuses addresses that are none', () => {
    expect(() => new RkvClient({ addresses: [] })).toThrow(AddressError);
    expect(() => new RkvClient({ addresses: ['nonsense'] })).toThrow('expected host:port or :port');
  });
});
