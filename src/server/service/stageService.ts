import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { NodeId } from '../../consensus/contract.ts';
import type { AdminServer, MeasureStagesRequest, MeasureStagesResponse } from '../../wire/generated/admin.ts';
import type { StageTimes } from '../observe/stageTimes.ts';

const LASTS_MS_MAX = 3_600_000;

/** The call that asks where a server's time goes. */
export function stageImplementation(id: NodeId, stages: StageTimes): Pick<AdminServer, 'measureStages'> {
  return {
    measureStages: (
      { request: { lastsMs } }: ServerUnaryCall<MeasureStagesRequest, MeasureStagesResponse>,
      done: sendUnaryData<MeasureStagesResponse>,
    ) => {
      if (lastsMs <= LASTS_MS_MAX) {
        const { spreads, ...report } = stages.report(lastsMs);
        done(null, { ...report, id, spreads: [...spreads] });
        return;
      }
      const details = `lastsMs is ${lastsMs}: a server looks for at most ${LASTS_MS_MAX} ms before it is asked again`;
      done({ code: status.INVALID_ARGUMENT, details });
    },
  };
}
