import { statfs } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { createServer as createProbe, type Socket } from 'node:net';
import {
  status as grpcStatus,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { EffectiveSettings, EngineEvent, EngineStatus, NodeId, Refusal } from '../consensus/contract.ts';
import type { EngineEntry } from '../consensus/engineEntry.ts';
import { promiseMs } from '../consensus/parts/leaderPromise.ts';
import { type Address, formatAddress } from '../net/endpoints/addresses.ts';
import type { KeptCredentials } from '../net/endpoints/keptCredentials.ts';
import { NO_SECURITY, type Security } from '../net/endpoints/security.ts';
import { GrpcServer } from '../net/grpc/grpcServer.ts';
import type { GrpcError } from '../net/grpc/status.ts';
import { defaultMetricsPort } from '../settings/metricsPort.ts';
import { AdminService } from '../wire/generated/admin.ts';
import {
  type Acquaintance,
  type AdmitChunk,
  type AdmitRequest,
  type Introduction,
  PeerService,
} from '../wire/generated/peer.ts';
import { BATCH_OVERHEAD_BYTES, CLIENTS_NAMED } from '../wire/limits.ts';
import { notLeaderFailure } from '../wire/outcome.ts';
import { allRead, type VersionRange } from '../wire/peerVersions.ts';
import { callerFields } from './admission/callers.ts';
import type { Connection } from './admission/connection.ts';
import { connectionsFor, descriptorLimit, descriptorsInUse } from './admission/descriptors.ts';
import { FrontDoor } from './admission/frontDoor.ts';
import { impersonation } from './admission/permissions.ts';
import { UnaryAdmission } from './admission/unaryAdmission.ts';
import type { FaultyClients } from './faults/faultyClients.ts';
import type { FaultyPeers } from './faults/faultyPeers.ts';
import type { ServerFaults } from './faults/serverFaults.ts';
import type { ServerConfig } from './flags.ts';
import { Replica, type ReplicaEnvironment } from './host/replica.ts';
import { admittedHardState } from './identity/admission.ts';
import { Hearsay } from './identity/hearsay.ts';
import type { Misfit } from './identity/identity.ts';
import type { IdentityFile } from './identity/identityFile.ts';
import { Objections } from './identity/objections.ts';
import { GrpcListener, listenError } from './net/grpcListener.ts';
import { DiskRoom } from './observe/diskRoom.ts';
import type { Log } from './observe/log.ts';
import { type LimitedLog, limitLog } from './observe/logLimiter.ts';
import { handlingTimes } from './observe/messageTimes.ts';
import { ServerMetrics, serveMetrics } from './observe/metrics.ts';
import { Recorder } from './observe/recorder.ts';
import { tellOfSnapshot } from './observe/snapshotNews.ts';
import { StageTimes } from './observe/stageTimes.ts';
import { type OpenedData, openStorage, reopenStore, type StoreSurroundings } from './openStorage.ts';
import { adminImplementation, waitingAdmin } from './service/adminService.ts';
import { Health } from './service/health.ts';
import { addReflection } from './service/reflection.ts';
import { COMMAND_SERVICE, commandImplementation, RKV_SERVICE, rkvImplementation } from './service/rkvService.ts';
import type { ServiceContext } from './service/serviceContext.ts';
import { ServiceGate } from './service/serviceGate.ts';
import { REASSURE_MS, type SessionStream } from './service/sessionStream.ts';
import { engineSettings, largestCommandBytes, queuedBytesMax, toldSettings } from './settings.ts';
import { RefusedByPeersError, refusedByPeers, Starting } from './starting.ts';
import { KeyValueStore } from './stateMachine/keyValueStore.ts';
import type { LogStore, LogStoreListener } from './storage/contract.ts';
import { serverDirectory } from './storage/dataDirectory.ts';
import { refuseLink, unavailable } from './transport/acceptedLink.ts';
import { Admissions, type GivenState } from './transport/admissions.ts';
import { callBack } from './transport/introductions.ts';
import { type IntroductionFacts, introduce } from './transport/peerAcceptor.ts';
import { PeerTransport } from './transport/transport.ts';
import { unaryService } from './transport/unaryCalls.ts';

const TICK_MS_MAX = 20;
/** At 100 MB/s a disk loses less than is set aside until it is looked at again. */
const ROOM_LOOK_MS = 1000;
/** Messages of higher terms make any server a follower again; honest ones send a few of them a second at most. */
const ROLES_LOGGED_PER_SECOND = 10;
/** To a peer that a fault keeps apart from this server. */
const APART = { code: grpcStatus.UNAVAILABLE, details: 'out of reach, by a fault on purpose' };

/** One running rkvd: a replica between its storage, its peers and its clients. */
export class RkvServer {
  private readonly config: ServerConfig;
  private readonly engine: EngineEntry;
  private readonly speaks: VersionRange;
  private readonly log: Log;
  /** For what peers and strangers can cause. */
  private readonly peerLog: LimitedLog;
  private readonly roleLog: LimitedLog;
  private readonly onFailed: (error: Error) => void;
  private readonly onWaiting: (what: string) => void;
  private readonly faults: ServerFaults | undefined;
  private readonly security: Security;
  private readonly credentials: KeptCredentials | undefined;
  private readonly metrics = new ServerMetrics();
  private readonly recorder = new Recorder(nowUs);
  private readonly stateMachine = new KeyValueStore();
  private readonly stages = new StageTimes();
  private readonly health = new Health();
  private readonly room: DiskRoom;
  /** Since the disk became full. */
  private triedToHandOver = false;
  private readonly sessions = new Set<SessionStream>();
  private readonly leaderWaiters = new Set<() => void>();
  private readonly grpc: GrpcServer;
  private readonly commands: UnaryAdmission;
  private listener: GrpcListener | undefined;
  private door: FrontDoor | undefined;
  private readonly gate: ServiceGate;
  private readonly refusedLater = (error: RefusedByPeersError) => {
    if (!this.isStopped) this.onFailed(error);
  };
  private opened: OpenedData | undefined;
  private store: LogStore | undefined;
  private starting: Starting | undefined;
  private hearsay: Hearsay | undefined;
  private readonly objections: Objections;
  private openServices: (replica: Replica<unknown>) => void = () => {};
  /** The write of the state that this server was given, while it is under way. */
  private installing: { durable(): void; failed(error: Error): void } | undefined;
  private isStopped = false;
  private replica: Replica<unknown> | undefined;
  private transport: PeerTransport<unknown> | undefined;
  private faultyPeers: FaultyPeers<unknown> | undefined;
  private ticker: NodeJS.Timeout | undefined;
  private reassurer: NodeJS.Timeout | undefined;
  private roomWatch: NodeJS.Timeout | undefined;
  private metricsServer: HttpServer | undefined;
  private lastStatus: EngineStatus | undefined;

  /**
   * `engine`: the one that `-backend` names. `speaks`: of the peers' protocol. `onFailed`: the server can no longer serve, for the reason given; it is to be stopped. `onWaiting`: what it waits for before
   * it takes part, as often as that changes. `faults`: of a server that takes them. `credentials`: of a server with TLS.
   */
  constructor(
    config: ServerConfig,
    engine: EngineEntry,
    speaks: VersionRange,
    log: Log,
    onFailed: (error: Error) => void,
    onWaiting: (what: string) => void = () => {},
    faults?: ServerFaults,
    credentials?: KeptCredentials,
  ) {
    this.config = config;
    this.engine = engine;
    this.speaks = speaks;
    this.log = log;
    const nowMs = () => performance.now();
    this.peerLog = limitLog(log, nowMs);
    this.roleLog = limitLog(log, nowMs, ROLES_LOGGED_PER_SECOND);
    this.onFailed = onFailed;
    this.onWaiting = onWaiting;
    this.faults = faults;
    this.security = credentials?.security ?? NO_SECURITY;
    this.credentials = credentials;
    this.objections = new Objections(config.bootstrap);
    const { maxgrpc, maxheaders } = config.flags;
    this.room = new DiskRoom({
      reserveBytes: config.flags.diskreserve,
      stateBytes: () => this.stateMachine.contentBytes,
      freeBytes: () => this.freeBytes(),
      log: limitLog(log, nowMs),
      changed: () => this.roomChanged(),
    });
    this.grpc = new GrpcServer({ messageBytesMax: maxgrpc, headerBytesMax: maxheaders });
    this.commands = new UnaryAdmission(nowMs);
    this.gate = new ServiceGate(
      this.grpc,
      () => `server ${config.id} does not take part yet: ${this.starting?.waitsFor}`,
    );
  }

  /**
   * Throws ListenError, or what openStorage throws, or RefusedByPeersError; nothing is left running then. A server whose
   * folder is new takes part some time after this has resolved (starting.ts).
   */
  async start(): Promise<void> {
    const { config, log } = this;
    // Before data of an earlier run is moved aside: another server at this address may still be using it.
    await probe(config.listen);
    const opened = await openStorage(config, this.aroundStore());
    this.opened = opened;
    this.store = opened.store;
    const { identity } = opened;
    this.starting = new Starting(config, identity, log, this.security, this.speaks, this.onWaiting);
    try {
      this.door = this.frontDoor();
      this.endWhatIsRevoked(this.door);
      this.listener = new GrpcListener(this.grpc, this.door, this.security, (socket, connection) =>
        this.link(socket, connection),
      );
      const hearsay = new Hearsay(identity, callBack(config.servers, this.security));
      this.hearsay = hearsay;
      this.offerServices(identity, hearsay, this.door);
      await this.listener.listen(config.listen);
      if (identity.identity.stage === 'member') {
        await this.starting.checkMember(() => opened.bind(), this.refusedLater);
        this.takePart(this.store!, identity, hearsay);
      } else void this.becomeMember(opened, hearsay);
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (config.flags.servermetrics) await this.startMetrics();
    const { heartbeat } = config.flags;
    const tickMs = Math.min(TICK_MS_MAX, Math.max(1, Math.floor(heartbeat / 2)));
    // What came while this server was busy goes before the clock: a heartbeat that waits in a socket is no silence of the leader.
    this.ticker = setInterval(() => setImmediate(() => this.replica?.tick()), tickMs);
    this.reassurer = setInterval(() => {
      for (const session of this.sessions) session.reassure();
    }, REASSURE_MS);
    void this.room.look();
    this.roomWatch = setInterval(() => void this.room.look(), ROOM_LOOK_MS);
    const { id, flags } = config;
    log.info({ id, address: formatAddress(config.listen), backend: flags.backend, pid: process.pid }, 'serving');
  }

  /** Waits until this server may take part, and begins with what it was given, if anything. */
  private async becomeMember(opened: OpenedData, hearsay: Hearsay): Promise<void> {
    const { identity } = opened;
    try {
      const allowed = await this.starting!.untilAllowed();
      if (allowed === 'stopped' || this.isStopped) return;
      this.store = await opened.takePlace();
      if (this.isStopped) {
        await this.store.close();
        return;
      }
      await opened.bind();
      if (allowed.kind === 'empty') identity.change(allowed.as);
      else await this.install(allowed.state, identity);
      if (!this.isStopped) await this.starting!.tellOfMember(this.refusedLater);
      if (this.isStopped) return;
      this.takePart(this.store, identity, hearsay);
      if (allowed.kind !== 'empty') tellOfSnapshot('installed', allowed.state.snapshot.index);
    } catch (error) {
      if (error instanceof RefusedByPeersError) await opened.giveUp();
      if (!this.isStopped) this.onFailed(error as Error);
    }
  }

  private async install(
    { snapshot, cluster, known, spentTerm, admitted }: GivenState,
    identity: IdentityFile,
  ): Promise<void> {
    const store = this.store!;
    tellOfSnapshot('installing', snapshot.index);
    identity.change({ stage: 'admitting' });
    await new Promise<void>((resolve, reject) => {
      this.installing = { durable: resolve, failed: reject };
      const hardState = admittedHardState(identity.identity.id, snapshot, spentTerm);
      store.persist({ mark: store.durableMark + 1, snapshot, entries: [], hardState, mustSync: true });
    }).finally(() => {
      this.installing = undefined;
    });
    identity.change({ stage: 'member', cluster, known, admitted });
    const { index, term } = snapshot;
    this.log.info({ index, term, cluster }, 'admitted: goes on from the state that the leader gave');
    await store.close();
    if (this.isStopped) return;
    this.store = await reopenStore(this.config, this.aroundStore());
  }

  private aroundStore(): StoreSurroundings {
    const { metrics, log, faults: boundary } = this;
    return { listener: this.storeListener(), metrics, log, boundary };
  }

  private storeListener(): LogStoreListener {
    return {
      durable: (mark) => {
        if (this.installing === undefined) this.replica?.durable(mark);
        else this.installing.durable();
      },
      snapshotStored: (index) => {
        this.log.info({ index }, 'snapshot stored');
        tellOfSnapshot('stored', index);
        this.replica?.snapshotStored(index);
      },
      hasRoomAgain: () => this.replica?.hasRoomAgain(),
      failed: (error) => {
        if (this.installing === undefined) this.replica?.failed(error);
        else this.installing.failed(error);
      },
    };
  }

  /** To be made once the store has its descriptors. */
  private frontDoor(): FrontDoor {
    const { config, metrics, log } = this;
    const { maxconnections, clientmemory, maxunused, idletimeout } = config.flags;
    const peers = config.servers.length - 1;
    const connectionsMax = connectionsFor(descriptorLimit(), descriptorsInUse(), peers, maxconnections || undefined);
    if (connectionsMax < maxconnections) {
      log.warn(
        { maxconnections, connectionsMax },
        'the limit on open files leaves less room than -maxconnections asks for',
      );
    }
    const limited = limitLog(log, () => performance.now());
    return new FrontDoor({
      connectionsMax,
      peerConnections: 2 * peers,
      budgetBytes: clientmemory,
      unusedMax: maxunused,
      silenceMsMax: idletimeout,
      queuedBytes: () => this.replica?.pendingBytes ?? 0,
      counts: metrics,
      report: (what, whose) => limited.warn(whose === undefined ? {} : callerFields(whose), what),
    });
  }

  private endWhatIsRevoked(door: FrontDoor): void {
    const security = this.credentials?.security;
    security?.onRevoked(() => door.endWhere((socket) => security.whyRevoked(socket)));
  }

  /** Offers all services; most of them are refused until this server takes part. */
  private offerServices(identity: IdentityFile, hearsay: Hearsay, door: FrontDoor): void {
    const { config, gate, grpc, stateMachine } = this;
    const { flags, id, servers } = config;
    const facts = {
      id,
      backend: flags.backend,
      address: formatAddress(servers[id - 1]!),
      metricsAddress: () => this.metricsAddress(),
      faults: this.faults,
      stages: this.stages,
      callers: (most: number) => door.callersReport(this.sessions, most),
      speaks: this.speaks,
      cluster: () => identity.identity.cluster,
      messageBytesMax: flags.maxgrpc,
      links: () => this.transport?.linkFacts ?? [],
      versionOf: (members: Iterable<NodeId>) => this.transport?.versionOf(members),
      originals: () => ({ ids: this.originals, outOfReach: this.outOfReach }),
      disk: () => ({
        freeBytes: this.room.freeBytes,
        setAsideBytes: this.room.setAsideBytes,
        refusal: this.refusalForRoom ?? '',
      }),
      settings: (effective: EffectiveSettings) => toldSettings(config, this.engine, effective, door.connectionsMax),
    };
    const forClients = { messageBytesMax: largestCommandBytes(config) + BATCH_OVERHEAD_BYTES, limitName: '-maxvalue' };
    const openCommands = gate.offer(COMMAND_SERVICE, {}, { ...forClients, admission: this.commands });
    const openRkv = gate.offer(RKV_SERVICE, {}, forClients);
    const openAdmin = gate.offer(AdminService, waitingAdmin(id, facts));
    const { rejoin, survivor } = flags;
    const introduction: IntroductionFacts = {
      identity,
      hearsay,
      wish: { rejoin, survivor },
      serverCount: servers.length,
      isVoter: (peer) => this.replica?.configuration().voters.includes(peer) ?? false,
      leader: () => this.replica?.status().leader ?? 0,
    };
    const forPeers = { isForPeers: true };
    const openPeer = gate.offer(
      PeerService,
      {
        introduce: ((call, done) => {
          const objection = this.impersonation(call, call.request.id);
          if (objection !== undefined) done({ code: grpcStatus.PERMISSION_DENIED, details: objection });
          else if (this.faults?.isApartFrom(call.request.id) === true) done(APART);
          else introduce(introduction, call, done);
        }) as handleUnaryCall<Introduction, Acquaintance>,
      },
      forPeers,
    );
    const { unaryCalls } = this.engine;
    const openUnary = unaryCalls === undefined ? () => {} : gate.offer(unaryService(unaryCalls), {}, forPeers);
    this.health.addTo(grpc);
    addReflection(grpc);
    this.openServices = (replica) => {
      const transport = this.transport!;
      const context = this.context(replica, door);
      const { acceptor, unaryServer } = transport;
      const admissions = new Admissions(
        replica,
        identity,
        hearsay,
        acceptor,
        servers.length,
        this.speaks,
        flags.maxgrpc,
        this.log,
      );
      const clients = this.faults?.beforeClients((call) => this.commands.end(call));
      const around = (handlers: UntypedServiceImplementation) => clients?.around(handlers) ?? handlers;
      openRkv(around(rkvImplementation(context)));
      openCommands(around(commandImplementation(context)));
      this.refuseWhileFollowing(replica, clients);
      openAdmin(adminImplementation(context, stateMachine, facts));
      openPeer({
        admit: ((call) => {
          const id = call.request.introduction?.id ?? 0;
          const objection = this.impersonation(call, id);
          if (objection !== undefined) {
            call.emit('error', { code: grpcStatus.PERMISSION_DENIED, details: objection });
          } else if (this.faults?.isApartFrom(id) === true) call.emit('error', APART);
          else admissions.handle(call);
        }) as handleServerStreamingCall<AdmitRequest, AdmitChunk>,
      });
      if (unaryServer !== undefined) openUnary(unaryServer.implementation());
    };
  }

  /** Why who made a call does not speak as server `id`. */
  private impersonation(call: object, id: NodeId): string | undefined {
    const connection = this.door?.connectionOf(call as Parameters<FrontDoor['connectionOf']>[0]);
    if (connection !== undefined) return impersonation(connection.party, id);
    return this.security.isTls ? 'nobody knows who calls' : undefined;
  }

  /** A server that does not take part yet hears nobody. */
  private link(socket: Socket, connection: Connection): void {
    const { transport, gate } = this;
    if (transport === undefined) refuseLink(socket, unavailable(gate.whyClosed()));
    else transport.acceptor.accept(socket, connection);
  }

  private takePart(store: LogStore, identity: IdentityFile, hearsay: Hearsay): void {
    const { config, engine, stateMachine } = this;
    const { flags, id, bootstrap, servers } = config;
    const { kind } = engine;
    const settings = engineSettings(config);
    const replica = new Replica<unknown>(store, {
      kind,
      id,
      self: identity.identity,
      settings,
      promisedBeforeMs: identity.keptPromiseMs(promiseMs(settings)),
      bootstrap,
      random: Math.random,
      stateMachine,
      environment: this.environment(),
      snapshotEveryEntries: flags.snapshotentries,
      trailingEntries: flags.trailingentries,
      originalEntries: flags.originalentries,
      pendingMax: flags.maxpending,
      pendingBytesMax: queuedBytesMax(config),
    });
    this.replica = replica;
    replica.refuseCommands(this.refusalForRoom);
    const timed = handlingTimes(this.metrics, engine);
    const receive = (from: NodeId, message: unknown, bytes = 0): Refusal | undefined => {
      const startMs = performance.now();
      const refusal = replica.receive(from, message);
      timed(message, (performance.now() - startMs) * 1000);
      if (refusal !== undefined) this.refused(from, refusal);
      replica.received(bytes);
      return refusal;
    };
    const { codec } = kind;
    this.faultyPeers = this.faults?.between<unknown>({
      sizeOf: (message) => codec.encode(message).length,
      mayOvertake: (message) => codec.mayOvertake(message),
      send: (envelopes) => this.transport?.send(envelopes),
      receive,
    });
    const { faultyPeers } = this;
    this.transport = new PeerTransport<unknown>({
      self: id,
      speaks: this.speaks,
      servers,
      kind,
      identity,
      hearsay,
      security: this.security,
      impersonation: (call, peer) => this.impersonation(call, peer),
      unaryCalls: engine.unaryCalls,
      ordered: flags.ordergorums,
      maxMessageBytes: flags.maxgrpc,
      log: this.peerLog,
      fences: () => replica.fences,
      receive:
        faultyPeers === undefined
          ? (from, message, _counts, bytes) => receive(from, message, bytes)
          : (from, message, counts) => faultyPeers.receive(from, message, counts),
      accepted: (peer) => this.objections.withdrawnBy(peer),
      gone: (peer) => this.objections.withdrawnBy(peer),
      refused: (peer, misfit, details) => this.refusedByPeer(peer, misfit, details),
    });
    for (const peer of this.starting?.originals ?? []) this.transport.originals.met(peer);
    this.starting?.stop();
    this.openServices(replica);
    this.lastStatus = replica.status();
  }

  /** Who is not the leader says so before it reads a call: clients that retry ask it again and again. */
  private refuseWhileFollowing(replica: Replica<unknown>, clients: FaultyClients | undefined): void {
    const notLeader = new Map<NodeId, GrpcError>();
    const refusalOf = (leader: NodeId) => {
      const refusal = notLeader.get(leader) ?? notLeaderFailure(leader);
      notLeader.set(leader, refusal);
      return refusal;
    };
    const refusal = () => (replica.leads ? undefined : refusalOf(replica.knownLeader));
    // What is wrong with the way to clients befalls refusals, too: then they are answered like the rest.
    this.commands.refuseWhile(clients === undefined ? refusal : () => (clients.isOn ? undefined : refusal()));
  }

  private refusedByPeer(peer: NodeId, misfit: Misfit, details: string): void {
    if (this.objections.areDecisive(peer, misfit)) this.onFailed(refusedByPeers(peer, misfit, details));
  }

  private environment(): ReplicaEnvironment<unknown> {
    const { faults } = this;
    return {
      nowMs: faults === undefined ? () => performance.now() : () => faults.clockMs.now,
      schedule: (turn) => void setImmediate(turn),
      send: (envelopes) => {
        this.stages.sent(envelopes);
        if (faults === undefined) this.transport?.send(envelopes);
        else this.faultyPeers?.send(envelopes);
      },
      stages: this.stages.watch,
      cannotTakeOver: () => this.transport?.unaryPeers ?? [],
      takeNoSnapshots: () => this.originals,
      promisesAreRead: (members) => allRead(this.transport?.versionOf(members), 'promises'),
      mayBoundSessions: (members) => allRead(this.transport?.versionOf(members), 'boundSessions'),
      event: (event) => this.event(event),
      statusChanged: (status) => this.statusChanged(status),
      failed: (error) => this.onFailed(error),
      snapshotBegun: (index) => tellOfSnapshot('begun', index),
      restoreBegun: (index) => tellOfSnapshot('installing', index),
      restored: ({ index }) => tellOfSnapshot('installed', index),
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
      commandBytesMax: largestCommandBytes(config),
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
      soon: queueMicrotask,
      onceLeader: (then) => this.onceLeader(then),
    };
  }

  /** The original's servers among the others. */
  private get originals(): readonly NodeId[] {
    return this.transport?.originals.ids ?? [];
  }

  /** Those of them that this server, where it leads, cannot bring up to date. */
  private get outOfReach(): readonly NodeId[] {
    return this.replica?.leads ? this.transport!.originals.outOfReach : [];
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
    this.health.servesClients(leader !== 0);
    if (before?.leader !== leader) for (const session of this.sessions) session.noteLeader();
    if (role !== 'leader' || leader === 0) return;
    this.handOverForRoom();
    const waiters = [...this.leaderWaiters];
    this.leaderWaiters.clear();
    for (const then of waiters) then();
  }

  /** Why no command is taken while this server leads. */
  private get refusalForRoom(): string | undefined {
    return this.room.room === 'none' ? this.room.words : undefined;
  }

  /** For this user, where the data are. */
  private async freeBytes(): Promise<number> {
    const { id, flags } = this.config;
    // The server's own folder may be a file system of its own; it comes into its place late where the server is new.
    const { bavail, bsize } = await statfs(serverDirectory(flags.datadir, id)).catch(() => statfs(flags.datadir));
    return bavail * bsize;
  }

  private roomChanged(): void {
    if (this.room.room !== 'none') this.triedToHandOver = false;
    this.replica?.refuseCommands(this.refusalForRoom);
    this.handOverForRoom();
  }

  /** To a server whose disk may have room. Once: where all disks are full, leadership would go round for ever. */
  private handOverForRoom(): void {
    const { replica } = this;
    if (this.room.room !== 'none' || this.triedToHandOver || replica === undefined) return;
    if (!replica.leads || replica.knownLeader !== this.config.id) return;
    this.triedToHandOver = true;
    replica.transferLeadership(0, (result) => {
      const said = result.ok ? 'handed leadership over' : `no server takes leadership over: ${result.reason}`;
      this.log.info({}, `the disk is full: ${said}`);
    });
  }

  private async startMetrics(): Promise<void> {
    const port = this.metricsPort;
    this.metrics.commitIndex.set(0);
    try {
      this.metricsServer = await serveMetrics(this.metrics.registry, this.security, port, () => {
        const status = this.replica?.status();
        if (status !== undefined) this.metrics.commitIndex.set(status.commitIndex);
        this.refreshLimits();
        this.metrics.originals.set(this.originals.length);
        this.metrics.originalsOutOfReach.set(this.outOfReach.length);
        const { credentials } = this;
        if (credentials !== undefined) this.metrics.setCertificateSecondsLeft(credentials.secondsLeft);
      });
    } catch (error) {
      this.log.error({ port }, `no metrics: port ${port} cannot be had (${(error as Error).message})`);
    }
  }

  /** How near the bounds of docs/operations.md are. */
  private refreshLimits(): void {
    const { metrics, door, replica, stateMachine } = this;
    metrics.diskFreeBytes.set(this.room.freeBytes);
    metrics.diskSetAsideBytes.set(this.room.setAsideBytes);
    metrics.connections.set(door?.connectionCount ?? 0);
    metrics.connectionsUnused.set(door?.unusedCount ?? 0);
    metrics.clientMemory.set(door?.memory.lastCountBytes ?? 0);
    metrics.sessions.set(stateMachine.sessionCount);
    metrics.sessionNumbers.set(stateMachine.numbersHeld);
    metrics.pendingCommands.set(replica?.pendingCount ?? 0);
    metrics.pendingBytes.set(replica?.pendingBytes ?? 0);
    metrics.commandsRefused.set(replica?.refusedCount ?? 0);
    if (door !== undefined) metrics.setCallers(door.callersReport(this.sessions, CLIENTS_NAMED));
  }

  private get metricsPort(): number {
    return this.config.flags.metricsport || defaultMetricsPort(this.config.id);
  }

  private metricsAddress(): string {
    return this.metricsServer === undefined
      ? ''
      : `${this.security.isTls ? 'https' : 'http'}://localhost:${this.metricsPort}/metrics`;
  }

  /** Writes the two CSV files of the original into `folder`. */
  async writeRecord(folder: string): Promise<void> {
    this.recorder.event('terminated');
    const files = await this.recorder.write(folder, this.config.id);
    this.log.info(files, 'wrote latencies and events');
  }

  /** Answers what is open, ends all connections and closes the files. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.starting?.stop();
    this.hearsay?.close();
    clearInterval(this.ticker);
    clearInterval(this.reassurer);
    clearInterval(this.roomWatch);
    this.replica?.stop();
    this.faults?.close();
    this.transport?.close();
    this.metricsServer?.close();
    // Let the answers of stop() leave before the connections go.
    await new Promise((resolve) => setImmediate(resolve));
    this.listener?.close();
    this.door?.close();
    await this.opened?.release();
    await this.store?.close();
  }
}

/** Unix time in µs, monotonic. */
function nowUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}

/** Throws ListenError where the address cannot be listened on. */
function probe({ host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createProbe();
    server.once('error', (cause: Error) => reject(listenError({ host, port }, cause)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
