import type { Server as HttpServer } from 'node:http';
import { createServer as createProbe } from 'node:net';
import { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { EngineEvent, EngineSettings, EngineStatus, NodeId, Refusal } from '../consensus/contract.ts';
import { type Address, formatAddress } from '../wire/addresses.ts';
import { AdminService } from '../wire/generated/admin.ts';
import { connectionsFor, descriptorLimit, descriptorsInUse } from './admission/descriptors.ts';
import { FrontDoor } from './admission/frontDoor.ts';
import { ENGINES } from './engines.ts';
import type { ServerConfig } from './flags.ts';
import { Replica, type ReplicaEnvironment } from './host/replica.ts';
import { GrpcListener, listenError } from './net/grpcListener.ts';
import type { Log } from './observe/log.ts';
import { type LimitedLog, limitLog } from './observe/logLimiter.ts';
import { handlingTimes } from './observe/messageTimes.ts';
import { metricsPort, ServerMetrics, serveMetrics } from './observe/metrics.ts';
import { Recorder } from './observe/recorder.ts';
import { openStorage } from './openStorage.ts';
import { adminImplementation } from './service/adminService.ts';
import { reflection } from './service/reflection.ts';
import { RKV_SERVICE, rkvImplementation } from './service/rkvService.ts';
import type { ServiceContext } from './service/serviceContext.ts';
import type { SessionStream } from './service/sessionStream.ts';
import { KeyValueStore } from './stateMachine/keyValueStore.ts';
import type { LogStore, LogStoreListener } from './storage/contract.ts';
import { PeerTransport } from './transport/transport.ts';

/** Room in a gRPC message for what stands around the entries. */
const MESSAGE_OVERHEAD_BYTES = 4096;
/** Entries in one message take at most this, however large `-maxgrpc` is: larger ones gain nothing and delay what follows. */
const ENTRIES_BYTES_MAX = 1024 * 1024;
const TICK_MS_MAX = 20;
/** Messages of higher terms make any server a follower again; honest ones send a few of them a second at most. */
const ROLES_LOGGED_PER_SECOND = 10;
/** Commands on their way through the log may take this part of `-clientmemory`; the rest is for requests and answers. */
const QUEUED_SHARE = 1 / 2;

/** One running rkvd: a replica between its storage, its peers and its clients. */
export class RkvServer {
  private readonly config: ServerConfig;
  private readonly log: Log;
  /** For what peers and strangers can cause. */
  private readonly peerLog: LimitedLog;
  private readonly roleLog: LimitedLog;
  private readonly onFailed: (error: Error) => void;
  private readonly metrics = new ServerMetrics();
  private readonly recorder = new Recorder(nowUs);
  private readonly stateMachine = new KeyValueStore();
  private readonly health = new HealthImplementation({ '': 'SERVING', 'rkvpb.RKV': 'NOT_SERVING' });
  private readonly sessions = new Set<SessionStream>();
  private readonly leaderWaiters = new Set<() => void>();
  private readonly grpc: Server;
  private listener: GrpcListener | undefined;
  private door: FrontDoor | undefined;
  private store: LogStore | undefined;
  private replica: Replica<unknown> | undefined;
  private transport: PeerTransport<unknown> | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private metricsServer: HttpServer | undefined;
  private lastStatus: EngineStatus | undefined;

  /** `onFailed`: the server can no longer serve, for the reason given; it is to be stopped. */
  constructor(config: ServerConfig, log: Log, onFailed: (error: Error) => void) {
    this.config = config;
    this.log = log;
    const nowMs = () => performance.now();
    this.peerLog = limitLog(log, nowMs);
    this.roleLog = limitLog(log, nowMs, ROLES_LOGGED_PER_SECOND);
    this.onFailed = onFailed;
    const { maxgrpc } = config.flags;
    this.grpc = new Server({
      'grpc.max_receive_message_length': maxgrpc,
      'grpc.max_send_message_length': maxgrpc,
    });
  }

  /** Throws ListenError, or what openStorage throws; nothing is left running then. */
  async start(): Promise<void> {
    const { config, log } = this;
    // Before data of an earlier run is moved aside: another server at this address may still be using it.
    await probe(config.listen);
    const listener = this.storeListener();
    this.store = await openStorage(config, listener, this.metrics, log);
    try {
      this.door = this.frontDoor();
      this.listener = new GrpcListener(this.grpc, this.door);
      this.startReplica(this.store, this.door);
      await this.listener.listen(config.listen);
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (config.flags.servermetrics) await this.startMetrics();
    const { heartbeat } = config.flags;
    const tickMs = Math.min(TICK_MS_MAX, Math.max(1, Math.floor(heartbeat / 2)));
    this.ticker = setInterval(() => this.replica?.tick(), tickMs);
    const { id, flags } = config;
    log.info({ id, address: formatAddress(config.listen), backend: flags.backend, pid: process.pid }, 'serving');
  }

  private storeListener(): LogStoreListener {
    return {
      durable: (mark) => this.replica?.durable(mark),
      snapshotStored: (index) => {
        this.log.info({ index }, 'snapshot stored');
        this.replica?.snapshotStored(index);
      },
      failed: (error) => this.replica?.failed(error),
    };
  }

  /** To be made once the store has its descriptors. */
  private frontDoor(): FrontDoor {
    const { config, metrics, log } = this;
    const { maxconnections, clientmemory } = config.flags;
    const peers = config.servers.length - 1;
    const allowed = connectionsFor(descriptorLimit(), descriptorsInUse(), peers);
    const connectionsMax = maxconnections === 0 ? allowed : maxconnections;
    if (connectionsMax > allowed) {
      log.warn({ maxconnections, allowed }, 'the limit on open files leaves less room than -maxconnections asks for');
    }
    const limited = limitLog(log, () => performance.now());
    return new FrontDoor({
      connectionsMax,
      peerConnections: 2 * peers,
      budgetBytes: clientmemory,
      queuedBytes: () => this.replica?.pendingBytes ?? 0,
      counts: metrics,
      report: (what) => limited.warn({}, what),
    });
  }

  private startReplica(store: LogStore, door: FrontDoor): void {
    const { config, grpc, stateMachine } = this;
    const { flags, id, bootstrap, servers } = config;
    const kind = ENGINES[flags.backend];
    const replica = new Replica<unknown>(store, {
      kind,
      id,
      settings: engineSettings(config),
      bootstrap,
      random: Math.random,
      stateMachine,
      environment: this.environment(),
      snapshotEveryEntries: flags.snapshotentries,
      trailingEntries: flags.trailingentries,
      pendingBytesMax: flags.clientmemory * QUEUED_SHARE,
    });
    this.replica = replica;
    const timed = handlingTimes(this.metrics);
    this.transport = new PeerTransport<unknown>(grpc, {
      self: id,
      servers,
      kind,
      ordered: flags.ordergorums,
      maxMessageBytes: flags.maxgrpc,
      log: this.peerLog,
      connection: () => door.openingStream?.connection,
      receive: (from, message) => {
        const startMs = performance.now();
        const refusal = replica.receive(from, message);
        timed(message, (performance.now() - startMs) * 1000);
        if (refusal !== undefined) this.refused(from, refusal);
        return refusal;
      },
    });
    const context = this.context(replica, door);
    grpc.addService(RKV_SERVICE, rkvImplementation(context));
    const facts = {
      backend: flags.backend,
      address: formatAddress(servers[id - 1]!),
      metricsAddress: () => this.metricsAddress(),
    };
    grpc.addService(AdminService, adminImplementation(context, stateMachine, facts));
    this.health.addToServer(grpc);
    reflection().addToServer(grpc);
    this.lastStatus = replica.status();
  }

  private environment(): ReplicaEnvironment<unknown> {
    return {
      nowMs: () => performance.now(),
      schedule: (turn) => void setImmediate(turn),
      send: (envelopes) => this.transport?.send(envelopes),
      cannotTakeOver: () => this.transport?.unaryPeers ?? [],
      event: (event) => this.event(event),
      statusChanged: (status) => this.statusChanged(status),
      failed: (error) => this.onFailed(error),
    };
  }

  private context(replica: Replica<unknown>, door: FrontDoor): ServiceContext {
    const { config, metrics, sessions, recorder } = this;
    return {
      replica,
      door,
      metrics,
      sessions,
      serverCount: config.servers.length,
      commandBytesMax: Math.min(
        Math.floor(config.flags.maxgrpc / 2) - MESSAGE_OVERHEAD_BYTES / 8,
        config.flags.clientmemory * QUEUED_SHARE,
      ),
      nowUs,
      leader: () => {
        const { leader } = replica.status();
        return { id: leader, address: this.addressOf(leader) };
      },
      address: (id) => this.addressOf(id),
      written: (startUs) => {
        metrics.writes.inc();
        metrics.commitClientCommand.observeUs(nowUs() - startUs);
        recorder.command(startUs);
      },
      onceLeader: (then) => this.onceLeader(then),
    };
  }

  private addressOf(id: number): string {
    const address = this.config.servers[id - 1];
    return address === undefined ? '' : formatAddress(address);
  }

  private onceLeader(then: () => void): () => void {
    if (this.replica?.status().role === 'leader') {
      then();
      return () => {};
    }
    this.leaderWaiters.add(then);
    return () => this.leaderWaiters.delete(then);
  }

  private event(event: EngineEvent): void {
    this.recorder.event(event);
    if (event === 'catchup') this.metrics.catchups.inc();
    this.log.debug({ event }, 'event');
  }

  private refused(from: NodeId, { reason }: Refusal): void {
    this.metrics.refusedMessages.inc();
    this.peerLog.warn({ peer: from }, `left a peer's message out: ${reason}`);
  }

  private statusChanged(status: EngineStatus): void {
    const before = this.lastStatus;
    this.lastStatus = status;
    const { role, term, leader } = status;
    if (role === 'leader' && leader === 0) {
      this.roleLog.warn({ term }, 'no quorum answers: another may lead; nothing is taken until one does');
    } else this.roleLog.info({ role, term, leader: leader || 'none' }, `became ${role}`);
    this.metrics.leader.set(leader);
    this.health.setStatus('rkvpb.RKV', leader === 0 ? 'NOT_SERVING' : 'SERVING');
    if (before?.leader !== leader) for (const session of this.sessions) session.noteLeader();
    if (role !== 'leader' || leader === 0) return;
    const waiters = [...this.leaderWaiters];
    this.leaderWaiters.clear();
    for (const then of waiters) then();
  }

  private async startMetrics(): Promise<void> {
    const port = metricsPort(this.config.id);
    this.metrics.commitIndex.set(0);
    try {
      this.metricsServer = await serveMetrics(this.metrics.registry, port, () => {
        const status = this.replica?.status();
        if (status !== undefined) this.metrics.commitIndex.set(status.commitIndex);
        this.metrics.connections.set(this.door?.connectionCount ?? 0);
        this.metrics.clientMemory.set(this.door?.memory.lastCountBytes ?? 0);
      });
    } catch (error) {
      this.log.error({ port }, `no metrics: port ${port} cannot be had (${(error as Error).message})`);
    }
  }

  private metricsAddress(): string {
    return this.metricsServer === undefined ? '' : `http://localhost:${metricsPort(this.config.id)}/metrics`;
  }

  /** Writes the two CSV files of the original into `folder`. */
  async writeRecord(folder: string): Promise<void> {
    this.recorder.event('terminated');
    const files = await this.recorder.write(folder);
    this.log.info(files, 'wrote latencies and events');
  }

  /** Answers what is open, ends all connections and closes the files. */
  async stop(): Promise<void> {
    clearInterval(this.ticker);
    this.replica?.stop();
    this.transport?.close();
    this.metricsServer?.close();
    // Let the answers of stop() leave before the connections go.
    await new Promise((resolve) => setImmediate(resolve));
    this.listener?.close();
    this.door?.close();
    this.grpc.forceShutdown();
    await this.store?.close();
  }
}

/** Unix time in µs, monotonic. */
function nowUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}

function engineSettings({ flags }: ServerConfig): EngineSettings {
  return {
    electionTimeoutMs: flags.election,
    heartbeatMs: flags.heartbeat,
    entriesPerMessage: flags.entriespermsg,
    catchUpMultiplier: flags.catchupmultiplier,
    batch: flags.batch,
    checkQuorum: flags.checkquorum,
    maxMessageBytes: Math.max(1, Math.min(ENTRIES_BYTES_MAX, flags.maxgrpc - MESSAGE_OVERHEAD_BYTES)),
  };
}

/** Throws ListenError where the address cannot be listened on. */
function probe({ host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createProbe();
    server.once('error', (cause: Error) => reject(listenError({ host, port }, cause)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
