import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { NodeId } from '../../consensus/contract.ts';
import type { AdminServer, MeasureStagesRequest, MeasureStagesResponse } from '../../wire/generated/admin.ts';
import { STAGES_LAST_MS_MAX } from '../../wire/limits.ts';
import type { StageTimes } from '../observe/stageTimes.ts';

/** The call that asks where a server's time goes. */
export function stageImplementation(id: NodeId, stages: StageTimes): Pick<AdminServer, 'measureStages'> {
  return {
    measureStages: (
      { request: { lastsMs } }: ServerUnaryCall<MeasureStagesRequest, MeasureStagesResponse>,
      done: sendUnaryData<MeasureStagesResponse>,
    ) => {
      if (lastsMs <= STAGES_LAST_MS_MAX) {
        done(null, { id, ...stages.report(lastsMs) });
        return;
      }
      const details = `lastsMs is ${lastsMs}: a server looks for at most ${STAGES_LAST_MS_MAX} ms before it is asked again`;
      done({ code: status.INVALID_ARGUMENT, details });
    },
  };
}
