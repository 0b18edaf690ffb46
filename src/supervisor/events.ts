import { printable } from '../cli/printable.ts';
import { formatDuration } from '../goflags/goValues.ts';
import { ExitCode } from '../wire/supervision.ts';
import type { StartFrom } from './clusterPlan.ts';
import type { Membership } from './clusterState.ts';
import type { ProcessExit } from './process/serverProcess.ts';

/** What happens to a cluster, as a person or a bench wants to know it. */
export type ClusterEvent =
  /** A supervisor begins with a cluster; what it starts comes next. */
  | { readonly type: 'supervised'; readonly name: string; readonly pid: number; readonly backend: string }
  | { readonly type: 'started'; readonly id: number; readonly pid: number; readonly from: StartFrom }
  | { readonly type: 'crashed'; readonly id: number; readonly pid: number | undefined; readonly exit: ProcessExit }
  /** It ended because it must not go on with its data; `why` in its own words. */
  | { readonly type: 'refused'; readonly id: number; readonly pid: number | undefined; readonly why: string }
  | { readonly type: 'restarting'; readonly id: number; readonly delayMs: number; readonly crashes: number }
  | { readonly type: 'ended'; readonly id: number; readonly pid: number | undefined; readonly exit: ProcessExit }
  | { readonly type: 'signalled'; readonly id: number; readonly pid: number; readonly signal: NodeJS.Signals }
  | { readonly type: 'paused'; readonly id: number; readonly pid: number }
  | { readonly type: 'resumed'; readonly id: number; readonly pid: number }
  /** Times are the machine's clock's, Unix ms, as all times of rkv-bench's results. Without `forMs` it lasts until it is healed. */
  | {
      readonly type: 'fault-began';
      readonly id: number;
      readonly what: string;
      readonly forMs: number | undefined;
      readonly atMs: number;
    }
  | {
      readonly type: 'fault-ended';
      readonly id: number;
      readonly what: string;
      readonly why: FaultEnd;
      readonly atMs: number;
    }
  | { readonly type: 'leader'; readonly id: number; readonly term: number }
  | { readonly type: 'no-leader' }
  /** An operator asked for it: the server is to end, and not to start by itself. */
  | { readonly type: 'held'; readonly id: number }
  | { readonly type: 'transferred'; readonly from: number; readonly to: number }
  /** A step of `add` or `remove` is noted in the cluster's folder. */
  | { readonly type: 'membership'; readonly id: number; readonly membership: Membership }
  /** A new cluster's data were made of a snapshot, of the cluster `from`. */
  | { readonly type: 'restored'; readonly cluster: string; readonly keys: number; readonly from: string }
  /** Of holders such as `server-1`, or the authority's own. */
  | { readonly type: 'certified'; readonly names: readonly string[] }
  /** Of a holder such as `client`, who has another certificate now; what was made with it. */
  | { readonly type: 'revoked'; readonly holder: string; readonly names: readonly string[] }
  /** By which the supervisor speaks to servers: what is wrong with it, or will be. */
  | { readonly type: 'operator-certificate'; readonly words: string }
  | { readonly type: 'stopping' }
  | { readonly type: 'stopped' };

/** Its time was over, somebody healed it, or started the servers that it had ended, or the cluster stopped. */
export type FaultEnd = 'time' | 'healed' | 'started' | 'stopped';

export type ClusterEventListener = (event: ClusterEvent) => void;

/** `exit code 1`, `signal SIGKILL`, or why it did not start or cannot go on. */
export function describeExit({ code, signal, spawnError }: ProcessExit): string {
  if (spawnError !== undefined) return `could not start: ${spawnError.message}`;
  if (code === ExitCode.RefusedData) return 'refuses its data: see its log, rkv-cluster rejoin';
  if (code === ExitCode.DiskFull) return 'its disk is full';
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

/** A duration for people: `500 ms`, `2 s`, `2.5 s`. */
export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}

/** The event in one line. */
export function describeEvent(event: ClusterEvent): string {
  switch (event.type) {
    case 'started':
      return `server ${event.id} started (pid ${event.pid}${startNotes[event.from]})`;
    case 'crashed':
      return `server ${event.id}${pidNote(event.pid)} crashed: ${describeExit(event.exit)}`;
    case 'refused':
      return `server ${event.id}${pidNote(event.pid)} refuses its data: ${event.why}; \`rkv-cluster rejoin ${event.id}\` brings it back`;
    case 'restarting':
      return `server ${event.id} restarts in ${formatMs(event.delayMs)} (${crashCount(event.crashes)})`;
    case 'ended':
      return `server ${event.id}${pidNote(event.pid)} ended: ${describeExit(event.exit)}`;
    case 'signalled':
      return `server ${event.id} (pid ${event.pid}) was sent ${event.signal}`;
    case 'paused':
      return `server ${event.id} (pid ${event.pid}) paused`;
    case 'resumed':
      return `server ${event.id} (pid ${event.pid}) resumed`;
    case 'fault-began':
      return `fault ${event.id} began: ${event.what}, ${event.forMs === undefined ? 'until it is healed' : `for ${formatDuration(event.forMs)}`}`;
    case 'fault-ended':
      return `fault ${event.id} ended: ${event.what} (${FAULT_ENDS[event.why]})`;
    case 'leader':
      return `server ${event.id} leads in term ${event.term}`;
    case 'no-leader':
      return 'no leader';
    case 'supervised':
      return `supervisor (pid ${event.pid}) begins with ${event.name} (${event.backend})`;
    case 'held':
      return `server ${event.id} is to stop, and to stay so`;
    case 'transferred':
      return `server ${event.from} handed leadership over to server ${event.to}`;
    case 'membership':
      return `server ${event.id} ${MEMBERSHIPS[event.membership]}`;
    case 'restored':
      return `cluster ${printable(event.cluster)} begins with ${event.keys} keys of a snapshot of ${event.from === '' ? 'another one' : printable(event.from)}`;
    case 'certified':
      return `certificates made: ${event.names.join(', ')}`;
    case 'revoked':
      return `the certificate of ${event.holder} was revoked; made: ${event.names.join(', ')}`;
    case 'operator-certificate':
      return `the operator's certificate: ${event.words}`;
    case 'stopping':
      return 'stopping';
    case 'stopped':
      return 'stopped';
  }
}

const FAULT_ENDS: Readonly<Record<FaultEnd, string>> = {
  time: 'its time was over',
  healed: 'healed',
  started: 'started again',
  stopped: 'the cluster stops',
};

const MEMBERSHIPS: Readonly<Record<Membership, string>> = {
  joining: 'is being added',
  member: 'was added: it is a member',
  leaving: 'is being removed',
  removed: 'was removed: it is no member any more',
};

const startNotes: Readonly<Record<StartFrom, string>> = {
  nothing: '',
  data: ', from its data',
  others: ', from what the others give it',
};

function pidNote(pid: number | undefined): string {
  return pid === undefined ? '' : ` (pid ${pid})`;
}

function crashCount(crashes: number): string {
  return crashes === 1 ? 'first crash' : `${crashes} crashes in a row`;
}
