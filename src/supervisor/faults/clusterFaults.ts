import { describeFault } from '../../faults/requests/describe.ts';
import { type FaultRequest, type RequestedFault, startsByItself } from '../../faults/requests/faultRequest.ts';
import { type OwnFault, piecesOf } from '../../faults/requests/pieces.ts';
import { noServer, parseTargets, resolveTargets, TARGETS_EXPECTED } from '../../faults/requests/targets.ts';
import type { ServerFault } from '../../faults/serverFault.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { encodeStartFaults, START_FAULTS_VARIABLE } from '../../wire/faultCodec.ts';
import type { ClusterEventListener, FaultEnd } from '../events.ts';
import type { ServerState } from '../managedServer.ts';
import { ServerStateError } from '../serverStateError.ts';
import { FaultClient } from './faultClient.ts';

/**
 * A server undoes what it was told of so long after it was told last: longer than this no fault outlives its supervisor, however that
 * ended. It is told again three times meanwhile.
 */
export const LEASE_MS = 3000;
const RENEW_MS = 1000;

/** What the faults of a cluster need of it. */
export interface FaultableCluster {
  /** Those that there are at the moment. */
  ids(): readonly number[];
  address(id: number): string;
  /** How one proves to servers that they may be told. */
  security(): Security;
  state(id: number): ServerState;
  leader(): Promise<number | undefined>;
  /** These three throw ServerStateError. */
  kill(id: number, signal: NodeJS.Signals, options: { readonly restart: boolean }): void;
  pause(id: number): void;
  resume(id: number): void;
  /** From its data, where it is down, or once it is. */
  startAgain(id: number): void;
}

/** A fault that is in force, for people and programs. */
export interface FaultReport {
  readonly id: number;
  readonly kind: RequestedFault['kind'];
  /** In words. */
  readonly what: string;
  /** Those that were hit. */
  readonly servers: readonly number[];
  /** ISO 8601, by the machine's clock, as all times of rkv-bench's results. */
  readonly startedAt: string;
  /** Null where it lasts until it is healed. */
  readonly endsAt: string | null;
}

/** A fault that cannot be brought about as things are. Nothing has changed. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
}

interface Active {
  readonly report: FaultReport;
  /** Told to servers, by the id that they know it under. */
  readonly told: readonly { readonly server: number; readonly name: string; readonly fault: ServerFault }[];
  /** By the machine's clock; Infinity: until it is healed. */
  readonly endsAtMs: number;
  /** Of processes. */
  readonly undo: () => void;
  /** Of a kill: who has not started again. */
  readonly down: Set<number>;
  timer: NodeJS.Timeout | undefined;
}

/** The faults of one cluster: brings them about, keeps them up, and undoes them. */
export class ClusterFaults {
  private readonly cluster: FaultableCluster;
  private readonly onEvent: ClusterEventListener;
  private readonly clients = new Map<number, FaultClient>();
  private readonly active = new Map<number, Active>();
  /** What one server is told is told in turn: a fault that was healed does not come back by being kept up. */
  private readonly turns = new Map<number, Promise<unknown>>();
  private renewal: NodeJS.Timeout | undefined;
  private lastId = 0;
  private isClosed = false;

  constructor(cluster: FaultableCluster, onEvent: ClusterEventListener) {
    this.cluster = cluster;
    this.onEvent = onEvent;
  }

  /**
   * Resolves once it is in force, with undefined where there is nothing to undo: a crash from which a server restarts. Throws
   * FaultError, FaultRefusedError or ServerStateError; then nothing of it is left.
   */
  async begin({ what, forMs }: FaultRequest): Promise<FaultReport | undefined> {
    this.expectOpen();
    const targets = what.kind === 'groups' ? what.groups.flat() : await this.resolve(what.targets);
    const peers = what.kind === 'link' && what.peers !== undefined ? await this.resolve(what.peers) : undefined;
    if (what.kind === 'groups') this.checkGroups(what.groups);
    const id = ++this.lastId;
    const { told, undo } = this.isOfProcesses(what)
      ? { told: [], undo: this.strike(what, targets, forMs !== undefined) }
      : { told: await this.tellAll(id, what, targets, peers, forMs), undo: () => {} };
    this.expectOpen();
    if (undo === undefined) return undefined;
    const startedAtMs = Date.now();
    const endsAtMs = startedAtMs + (forMs ?? Number.POSITIVE_INFINITY);
    const report: FaultReport = {
      id,
      kind: what.kind,
      what: describeFault(what, targets, peers),
      servers: [...targets],
      startedAt: new Date(startedAtMs).toISOString(),
      endsAt: forMs === undefined ? null : new Date(endsAtMs).toISOString(),
    };
    const timer = forMs === undefined ? undefined : setTimeout(() => void this.end(id, 'time'), forMs);
    const down = new Set(what.kind === 'kill' ? targets : []);
    this.active.set(id, { report, told, endsAtMs, undo, down, timer });
    this.renewal ??= setInterval(() => this.renew(), RENEW_MS);
    this.onEvent({ type: 'fault-began', id, what: report.what, forMs, atMs: startedAtMs });
    return report;
  }

