import { credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { ReconfType, RKVClient } from '../src/wire/generated/rkv.ts';

/** The original's clients: unary calls only, a session's first insert numbered 2, many in flight at once. */
describe("the original's unary protocol", () => {
  let cluster: RunningCluster;
  let leader: RKVClient;
  let follower: RKVClient;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, election: '2s', metrics: false });
    const leaderId = await cluster.waitForLeader({ timeoutMs: 20_000 });
    const stub = (id: number) => new RKVClient(cluster.plan.servers[id - 1]!.address, credentials.createInsecure());
    leader = stub(leaderId);
    follower = stub((leaderId % 3) + 1);
  });

  afterAll(async () => {
    leader?.close();
    follower?.close();
    await cluster?.stop();
  });

  const register = (stub = leader) =>
    new Promise<number>((resolve, reject) =>
      stub.register({}, (error, response) => (error ? reject(error) : resolve(response.clientID))),
    );
  const insert = (clientID: number, clientSeq: number, key: string, value: string, stub = leader) =>
    new Promise<boolean>((resolve, reject) =>
      stub.insert({ clientID, clientSeq, key, value }, (error, response) =>
        error ? reject(error) : resolve(response.ok),
      ),
    );
  const lookup = (key: string, stub = leader) =>
    new Promise<string>((resolve, reject) =>
      stub.lookup({ key }, (error, response) => (error ? reject(error) : resolve(response.value))),
    );
  const failure = async (promise: Promise<unknown>): Promise<ServiceError> => {
    try {
      await promise;
    } catch (error) {
      return error as ServiceError;
    }
    throw new Error('the call succeeded');
  };

  it('applies every insert of a client that numbers its first one 2 and pipelines', async () => {
    const clientID = await register();
    const sequence = Array.from({ length: 1000 }, (_, i) => i + 2);
    const answers = await Promise.all(sequence.map((seq) => insert(clientID, seq, `key${seq}`, `value${seq}`)));
    expect(answers.every((ok) => ok)).toBe(true);
    for (const seq of [2, 3, 500, 1001]) expect(await lookup(`key${seq}`)).toBe(`value${seq}`);
  });

  it('answers (none) for a key that is not there', async () => {
    expect(await lookup('never written')).toBe('(none)');
  });

  it('answers a retry without applying it again', async () => {
    const clientID = await register();
    expect(await insert(clientID, 2, 'retried', 'first')).toBe(true);
    expect(await insert(clientID, 3, 'retried', 'second')).toBe(true);
    expect(await insert(clientID, 2, 'retried', 'first')).toBe(true);
    expect(await lookup('retried')).toBe('second');
  });

  it('says who leads', async () => {
    const leaderId = await cluster.waitForLeader({ timeoutMs: 20_000 });
    const calls = [register(follower), lookup('a', follower), insert(1, 2, 'a', 'b', follower)];
    for (const { details } of await Promise.all(calls.map(failure))) {
      expect(details).toBe(`not leader, ${leaderId} is`);
    }
  });

  it('refuses an unknown session, an empty key and a number too far ahead, and goes on', async () => {
    const clientID = await register();
    expect((await failure(insert(999_999, 2, 'a', 'b'))).details).toContain('no session 999999');
    expect((await failure(insert(clientID, 2, '', 'b'))).details).toContain('the key is empty');
    expect((await failure(lookup(''))).details).toContain('the key is empty');
    expect((await failure(insert(clientID, 2 ** 40, 'a', 'b'))).details).toContain('too far ahead');
    expect(await insert(clientID, 2, 'after', 'all')).toBe(true);
    expect(await lookup('after')).toBe('all');
  });

  it('answers membership changes with a status', async () => {
    const reconf = (stub: RKVClient, serverID: number) =>
      new Promise((resolve, reject) =>
        stub.reconf({ serverID, reconfType: ReconfType.ADD }, (error, response) =>
          error ? reject(error) : resolve(response),
        ),
      );
    // Server 2 is a member already: callers retry what got lost, so that is no error.
    expect(await reconf(leader, 2)).toMatchObject({ status: 0, leaderHint: '' });
    const leaderId = await cluster.waitForLeader({ timeoutMs: 20_000 });
    const { address } = cluster.plan.servers[leaderId - 1]!;
    expect(await reconf(follower, 2)).toMatchObject({ status: 2, leaderHint: address });
    expect((await failure(reconf(leader, 9) as Promise<unknown>)).details).toContain('no server 9');
  });
});
