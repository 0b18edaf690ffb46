import type { NodeId } from '../../consensus/contract.ts';
import { DriftingClock } from '../../faults/driftingClock.ts';
import type { FaultEnvironment } from '../../faults/environment.ts';
import { type CurrentFault, FaultBook, type Way } from '../../faults/faultBook.ts';
import { checkFault, type ServerFault } from '../../faults/serverFault.ts';
import type { StartFault } from '../../wire/faultCodec.ts';
import type { DiskBoundary } from '../storage/openLogStore.ts';
import { FaultyClients } from './faultyClients.ts';
import { FaultyDisk, FaultyPromisedArea, WriteGate } from './faultyDisk.ts';
import { FaultyPeers, type FaultyPeersOptions } from './faultyPeers.ts';

/** What is said of faults, and to whom. */
export interface FaultLog {
  warn(facts: object, text: string): void;
}

/** A fault and how much longer it lasts. */
export interface TimedFault extends Pick<CurrentFault, 'id' | 'fault'> {
  readonly leftMs: number;
}

/**
 * The faults on purpose of a server with `-faults`: at its links to other servers and to clients, its disk and its clock, each over when its own time is, whoever set
 * it. A server without that flag has no such object, and nothing of it in any path.
 */
export class ServerFaults implements DiskBoundary {
  private readonly id: NodeId;
  private readonly serverCount: number;
  private readonly log: FaultLog;
  private readonly environment: FaultEnvironment;
  private readonly book = new FaultBook();
  /** What the server goes by for the time. */
  readonly clockMs = new DriftingClock(() => this.trueMs);
  private readonly gates: WriteGate[] = [];
  private peers: Pick<FaultyPeers<unknown>, 'refresh' | 'close'> | undefined;
  private clients: FaultyClients | undefined;
  /** Of when the next one is over. */
  private callOff = () => {};

  /** `faults` are in force from now on. Throws InvalidFaultError. */
  constructor(
    id: NodeId,
    serverCount: number,
    log: FaultLog,
    environment: FaultEnvironment,
    faults: readonly StartFault[] = [],
  ) {
    this.id = id;
    this.serverCount = serverCount;
    this.log = log;
    this.environment = environment;
    for (const { id: name, fault, lastsMs } of faults) this.set(name, fault, lastsMs);
  }

  private get trueMs(): number {
    return this.environment.nowUs() / 1000;
  }

  /** Throws InvalidFaultError; nothing has changed then. */
  set(id: string, fault: ServerFault, lastsMs: number): void {
    checkFault(fault, this.id, this.serverCount);
    const isNew = !this.book.has(id);
    this.book.set(id, fault, this.trueMs, lastsMs);
    if (isNew) this.log.warn({ fault: id, what: fault, lastsMs }, 'a fault begins, on purpose');
    this.changed();
  }

  list(): TimedFault[] {
    const now = this.trueMs;
    return this.book.list().map(({ id, fault, endsMs }) => ({ id, fault, leftMs: Math.max(0, endsMs - now) }));
  }

  /** Those of these ids; of what is over already nothing is said. */
  heal(ids: readonly string[]): void {
    for (const id of ids) if (this.book.heal(id)) this.log.warn({ fault: id }, 'a fault ends: it was healed');
    this.changed();
  }

  healAll(): void {
    this.heal(this.book.list().map(({ id }) => id));
  }

  private expire(): void {
    for (const { id } of this.book.expire(this.trueMs)) this.log.warn({ fault: id }, 'a fault ends: its time is over');
    this.changed();
  }

  private changed(): void {
    this.callOff();
    const { nextEndMs, clockRate } = this.book;
    if (nextEndMs !== Number.POSITIVE_INFINITY) {
      this.callOff = this.environment.after(Math.max(0, nextEndMs - this.trueMs) * 1000, () => this.expire());
    }
    if (clockRate !== this.clockMs.rate) this.clockMs.setRate(clockRate);
    for (const gate of this.gates) gate.moveOn();
    this.peers?.refresh();
    this.clients?.refresh();
  }

  /** Nothing gets from this server to that one, or back: what is asked on other ways than the replica's gets no answer either. */
  isApartFrom(peer: NodeId): boolean {
    return (['to', 'from'] as const).some((way) => this.book.linkCondition(peer, way)?.isCut === true);
  }

  /** Between a replica and its transport. */
  between<M>(ends: Omit<FaultyPeersOptions<M>, 'environment' | 'peers' | 'conditionOf'>): FaultyPeers<M> {
    const others = Array.from({ length: this.serverCount }, (_, i) => i + 1).filter((id) => id !== this.id);
    const peers = new FaultyPeers({
      ...ends,
      environment: this.environment,
      peers: others,
      conditionOf: (peer, way) => this.book.linkCondition(peer, way),
    });
    this.peers = peers;
    return peers;
  }

  /** Between its clients and what serves them. `lost`: nobody answers the call any more. */
  beforeClients(lost: (call: object) => void): FaultyClients {
    const conditionOf = (way: Way) => this.book.clientCondition(way);
    this.clients = new FaultyClients({ conditionOf, environment: this.environment, lost });
    return this.clients;
  }

  disk(disk: Parameters<DiskBoundary['disk']>[0]): FaultyDisk {
    return new FaultyDisk(disk, this.gate());
  }

  area(area: Parameters<DiskBoundary['area']>[0]): FaultyPromisedArea {
    return new FaultyPromisedArea(area, this.gate());
  }

  private gate(): WriteGate {
    const gate = new WriteGate(() => this.book.diskCondition, this.environment);
    this.gates.push(gate);
    return gate;
  }

  /** Ends with the server: what its disk holds back is written, so that it can close. */
  close(): void {
    this.peers?.close();
    this.clients?.close();
    this.healAll();
    this.callOff();
  }
}
