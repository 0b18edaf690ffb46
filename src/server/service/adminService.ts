import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { EngineStatus } from '../../consensus/contract.ts';
import type {
  AdminServer,
  StatusRequest,
  StatusResponse,
  TransferLeadershipRequest,
  TransferLeadershipResponse,
} from '../../wire/generated/admin.ts';
import type { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { notLeaderText } from './outcomes.ts';
import type { ServiceContext } from './serviceContext.ts';

export interface AdminFacts {
  readonly backend: string;
  readonly address: string;
  /** Empty where metrics are off. */
  metricsAddress(): string;
}

export function adminImplementation(
  context: ServiceContext,
  stateMachine: KeyValueStore,
  facts: AdminFacts,
): AdminServer {
  return {
    status: (_call: ServerUnaryCall<StatusRequest, StatusResponse>, done: sendUnaryData<StatusResponse>) =>
      done(null, statusResponse(context, stateMachine, facts)),
    transferLeadership: (
      { request }: ServerUnaryCall<TransferLeadershipRequest, TransferLeadershipResponse>,
      done: sendUnaryData<TransferLeadershipResponse>,
    ) => {
      context.replica.transferLeadership(request.to, (result) => {
        if (result.ok) done(null, {});
        else if (result.reason === 'not-leader') {
          done({ code: status.FAILED_PRECONDITION, details: notLeaderText(result.leader) });
        } else if (result.reason === 'timeout') {
          done({ code: status.DEADLINE_EXCEEDED, details: 'the target did not take over within an election timeout' });
        } else done({ code: status.FAILED_PRECONDITION, details: `leadership was not transferred: ${result.reason}` });
      });
    },
  };
}

function statusResponse(context: ServiceContext, stateMachine: KeyValueStore, facts: AdminFacts): StatusResponse {
  const engine: EngineStatus = context.replica.status();
  const settings = Object.entries(context.replica.engine.effectiveSettings());
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
  };
}
