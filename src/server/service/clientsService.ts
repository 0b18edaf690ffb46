import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { NodeId } from '../../consensus/contract.ts';
import type { AdminServer, ListClientsRequest, ListClientsResponse } from '../../wire/generated/admin.ts';
import { CLIENTS_NAMED, CLIENTS_NAMED_MAX } from '../../wire/limits.ts';
import type { CallersReport } from '../admission/callers.ts';

/** The call that asks who is connected. */
export function clientsImplementation(
  id: NodeId,
  report: (most: number) => CallersReport,
): Pick<AdminServer, 'listClients'> {
  return {
    listClients: (
      { request: { most } }: ServerUnaryCall<ListClientsRequest, ListClientsResponse>,
      done: sendUnaryData<ListClientsResponse>,
    ) => {
      if (most > CLIENTS_NAMED_MAX) {
        const details = `most is ${most}: a server names at most ${CLIENTS_NAMED_MAX} clients`;
        done({ code: status.INVALID_ARGUMENT, details });
        return;
      }
      const { callers, others, othersCount } = report(most || CLIENTS_NAMED);
      done(null, {
        id,
        clients: [...callers],
        others: { address: '', role: '', name: '', ...others },
        othersCount,
      });
    },
  };
}
