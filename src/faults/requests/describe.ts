import { formatDuration } from '../../goflags/goValues.ts';
import type { LinkTrouble, UserDelayShape } from '../serverFault.ts';
import type { RequestedFault } from './faultRequest.ts';

/** The fault in a few words, with the servers that it has come to. */
export function describeFault(
  fault: RequestedFault,
  targets: readonly number[],
  peers: readonly number[] | undefined,
): string {
  const whom = serversText(targets);
  switch (fault.kind) {
    case 'kill':
      return `${whom} down (${fault.signal})`;
    case 'pause':
      return `${whom} paused`;
    case 'groups':
      return `partition ${fault.groups.map((group) => group.join(',')).join(' / ')}`;
    case 'link':
      return `${describeTrouble(fault.trouble)} ${waysText(fault, whom, peers === undefined ? 'the others' : serversText(peers))}`;
    case 'client-link':
      return `${describeTrouble(fault.trouble)} ${waysText(fault, whom, 'clients')}`;
    case 'slow-disk':
      return `disk of ${whom} slow: each sync takes ${usText(fault.syncAddedUs)} longer`;
    case 'stalled-disk':
      return `disk of ${whom} stalled`;
    case 'full-disk':
      return `disk of ${whom} full`;
    case 'clock':
      return `clock of ${whom} at ${fault.rate} times its rate`;
  }
}

function waysText({ to, from }: { readonly to: boolean; readonly from: boolean }, whom: string, peers: string): string {
  if (to && from) return `between ${whom} and ${peers}`;
  return to ? `from ${whom} to ${peers}` : `from ${peers} to ${whom}`;
}

function describeTrouble(trouble: LinkTrouble): string {
  switch (trouble.kind) {
    case 'cut':
      return 'partition';
    case 'delay':
      return `delay of ${describeShape(trouble.shape)}`;
    case 'loss':
      return `loss of ${Number((trouble.chance * 100).toPrecision(6))} %`;
    case 'bandwidth':
      return `bandwidth of ${trouble.bytesPerSecond.toLocaleString('en')} bytes a second`;
  }
}

function describeShape(shape: UserDelayShape): string {
  switch (shape.kind) {
    case 'fixed':
      return usText(shape.us);
    case 'normal':
      return `${usText(shape.meanUs)} ± ${usText(shape.deviationUs)}`;
    case 'heavy-tail':
      return `${usText(shape.leastUs)} and a heavy tail`;
  }
}

function usText(us: number): string {
  return formatDuration(us / 1000);
}

export function serversText(ids: readonly number[]): string {
  return `${ids.length === 1 ? 'server' : 'servers'} ${ids.join(', ')}`;
}
