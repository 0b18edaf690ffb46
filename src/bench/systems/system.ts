import type { LoadClient } from '../../client/load/loadGenerator.ts';
import type { StatusResponse } from '../../wire/generated/admin.ts';
import type { WatchedServer } from '../incidents/leaderWatch.ts';
import type { RepeatRecord, StagesRecord } from '../results/schema.ts';

/** What a server says of itself, or what can be found out about it. */
export type ServerStatus = Pick<
  StatusResponse,
  | 'id'
  | 'address'
  | 'backend'
  | 'role'
  | 'term'
  | 'leader'
  | 'commitIndex'
  | 'appliedIndex'
  | 'voters'
  | 'keys'
  | 'sessions'
  | 'settings'
> & {
  /** Of its process, where that is on this machine and can be seen. */
  readonly pid: number | undefined;
};

/** A client of servers that are measured: it drives them, and asks them how they are. */
export interface SystemClient extends LoadClient {
  /** What was mended by sending again so far. */
  readonly counters: Readonly<RepeatRecord['client']>;
  /** Why keys are not read back to check what was acknowledged; undefined where they are. */
  readonly readBackObstacle: string | undefined;
  /** A linearizable read. Rejects with ClientClosedError where the client is closed, and otherwise with what went wrong. */
  lookup(key: string): Promise<string | undefined>;
  /** Of every server that answers. Does not reject. */
  statuses(): Promise<ServerStatus[]>;
  /** Has the servers look where their time goes for about so long; `endStages` tells it, by their ids. Both do not reject. */
  beginStages(durationMs: number): Promise<void>;
  endStages(): Promise<ReadonlyMap<number, StagesRecord>>;
  close(): void;
}

/** Asks one server how it is, again and again. */
export interface StatusAsker {
  /** Undefined where it does not answer within `timeoutMs`. */
  ask(timeoutMs: number): Promise<WatchedServer | undefined>;
  close(): void;
}

/** A kind of servers, by how one speaks to them. */
export interface System {
  newClient(addresses: readonly string[], options: SystemClientOptions): SystemClient;
  newAsker(address: string): StatusAsker;
}

export interface SystemClientOptions {
  readonly rpc: 'stream' | 'unary';
  /** Lookups are part of the load: servers that cannot take one have had theirs. */
  readonly hasLookups: boolean;
  /** Told for people what the client does otherwise than it was asked to. */
  readonly onNotice: (text: string) => void;
}
