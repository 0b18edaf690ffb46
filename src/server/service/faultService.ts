import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { InvalidFaultError } from '../../faults/serverFault.ts';
import { FaultRefusal, faultMessage, faultOf } from '../../wire/faultCodec.ts';
import type {
  AdminServer,
  HealFaultsRequest,
  HealFaultsResponse,
  ListFaultsRequest,
  ListFaultsResponse,
  SetFaultRequest,
  SetFaultResponse,
} from '../../wire/generated/admin.ts';
import { reasonMetadata } from '../../wire/reason.ts';
import type { ServerFaults } from '../faults/serverFaults.ts';

const OFF = {
  code: status.FAILED_PRECONDITION,
  details: 'this server takes no faults: it was started without -faults',
  metadata: reasonMetadata(FaultRefusal.Off),
};

/** The calls about faults, which a server takes from its first moment on; without `faults` it refuses them. */
export function faultImplementation(
  faults: ServerFaults | undefined,
): Pick<AdminServer, 'setFault' | 'listFaults' | 'healFaults'> {
  const answer = <T>(done: sendUnaryData<T>, carryOut: (faults: ServerFaults) => T): void => {
    if (faults === undefined) {
      done(OFF);
      return;
    }
    try {
      done(null, carryOut(faults));
    } catch (error) {
      if (!(error instanceof InvalidFaultError)) throw error;
      const metadata = reasonMetadata(FaultRefusal.Invalid);
      done({ code: status.INVALID_ARGUMENT, details: error.message, metadata });
    }
  };
  return {
    setFault: (
      { request }: ServerUnaryCall<SetFaultRequest, SetFaultResponse>,
      done: sendUnaryData<SetFaultResponse>,
    ) =>
      answer(done, (taking) => {
        taking.set(request.id, faultOf(request.fault), request.lastsMs);
        return {};
      }),
    listFaults: (
      _call: ServerUnaryCall<ListFaultsRequest, ListFaultsResponse>,
      done: sendUnaryData<ListFaultsResponse>,
    ) =>
      answer(done, (taking) => ({
        faults: taking.list().map(({ id, fault, leftMs }) => ({
          id,
          fault: faultMessage(fault),
          leftMs: Math.round(leftMs),
        })),
      })),
    healFaults: (
      { request }: ServerUnaryCall<HealFaultsRequest, HealFaultsResponse>,
      done: sendUnaryData<HealFaultsResponse>,
    ) =>
      answer(done, (taking) => {
        if (request.ids.length === 0) taking.healAll();
        else taking.heal(request.ids);
        return {};
      }),
  };
}