  private expectOpen(): void {
    if (this.isClosed) throw new FaultError('the cluster is stopping');
  }

  private isOfProcesses(what: RequestedFault): what is Exclude<RequestedFault, OwnFault> {
    return what.kind === 'kill' || what.kind === 'pause';
  }

  private async resolve(text: string): Promise<readonly number[]> {
    const ids = this.cluster.ids();
    const targets = parseTargets(text);
    if (targets === undefined)
      throw new FaultError(`no servers: expected ${TARGETS_EXPECTED}, not ${JSON.stringify(text)}`);
    const isByRole = targets.kind !== 'all' && targets.kind !== 'ids';
    const leader = isByRole ? await this.cluster.leader() : undefined;
    const running = ids.filter((id) => this.cluster.state(id) === 'running');
    const found = resolveTargets(targets, { ids, leader, running, named: new Map() });
    if (typeof found === 'string') throw new FaultError(found);
    return found;
  }

  private expectServer(id: number): void {
    const ids = this.cluster.ids();
    if (!ids.includes(id)) throw new FaultError(noServer(id, ids));
  }

  private checkGroups(groups: readonly (readonly number[])[]): void {
    const named = groups.flat();
    for (const id of named) this.expectServer(id);
    const twice = named.find((id, i) => named.indexOf(id) < i);
    if (twice !== undefined) throw new FaultError(`server ${twice} is in two groups: expected each server once`);
  }

  private expectHittable(id: number, kind: 'kill' | 'pause'): void {
    const state = this.cluster.state(id);
    if (state === 'running' || (state === 'paused' && kind === 'kill')) return;
    throw new ServerStateError(`server ${id} does not run${kind === 'pause' ? ', or is paused already' : ''}`);
  }

  /** Returns how to undo it; undefined where that is the restart policy's matter. */
  private strike(
    what: Exclude<RequestedFault, OwnFault>,
    targets: readonly number[],
    isTimed: boolean,
  ): (() => void) | undefined {
    const { cluster } = this;
    // Before anybody is hit: what was killed for nothing is not as it was.
    for (const id of targets) this.expectHittable(id, what.kind);
    const undone: (() => void)[] = [];
    const undo = () => {
      for (const each of undone) attempt(each);
    };
    try {
      for (const id of targets) {
        if (what.kind === 'pause') {
          cluster.pause(id);
          undone.push(() => cluster.resume(id));
        } else {
          cluster.kill(id, what.signal, { restart: what.restart && !isTimed });
          undone.push(() => cluster.startAgain(id));
        }
      }
    } catch (error) {
      undo();
      throw error;
    }
    return what.kind === 'kill' && startsByItself(what) && !isTimed ? undefined : undo;
  }

  private async tellAll(
    id: number,
    what: OwnFault,
    targets: readonly number[],
    peers: readonly number[] | undefined,
    forMs: number | undefined,
  ): Promise<Active['told']> {
    const told = [...piecesOf(what, this.cluster.ids(), targets, peers)].flatMap(([server, faults]) =>
      faults.map((fault, i) => ({ server, name: `${id}.${i + 1}`, fault })),
    );
    if (told.length === 0) throw new FaultError('this fault hits nothing: there is no link between these servers');
    const lastsMs = Math.min(LEASE_MS, forMs ?? LEASE_MS);
    const answers = await Promise.allSettled(
      told.map(async ({ server, name, fault }) => {
        const heard = await this.inTurn(server, (client) => client.set(name, fault, lastsMs));
        // Who is down, or paused, hears of it when it starts, or goes on.
        if (!heard && this.cluster.state(server) === 'running')
          throw new FaultError(`server ${server} does not answer`);
      }),
    );
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (failure === undefined) return told;
    await this.untell(told);
    throw failure.reason;
  }

