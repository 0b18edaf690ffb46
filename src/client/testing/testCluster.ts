import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type Command, CommandType, decodeCommand, MalformedCommandError } from '../../wire/command.ts';
import {
  AdminService,
  ConnectedClient,
  MeasureStagesResponse,
  PeerStatus,
  StatusResponse,
} from '../../wire/generated/admin.ts';
import {
  type ReconfRequest,
  type ReconfResponse,
  ReconfStatus,
  ResultStatus,
  RKVService,
} from '../../wire/generated/rkv.ts';
import { MISSING_VALUE, STORED_VALUE_TRAILER } from '../../wire/originalTexts.ts';
import { callFailure, notLeaderFailure, OVERLOADED_FAILURE } from '../../wire/outcome.ts';
import { decodeCommandBatch, ResultBatchWriter, SESSION_METHOD } from '../../wire/sessionCodec.ts';

/** What a server of the test cluster does with one command. `apply` as the leader, `not-leader` otherwise. */
export type Behaviour =
  | 'apply'
  | 'not-leader'
  /** Applied, but the client is told that nobody knows. */
  | 'unknown-applied'
  | 'unknown-lost'
  | 'overloaded'
  /** The stream breaks before, or after, the command is applied. */
  | 'drop-before'
  | 'drop-after'
  /** No answer, ever. */
  | 'silent';

export interface AppliedInsert {
  readonly clientId: number;
  readonly clientSeq: number;
  readonly key: string;
  readonly value: string;
}

/**
 * Servers that speak the client protocol over real gRPC and share one state in memory: for tests of clients, which
 * decide what each command meets.
 */
export class TestCluster {
  readonly values = new Map<string, string>();
  /** Inserts in the order in which they took effect. */
  readonly applied: AppliedInsert[] = [];
  readonly sessions = new Map<number, Set<number>>();
  readonly servers: TestServer[] = [];
  /** Id of the server that leads; 0 for none. */
  leader = 1;
  /** Servers that take another one for the leader, or nobody (0). */
  readonly rumours = new Map<number, number>();
  /** Whether a server that does not lead says who does. */
  hints: 'address' | 'id' | 'none' = 'address';
  window = 1024;
  /** The largest command that they say they take; 0: they do not say. */
  commandBytesMax = 0;
  /** What servers say of themselves, where that is not what they are. */
  role: string | undefined;
  /** False: they are as the original's, without session streams. */
  knowsSessions = true;
  backend = 'test';
  /** What servers say that they go by, by id. */
  readonly settings = new Map<number, Readonly<Record<string, string>>>();
  /** What servers say of the peers' protocol, those that do. */
  readonly protocol = new Map<
    number,
    Pick<StatusResponse, 'oldestVersion' | 'newestVersion' | 'clusterVersion' | 'links' | 'originals' | 'outOfReach'>
  >();
  /** Decides about the `attempt`-th command that any server gets, from 1. */
  decide: (attempt: number, server: TestServer, command: Command) => Behaviour = (_, server) =>
    server.id === this.leader ? 'apply' : 'not-leader';
  attempts = 0;
  readonly reconfigurations: ReconfRequest[] = [];
  /** Why the leader refuses changes of the membership; empty where it makes them. */
  reconfRefusal = '';
  /** What a transfer fails with; undefined where it succeeds. */
  transferFailure: { readonly code: status; readonly details: string } | undefined;
  transfers = 0;
  /** What every server says of its stages, and what it is asked. */
  readonly stages = {
    asked: [] as number[],
    told: {} as Partial<MeasureStagesResponse>,
    failure: undefined as { readonly code: status; readonly details: string } | undefined,
  };
  /** Whom every server names as connected; undefined where it does not tell. */
  connected: readonly ConnectedClient[] | undefined;
  private nextIndex = 10;

  static async start(size: number): Promise<TestCluster> {
    const cluster = new TestCluster();
    for (let id = 1; id <= size; id++) cluster.servers.push(await TestServer.start(cluster, id));
    return cluster;
  }

  get addresses(): string[] {
    return this.servers.map((server) => server.address);
  }

  addressOf(id: number): string {
    return this.servers[id - 1]?.address ?? '';
  }

  stop(): void {
    for (const server of this.servers) server.stop();
  }

