import type { RequestedFault } from '../../supervisor/faults/faultRequest.ts';

/** A fault that a cluster of three should serve through, and what it is called. */
export interface OutageCase {
  readonly name: string;
  readonly fault: RequestedFault;
}

const cut = (
  targets: 'leader' | 'follower',
  ways: { readonly to: boolean; readonly from: boolean },
): RequestedFault => ({
  kind: 'link',
  targets,
  ...ways,
  trouble: { kind: 'cut' },
});

export const OUTAGE_CASES: readonly OutageCase[] = [
  { name: 'isolated follower', fault: cut('follower', { to: true, from: true }) },
  { name: 'isolated leader', fault: cut('leader', { to: true, from: true }) },
  { name: 'leader sends and does not hear', fault: cut('leader', { to: false, from: true }) },
  { name: 'leader hears and does not send', fault: cut('leader', { to: true, from: false }) },
  { name: 'leader with a stalled disk', fault: { kind: 'stalled-disk', targets: 'leader' } },
];
