import { askSupervisor, ControlError } from './control/client.ts';
import { controlPath, readRunningState } from './control/stateFile.ts';
import type { ClusterStatus } from './up.ts';

const STATUS_MS_MAX = 2000;

/** How the cluster in `directory` is; undefined where its supervisor is not there yet, or only just starting. */
export async function askStatus(directory: string): Promise<ClusterStatus | undefined> {
  if (readRunningState(directory) === undefined) return undefined;
  try {
    return (await askSupervisor(controlPath(directory), { command: 'status' }, STATUS_MS_MAX)) as ClusterStatus;
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return undefined;
  }
}
