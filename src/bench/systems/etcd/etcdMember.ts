import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { openChannel, STATUS_CHANNEL_OPTIONS } from '../../../net/endpoints/channels.ts';
import { NO_SECURITY } from '../../../net/endpoints/security.ts';
import {
  ClusterClient,
  KVClient,
  MaintenanceClient,
  type Member,
  type StatusResponse,
} from '../../../wire/generated/etcd.ts';
import { listenerPid } from '../../facts/listener.ts';
import type { WatchedServer } from '../../incidents/leaderWatch.ts';
import type { ServerStatus, StatusAsker } from '../system.ts';

/** A key range that has every key: both ends are a zero byte, by etcd's convention. */
const ALL_KEYS = { key: Buffer.of(0), range_end: Buffer.of(0) };
const NO_MEMBER = '0';

type Done<R> = (error: ServiceError | null, response: R) => void;
type Call<R> = (options: { deadline: number }, done: Done<R>) => unknown;

/** One address of an etcd cluster: who listens there, and how that member is. Connections are kept until `close`. */
export class EtcdMember implements StatusAsker {
  readonly address: string;
  private readonly maintenance: MaintenanceClient;
  private readonly cluster: ClusterClient;
  private readonly kv: KVClient;
  private members: readonly Member[] | undefined;
  /** Looked up once for as long as it answers. */
  private pid: number | undefined;
  private isPidKnown = false;

  constructor(address: string) {
    this.address = address;
    this.maintenance = openChannel(MaintenanceClient, address, STATUS_CHANNEL_OPTIONS, NO_SECURITY);
    this.cluster = openChannel(ClusterClient, address, STATUS_CHANNEL_OPTIONS, NO_SECURITY);
    this.kv = openChannel(KVClient, address, STATUS_CHANNEL_OPTIONS, NO_SECURITY);
  }

  async ask(timeoutMs: number): Promise<WatchedServer | undefined> {
    const status = await this.status(timeoutMs).catch(() => undefined);
    if (status === undefined) {
      this.isPidKnown = false;
      return undefined;
    }
    // Where it cannot be seen, all its processes are the same.
    return { ...status, pid: status.pid ?? 0 };
  }

  /** Rejects with gRPC's error where it does not answer. */
  async status(timeoutMs: number): Promise<ServerStatus> {
    const own = await unary<StatusResponse>(timeoutMs, (options, done) =>
      this.maintenance.status({}, new Metadata(), options, done),
    );
    this.members ??= await this.memberList(timeoutMs);
    if (!this.isPidKnown) this.pid = listenerPid(this.address);
    this.isPidKnown = true;
    const ids = this.members.map(({ ID }) => ID);
    const id = own.header?.member_id ?? NO_MEMBER;
    const leads = own.leader === id && id !== NO_MEMBER;
    return {
      id: ids.indexOf(id) + 1,
      address: this.address,
      backend: `etcd ${own.version}`,
      role: own.isLearner ? 'learner' : leads ? 'leader' : 'follower',
      term: own.raftTerm,
      leader: ids.indexOf(own.leader) + 1,
      commitIndex: own.raftIndex,
      appliedIndex: own.raftAppliedIndex,
      voters: this.members.flatMap(({ isLearner }, at) => (isLearner ? [] : [at + 1])),
      keys: 0,
      sessions: 0,
      settings: {},
      pid: this.pid,
    };
  }

  /** How many keys this member itself holds. Rejects as `status` does. */
  async keys(timeoutMs: number): Promise<number> {
    const request = { ...ALL_KEYS, serializable: true, count_only: true };
    const { count } = await unary<{ count: number }>(timeoutMs, (options, done) =>
      this.kv.range(request, new Metadata(), options, done),
    );
    return count;
  }

  /** In an order that all members agree on: their ids are random numbers, and names are what people know them by. */
  private async memberList(timeoutMs: number): Promise<readonly Member[]> {
    const { members } = await unary<{ members: Member[] }>(timeoutMs, (options, done) =>
      this.cluster.memberList({}, new Metadata(), options, done),
    );
    return members.sort((a, b) => order(a.name, b.name) || order(a.ID, b.ID));
  }

  close(): void {
    for (const client of [this.maintenance, this.cluster, this.kv]) client.close();
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unary<R>(timeoutMs: number, call: Call<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    call({ deadline: Date.now() + Math.ceil(timeoutMs) }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}