  /** Carries a command out, once. */
  apply(command: Command): { status: ResultStatus; clientId?: number; value?: string | undefined } {
    if (command.type === CommandType.Register) {
      const clientId = this.nextIndex++;
      this.sessions.set(clientId, new Set());
      return { status: ResultStatus.RESULT_OK, clientId };
    }
    if (command.type === CommandType.Lookup) {
      return { status: ResultStatus.RESULT_OK, value: this.values.get(command.key) };
    }
    const session = this.sessions.get(command.clientId);
    if (session === undefined) return { status: ResultStatus.RESULT_UNKNOWN_SESSION };
    if (command.key === '') return { status: ResultStatus.RESULT_INVALID };
    if (!session.has(command.clientSeq)) {
      session.add(command.clientSeq);
      this.values.set(command.key, command.value);
      const { clientId, clientSeq, key, value } = command;
      this.applied.push({ clientId, clientSeq, key, value });
    }
    return { status: ResultStatus.RESULT_OK };
  }
}

export class TestServer {
  readonly id: number;
  address = '';
  /** Sizes of the batches that arrived, in commands. */
  readonly batches: number[] = [];
  unansweredMax = 0;
  private readonly cluster: TestCluster;
  private readonly grpc = new Server({ 'grpc.max_receive_message_length': 1 << 20 });

  private constructor(cluster: TestCluster, id: number) {
    this.cluster = cluster;
    this.id = id;
  }