  private async untell(told: Active['told']): Promise<void> {
    await Promise.allSettled(
      [...groupByServer(told)].map(([server, ids]) => this.inTurn(server, (client) => client.heal(ids))),
    );
  }

  private inTurn<T>(server: number, work: (client: FaultClient) => Promise<T>): Promise<T> {
    const run = () => work(this.clientOf(server));
    const turn = (this.turns.get(server) ?? Promise.resolve()).then(run, run);
    this.turns.set(server, turn);
    return turn;
  }

  private clientOf(server: number): FaultClient {
    const address = this.cluster.address(server);
    const known = this.clients.get(server);
    if (known?.address === address) return known;
    known?.close();
    const client = new FaultClient(server, address, this.cluster.security());
    this.clients.set(server, client);
    return client;
  }

  private renew(): void {
    for (const [id, { told, endsAtMs }] of this.active) {
      for (const { server, name, fault } of told) {
        if (this.cluster.state(server) !== 'running') continue;
        void this.inTurn(server, async (client) => {
          const leftMs = endsAtMs - Date.now();
          if (this.active.has(id) && leftMs > 0) await client.set(name, fault, Math.min(LEASE_MS, leftMs));
        }).catch(() => {});
      }
    }
  }

  /** What a server is started with, so that it has its faults before it has done anything. */
  startEnvironment(server: number): Readonly<Record<string, string>> {
    const nowMs = Date.now();
    const faults = [...this.active.values()].flatMap(({ told, endsAtMs }) =>
      told
        .filter((each) => each.server === server && endsAtMs > nowMs)
        .map(({ name, fault }) => ({
          id: name,
          fault,
          lastsMs: Math.ceil(Math.min(LEASE_MS, endsAtMs - nowMs)),
        })),
    );
    return faults.length === 0 ? {} : { [START_FAULTS_VARIABLE]: encodeStartFaults(faults) };
  }

  /** Those in force, the oldest first. */
  list(): FaultReport[] {
    return [...this.active.values()].map(({ report }) => report);
  }

  /** Undoes those of these ids, or all; resolves with what they were. Throws FaultError where there is no such fault, and then undoes none. */
  async heal(ids?: readonly number[]): Promise<FaultReport[]> {
    const unknown = ids?.find((id) => !this.active.has(id));
    if (unknown !== undefined) {
      const known = [...this.active.keys()].join(', ');
      throw new FaultError(`no fault ${unknown}: ${known === '' ? 'there is none' : `expected one of ${known}`}`);
    }
    const healed = this.list().filter(({ id }) => ids?.includes(id) ?? true);
    await Promise.all(healed.map(({ id }) => this.end(id, 'healed')));
    return healed;
  }

  /** A server has started, for whatever reason: a kill is over once all that it ended have. */
  started(server: number): void {
    for (const [id, fault] of this.active) {
      if (!fault.down.delete(server) || fault.down.size > 0) continue;
      this.forget(id, fault);
      this.sayEnded(fault, 'started');
    }
  }

  private async end(id: number, why: FaultEnd): Promise<void> {
    const fault = this.active.get(id);
    if (fault === undefined) return;
    this.forget(id, fault);
    fault.undo();
    await this.untell(fault.told);
    this.sayEnded(fault, why);
  }

  private forget(id: number, { timer }: Active): void {
    clearTimeout(timer);
    this.active.delete(id);
    if (this.active.size > 0) return;
    clearInterval(this.renewal);
    this.renewal = undefined;
  }

  private sayEnded({ report }: Active, why: FaultEnd): void {
    this.onEvent({ type: 'fault-ended', id: report.id, what: report.what, why, atMs: Date.now() });
  }

  /** The servers end, and with them what is wrong with them. */
  close(): void {
    this.isClosed = true;
    for (const [id, fault] of this.active) {
      this.forget(id, fault);
      this.sayEnded(fault, 'stopped');
    }
    for (const client of this.clients.values()) client.close();
  }
}

function groupByServer(told: Active['told']): Map<number, string[]> {
  const names = new Map<number, string[]>();
  for (const { server, name } of told) names.set(server, [...(names.get(server) ?? []), name]);
  return names;
}

/** What cannot be undone is undone already, such as by whoever resumed the server. */
function attempt(undo: () => void): void {
  try {
    undo();
  } catch (error) {
    if (!(error instanceof ServerStateError)) throw error;
  }
}
