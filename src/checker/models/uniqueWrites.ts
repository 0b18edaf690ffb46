/**
 * Decides read/write histories in which no value is written twice, in O(n log n).
 *
 * Gibbons and Korach, "Testing Shared Memories" (SIAM J. Comput. 26, 1997), section 4: when it is known which write each
 * read saw, a write and its reads form a cluster whose members must be adjacent in any linearization. Its zone spans the
 * earliest return and the latest invocation among them. If the earliest return comes first (a *forward* zone) the
 * cluster certainly owns that whole span; otherwise (a *backward* zone) it needs just one instant of it. The history is
 * linearizable exactly when no read returns before its write is invoked, no two forward zones overlap, and no backward
 * zone lies inside a forward one.
 */
import { eventOrder } from '../order.ts';

/** One operation as this module sees it. `value` is `undefined` for the unset register; writes always have one. */
export interface Access {
  readonly kind: 'read' | 'write';
  readonly value: string | number | undefined;
  readonly invokeAt: number;
  /** `Infinity` for a write of unknown outcome. Reads of unknown outcome do not belong here. */
  readonly returnAt: number;
}

interface Zone {
  writeInvoke: number;
  firstReturn: number;
  lastInvoke: number;
  firstReadReturn: number;
}

/** The verdict, or `undefined` where a value is written twice and this method has nothing to say. */
export function decideUniqueWrites(accesses: readonly Access[]): 'ok' | 'illegal' | undefined {
  const zones = zonesByValue(accesses);
  if (typeof zones === 'string') return zones === 'repeated' ? undefined : 'illegal';
  const forward: Zone[] = [];
  const backward: Zone[] = [];
  for (const zone of zones) {
    if (zone.firstReadReturn < zone.writeInvoke) return 'illegal';
    (zone.firstReturn < zone.lastInvoke ? forward : backward).push(zone);
  }
  forward.sort((a, b) => a.firstReturn - b.firstReturn);
  for (let i = 1; i < forward.length; i += 1) {
    if (forward[i]!.firstReturn < forward[i - 1]!.lastInvoke) return 'illegal';
  }
  return backward.some((zone) => liesInside(zone, forward)) ? 'illegal' : 'ok';
}

function zonesByValue(accesses: readonly Access[]): Zone[] | 'repeated' | 'unwritten' {
  const { invokeRank, returnRank } = eventOrder(accesses);
  const zones = new Map<string | number | undefined, Zone>();
  // The unset register was "written" before anything happened. An unknown write never returned: its own return does
  // not bound the zone, the reads that saw it do.
  zones.set(undefined, { writeInvoke: -1, firstReturn: -1, lastInvoke: -1, firstReadReturn: Infinity });
  for (const [index, { kind, value }] of accesses.entries()) {
    if (kind === 'read') continue;
    if (zones.has(value)) return 'repeated';
    const [writeInvoke, firstReturn] = [invokeRank[index]!, returnRank[index]!];
    zones.set(value, { writeInvoke, firstReturn, lastInvoke: writeInvoke, firstReadReturn: Infinity });
  }
  for (const [index, { kind, value }] of accesses.entries()) {
    if (kind === 'write') continue;
    const zone = zones.get(value);
    if (zone === undefined) return 'unwritten';
    zone.firstReturn = Math.min(zone.firstReturn, returnRank[index]!);
    zone.firstReadReturn = Math.min(zone.firstReadReturn, returnRank[index]!);
    zone.lastInvoke = Math.max(zone.lastInvoke, invokeRank[index]!);
  }
  return [...zones.values()];
}

/** `forward` is sorted and free of overlaps, so only the last zone that starts before this one can hold it. */
function liesInside({ lastInvoke: start, firstReturn: end }: Zone, forward: readonly Zone[]): boolean {
  let low = 0;
  let high = forward.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (forward[middle]!.firstReturn < start) low = middle + 1;
    else high = middle;
  }
  return low > 0 && end < forward[low - 1]!.lastInvoke;
}
