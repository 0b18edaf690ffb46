import {
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  type EffectiveSettings,
  type EngineStatus,
  type NodeId,
  namedIn,
  RejectReason,
  Role,
} from '../../consensus/contract.ts';
import type {
  AdminServer,
  DiskRoom,
  SaveSnapshotRequest,
  SnapshotPiece,
  StatusRequest,
  StatusResponse,
  TransferLeadershipRequest,
  TransferLeadershipResponse,
} from '../../wire/generated/admin.ts';
import type { VersionRange } from '../../wire/peerVersions.ts';
import type { CallersReport } from '../admission/callers.ts';
import type { ServerFaults } from '../faults/serverFaults.ts';
import type { StageTimes } from '../observe/stageTimes.ts';
import type { ToldSettings } from '../settings.ts';
import type { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import type { LinkFacts } from '../transport/peerLink.ts';
import { clientsImplementation } from './clientsService.ts';
import { faultImplementation } from './faultService.ts';
import { refusalMetadata, transferRefusalText } from './refusals.ts';
import type { ServiceContext } from './serviceContext.ts';
import { saveSnapshot } from './snapshotService.ts';
import { stageImplementation } from './stageService.ts';

export interface AdminFacts {
  readonly id: NodeId;
  readonly backend: string;
  readonly address: string;
  /** Empty where metrics are off. */
  metricsAddress(): string;
  /** Undefined where it takes none. */
  readonly faults: ServerFaults | undefined;
  readonly stages: StageTimes;
  /** Who is connected, so many of them by name. */
  callers(most: number): CallersReport;
  /** Of the peers' protocol, what this server speaks. */
  readonly speaks: VersionRange;
  /** The links that it dials. */
  links(): readonly LinkFacts[];
  /** The original's servers among the others, ascending; and those of them that cannot be brought up to date where this server leads. */
  originals(): { readonly ids: readonly NodeId[]; readonly outOfReach: readonly NodeId[] };
  /** The newest version that all of these servers speak, as far as it knows; undefined where there is none. */
  versionOf(members: Iterable<NodeId>): number | undefined;
  /** Of the disk under the data. */
  disk(): DiskRoom;
  /** The id of the cluster; empty while it is not known. */
  cluster(): string;
  /** `-maxgrpc`. */
  readonly messageBytesMax: number;
  /** All that the server goes by, under an engine that says this of its own settings. */
  settings(effective: EffectiveSettings): ToldSettings;
}

export function adminImplementation(
  context: ServiceContext,
  stateMachine: KeyValueStore,
  facts: AdminFacts,
): AdminServer {
  return {
    ...faultImplementation(facts.faults),
    ...stageImplementation(facts.id, facts.stages),
    ...clientsImplementation(facts.id, (most) => facts.callers(most)),
    saveSnapshot: (call: ServerWritableStream<SaveSnapshotRequest, SnapshotPiece>) =>
      saveSnapshot(context, call, facts.messageBytesMax, () => ({
        cluster: facts.cluster(),
        server: facts.id,
        backend: facts.backend,
        stateVersion: stateMachine.snapshotVersion,
        keys: stateMachine.keyCount,
        sessions: stateMachine.sessionCount,
      })),
    status: (_call: ServerUnaryCall<StatusRequest, StatusResponse>, done: sendUnaryData<StatusResponse>) =>
      done(null, statusResponse(context, stateMachine, facts)),
    transferLeadership: (
      { request }: ServerUnaryCall<TransferLeadershipRequest, TransferLeadershipResponse>,
      done: sendUnaryData<TransferLeadershipResponse>,
    ) => {
      context.replica.transferLeadership(request.to, (result) => {
        if (result.ok) done(null, {});
        else {
          const code = result.reason === RejectReason.Timeout ? status.ABORTED : status.FAILED_PRECONDITION;
          done({ code, details: transferRefusalText(result, request.to), metadata: refusalMetadata(result) });
        }
      });
    },
  };
}

/** What a server tells of itself that does not take part yet. */
export function waitingAdmin(id: NodeId, facts: AdminFacts): UntypedServiceImplementation {
  const response: StatusResponse = {
    id,
    backend: facts.backend,
    role: Role.Passive,
    term: 0,
    leader: 0,
    commitIndex: 0,
    appliedIndex: 0,
    lastIndex: 0,
    voters: [],
    learners: [],
    peers: [],
    pid: process.pid,
    address: facts.address,
    metricsAddress: '',
    keys: 0,
    sessions: 0,
    settings: {},
    leaderAddress: '',
    uptimeSeconds: 0,
    pendingChange: undefined,
    oldestVersion: facts.speaks.oldest,
    newestVersion: facts.speaks.newest,
    clusterVersion: 0,
    links: [],
    originals: [],
    outOfReach: [],
    disk: undefined,
  };
  return {
    ...faultImplementation(facts.faults),
    ...clientsImplementation(id, (most) => facts.callers(most)),
    status: ((_call, done) =>
      done(null, {
        ...response,
        metricsAddress: facts.metricsAddress(),
        uptimeSeconds: process.uptime(),
      })) as handleUnaryCall<StatusRequest, StatusResponse>,
  };
}

function statusResponse(context: ServiceContext, stateMachine: KeyValueStore, facts: AdminFacts): StatusResponse {
  const engine: EngineStatus = context.replica.status();
  const settings = Object.entries(facts.settings(context.replica.engine.effectiveSettings()));
  const { ids, outOfReach } = facts.originals();
  return {
    id: engine.id,
    backend: facts.backend,
    role: engine.role,
    term: engine.term,
    leader: engine.leader,
    commitIndex: engine.commitIndex,
    appliedIndex: engine.appliedIndex,
    lastIndex: engine.lastIndex,
    voters: [...engine.configuration.voters],
    learners: [...engine.configuration.learners],
    peers: engine.peers.map((peer) => ({
      ...peer,
      lastHeardMs: Math.round(peer.lastHeardMs),
      address: context.address(peer.id),
    })),
    pid: process.pid,
    address: facts.address,
    metricsAddress: facts.metricsAddress(),
    keys: stateMachine.keyCount,
    sessions: stateMachine.sessionCount,
    settings: Object.fromEntries(settings.map(([name, value]) => [name, String(value)])),
    leaderAddress: context.leader().address,
    uptimeSeconds: process.uptime(),
    pendingChange: pendingChangeMessage(engine.pendingChange),
    oldestVersion: facts.speaks.oldest,
    newestVersion: facts.speaks.newest,
    clusterVersion: facts.versionOf(namedIn(engine.configuration)) ?? 0,
    links: facts.links().map(({ peer, speaks, version, roundTripMs }) => ({
      id: peer,
      oldestVersion: speaks?.oldest ?? 0,
      newestVersion: speaks?.newest ?? 0,
      version: version ?? 0,
      roundTripUs: roundTripMs === undefined ? 0 : Math.max(1, Math.round(roundTripMs * 1000)),
    })),
    originals: [...ids],
    outOfReach: [...outOfReach],
    disk: facts.disk(),
  };
}

function pendingChangeMessage(pending: EngineStatus['pendingChange']): StatusResponse['pendingChange'] {
  if (pending === undefined) return undefined;
  const { change, missing } = pending;
  return { ...change, silent: [...missing.silent], behind: missing.behind.map((each) => ({ ...each })) };
}
