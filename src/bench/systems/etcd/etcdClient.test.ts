import { Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ClusterService,
  KVService,
  MaintenanceService,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
} from '../../../wire/generated/etcd.ts';
import { EtcdClient } from './etcdClient.ts';

type Done<R> = (error: Partial<ServiceError> | null, response?: R) => void;

/** As much of a member as a client sees: it leads or follows, keeps what it is given, and fails as it is told to. */
class FakeMember {
  readonly puts: string[] = [];
  ranges = 0;
  /** What becomes of the next requests; `silent`: the connections end without an answer. */
  readonly fates: ('refuse-busy' | 'refuse-unsure' | 'silent')[] = [];
  address = '';
  private readonly values = new Map<string, Buffer>();
  private server = new Server();

  private readonly id: number;
  private readonly leader: number;

  constructor(id: number, leader: number) {
    this.id = id;
    this.leader = leader;
  }

  async start(): Promise<this> {
    const { id, leader } = this;
    const header = { member_id: String(id) };
    this.server.addService(MaintenanceService, {
      status: (_: object, done: Done<object>) =>
        done(null, {
          header,
          version: '3.9.9',
          leader: String(leader),
          raftIndex: 7,
          raftTerm: 2,
          raftAppliedIndex: 6,
        }),
    });
    this.server.addService(ClusterService, {
      memberList: (_: object, done: Done<object>) =>
        done(null, {
          members: [1, 2, 3].map((each) => ({ ID: String(each), name: `m${4 - each}`, isLearner: false })),
        }),
    });
    this.server.addService(KVService, {
      put: ({ request }: { request: PutRequest }, done: Done<PutResponse>) =>
        this.meet(done, () => {
          this.puts.push(Buffer.from(request.key).toString());
          this.values.set(Buffer.from(request.key).toString(), request.value as Buffer);
          return { header: undefined };
        }),
      range: ({ request }: { request: RangeRequest }, done: Done<RangeResponse>) =>
        this.meet(done, () => {
          this.ranges++;
          const value = this.values.get(Buffer.from(request.key).toString());
          return { kvs: value === undefined ? [] : [{ key: request.key, value }], count: value === undefined ? 0 : 1 };
        }),
    });
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  private meet<R>(done: Done<R>, carryOut: () => R): void {
    const fate = this.fates.shift();
    if (fate === undefined) done(null, carryOut());
    else if (fate === 'refuse-busy') done({ code: status.RESOURCE_EXHAUSTED, details: 'too many requests' });
    else if (fate === 'refuse-unsure') done({ code: status.UNAVAILABLE, details: 'request timed out' });
    else this.stop();
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

let members: FakeMember[] = [];
let client: EtcdClient;
let notices: string[];
afterEach(() => {
  client.close();
  for (const member of members) member.stop();
});

/** Two members of three, of which the second leads. */
async function open() {
  members = [await new FakeMember(1, 2).start(), await new FakeMember(2, 2).start()];
  notices = [];
  client = new EtcdClient(
    members.map(({ address }) => address),
    { isOwn: false, onNotice: (text) => notices.push(text) },
  );
  const [follower, leader] = members;
  return { follower: follower!, leader: leader!, session: await client.openSession() };
}

function put(session: Awaited<ReturnType<EtcdClient['openSession']>>, key: string, withinMs = 10_000): Promise<string> {
  return new Promise((resolve) => {
    const listener = { commandDone: (_: number, { status: outcome }: { status: string }) => resolve(outcome) };
    session.submitInsert(Buffer.from(key), Buffer.from(`${key}!`), listener, 0, performance.now() + withinMs);
  });
}

describe('EtcdClient', () => {
  it('puts and reads on the leader, and says how the members are', async () => {
    const { session, leader, follower } = await open();
    expect(await Promise.all(['a', 'b'].map((key) => put(session, key)))).toEqual(['ok', 'ok']);
    expect(await client.lookup('a')).toBe('a!');
    expect(await client.lookup('c')).toBeUndefined();
    expect([leader.puts, follower.puts]).toEqual([['a', 'b'], []]);
    const [one, other] = await client.statuses();
    // Ids are in the order of the members' names.
    expect(one).toMatchObject({ id: 3, role: 'follower', leader: 2, backend: 'etcd 3.9.9', voters: [1, 2, 3] });
    expect(other).toMatchObject({ id: 2, role: 'leader', term: 2, commitIndex: 7, appliedIndex: 6, pid: process.pid });
  });

  it('sends a put again where it certainly was not carried out, and only there', async () => {
    const { session, leader } = await open();
    leader.fates.push('refuse-busy', 'refuse-busy');
    expect(await put(session, 'a')).toBe('ok');
    expect([leader.puts, client.counters.retries]).toEqual([['a'], 2]);
    leader.fates.push('refuse-unsure');
    expect(await put(session, 'b')).toBe('lost');
    expect(leader.puts).toEqual(['a']);
    expect(notices).toEqual(['etcd refused a request: too many requests (RESOURCE_EXHAUSTED)']);
  });

  it('goes on with another member where one is lost: a read is made there, a put is not made twice', async () => {
    const { session, leader, follower } = await open();
    expect(await put(session, 'a')).toBe('ok');
    leader.fates.push('silent');
    expect(await put(session, 'b')).toBe('lost');
    expect(await client.lookup('a')).toBeUndefined();
    expect(await put(session, 'c')).toBe('ok');
    expect([follower.puts, follower.ranges]).toEqual([['c'], 1]);
    expect(client.counters).toMatchObject({ linksLost: 1, notLeader: 1 });
  });

  it('gives up at the deadline, and at its end', async () => {
    const { session, leader, follower } = await open();
    for (const each of [leader, follower]) each.stop();
    expect(await put(session, 'a', 100)).toBe('timeout');
    const waiting = put(session, 'b');
    client.close();
    expect([await waiting, await put(session, 'c')]).toEqual(['closed', 'closed']);
    const nobody = new EtcdClient([leader.address], { isOwn: true, onNotice: () => {} });
    await expect(nobody.openSession()).rejects.toThrow(`no member of etcd answers: ${leader.address}`);
    nobody.close();
  }, 30_000);
});