  static async start(cluster: TestCluster, id: number): Promise<TestServer> {
    const server = new TestServer(cluster, id);
    server.addServices();
    const port = await new Promise<number>((resolve, reject) => {
      server.grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    server.address = `127.0.0.1:${port}`;
    return server;
  }

  /** Ends every connection at once, as a kill does. */
  stop(): void {
    this.grpc.forceShutdown();
  }

  private addServices(): void {
    const unary = <A, B>(handle: (request: A) => B) => {
      return (call: { request: A }, done: sendUnaryData<B>) => {
        try {
          done(null, handle(call.request));
        } catch (error) {
          done(error as { code: status; details: string });
        }
      };
    };
    const reconf = unary((request: ReconfRequest) => this.reconfigure(request));
    this.grpc.addService(
      { ...RKVService, session: SESSION_METHOD },
      {
        register: unary(() => ({ clientID: this.unary({ type: CommandType.Register }).clientId ?? 0 })),
        insert: unary((r: { clientID: number; clientSeq: number; key: string; value: string }) => {
          this.unary({ type: CommandType.Insert, clientId: r.clientID, ...r });
          return { ok: true };
        }),
        lookup: (call: { request: { key: string } }, done: sendUnaryData<{ value: string }>) => {
          try {
            const { value } = this.unary({ type: CommandType.Lookup, key: call.request.key });
            const trailer = new Metadata();
            if (value !== undefined) trailer.set(STORED_VALUE_TRAILER, '1');
            done(null, { value: value ?? MISSING_VALUE }, trailer);
          } catch (error) {
            done(error as { code: status; details: string });
          }
        },
        reconf,
        reconfOnBecome: reconf,
        session: (stream: ServerDuplexStream<Buffer, Buffer>) => this.serve(stream),
      },
    );
    this.grpc.addService(AdminService, {
      status: unary(() => this.status()),
      measureStages: unary(({ lastsMs }: { lastsMs: number }) => {
        const { stages } = this.cluster;
        stages.asked.push(lastsMs);
        if (stages.failure !== undefined) throw stages.failure;
        return { ...MeasureStagesResponse.decode(new Uint8Array(0)), ...(lastsMs === 0 ? stages.told : {}) };
      }),
      listClients: unary(() => {
        const { connected } = this.cluster;
        if (connected === undefined) throw { code: status.PERMISSION_DENIED, details: 'for operators' };
        const others = { ...ConnectedClient.decode(new Uint8Array(0)), connections: 4 };
        return { id: this.id, clients: [...connected], others, othersCount: 3 };
      }),
      transferLeadership: unary(({ to }: { to: number }) => {
        if (this.cluster.leader !== this.id) throw notLeaderFailure(this.rumour, status.FAILED_PRECONDITION);
        this.cluster.transfers++;
        if (this.cluster.transferFailure !== undefined) throw this.cluster.transferFailure;
        if (to > this.cluster.servers.length) throw { code: status.INVALID_ARGUMENT, details: `no server ${to}` };
        this.cluster.leader = to === 0 ? (this.id % this.cluster.servers.length) + 1 : to;
        return {};
      }),
    });
  }

  private get rumour(): number {
    return this.cluster.rumours.get(this.id) ?? this.cluster.leader;
  }

  private status(): StatusResponse {
    const role = this.cluster.role ?? (this.cluster.leader === this.id ? 'leader' : 'follower');
    const { backend } = this.cluster;
    const base = StatusResponse.decode(new Uint8Array(0));
    const settings = { ...this.cluster.settings.get(this.id) };
    const about = { id: this.id, role, leader: this.cluster.leader, term: 3, backend, address: this.address, settings };
    const { servers } = this.cluster;
    const peer = PeerStatus.decode(new Uint8Array(0));
    const voters = servers.map(({ id }) => id);
    const peers = servers.filter(({ id }) => id !== this.id).map(({ id, address }) => ({ ...peer, id, address }));
    return { ...base, ...about, ...this.cluster.protocol.get(this.id), voters, peers: role === 'leader' ? peers : [] };
  }

  private reconfigure(request: ReconfRequest): ReconfResponse {
    if (this.cluster.leader !== this.id) return { status: ReconfStatus.NOTLEADER, leaderHint: '', detail: '' };
    this.cluster.reconfigurations.push(request);
    const { reconfRefusal: detail } = this.cluster;
    return { status: detail === '' ? ReconfStatus.OK : ReconfStatus.TIMEOUT, leaderHint: '', detail };
  }

  private unary(command: Command) {
    const behaviour = this.cluster.decide(++this.cluster.attempts, this, command);
    if (behaviour === 'not-leader') throw notLeaderFailure(this.rumour);
    if (behaviour === 'overloaded') throw OVERLOADED_FAILURE;
    if (behaviour === 'unknown-lost') throw callFailure('unknown', 'leadership was lost');
    if (behaviour === 'drop-before') throw { code: status.UNAVAILABLE, details: 'dropped' };
    const result = this.cluster.apply(command);
    if (behaviour === 'drop-after') throw { code: status.UNAVAILABLE, details: 'dropped' };
    if (behaviour === 'unknown-applied') throw callFailure('unknown', 'leadership was lost');
    if (result.status === ResultStatus.RESULT_UNKNOWN_SESSION) throw callFailure('unknown-session', 'no session');
    if (result.status === ResultStatus.RESULT_INVALID) throw callFailure('invalid', 'key is empty');
    return result;
  }

  private serve(stream: ServerDuplexStream<Buffer, Buffer>): void {
    const { cluster } = this;
    if (!cluster.knowsSessions) {
      stream.emit('error', { code: status.UNIMPLEMENTED, details: 'unknown method Session' });
      return;
    }
    const writer = new ResultBatchWriter();
    writer.window(cluster.window);
    writer.commandBytesMax(cluster.commandBytesMax);
    stream.write(writer.finish());
    stream.on('error', () => {});
    stream.on('end', () => stream.end());
    stream.on('data', (message: Buffer) => {
      const { ids, commands } = decodeCommandBatch(message);
      this.batches.push(ids.length);
      this.unansweredMax = Math.max(this.unansweredMax, ids.length);
      for (let at = 0; at < ids.length; at++) {
        if (!this.handle(ids[at]!, commands[at]!, writer)) {
          // grpc-js takes this for the handler's failure and ends the call with the status.
          stream.emit('error', { code: status.UNAVAILABLE, details: 'dropped' });
          return;
        }
      }
      if (writer.byteLength > 0) stream.write(writer.finish());
    });
  }

  /** False where the stream is to break. */
  private handle(id: number, bytes: Uint8Array, writer: ResultBatchWriter): boolean {
    const { cluster } = this;
    let command: Command;
    try {
      command = decodeCommand(bytes);
    } catch (error) {
      if (!(error instanceof MalformedCommandError)) throw error;
      writer.refused(id, ResultStatus.RESULT_INVALID, error.message);
      return true;
    }
    const behaviour = cluster.decide(++cluster.attempts, this, command);
    if (behaviour === 'silent') return true;
    if (behaviour === 'drop-before') return false;
    if (behaviour === 'not-leader') this.refuse(id, ResultStatus.RESULT_NOT_LEADER, writer);
    else if (behaviour === 'unknown-lost') this.refuse(id, ResultStatus.RESULT_UNKNOWN, writer);
    else if (behaviour === 'overloaded') writer.refused(id, ResultStatus.RESULT_OVERLOADED);
    else {
      const result = cluster.apply(command);
      if (behaviour === 'drop-after') return false;
      if (behaviour === 'unknown-applied') this.refuse(id, ResultStatus.RESULT_UNKNOWN, writer);
      else if (result.status !== ResultStatus.RESULT_OK) writer.refused(id, result.status, 'refused');
      else if (result.clientId !== undefined) writer.registered(id, result.clientId);
      else if (command.type === CommandType.Lookup)
        writer.value(id, result.value === undefined ? undefined : Buffer.from(result.value));
      else writer.ok(id);
    }
    return true;
  }

  private refuse(id: number, result: ResultStatus, writer: ResultBatchWriter): void {
    const { cluster } = this;
    writer.refused(id, result);
    if (cluster.hints !== 'none') {
      writer.leader(this.rumour, cluster.hints === 'address' ? cluster.addressOf(this.rumour) : '');
    }
  }
}
