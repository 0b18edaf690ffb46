import { defaultMetricsPort } from '../../settings/metricsPort.ts';
import { isPortFree } from './freePorts.ts';

/** Where other ports than rkvd's own are looked for: below those that systems give to outgoing connections (32768 on Linux). */
const FIRST_PORT = 15_901;
const LAST_PORT = 32_767;

/**
 * The ports of the servers' metrics where rkvd's own are not all free, such as beside another cluster, in the order of the
 * ids; undefined where they are, or where no others can be had.
 */
export async function metricsPorts(ids: readonly number[], isFree = isPortFree): Promise<number[] | undefined> {
  const areFree = async (ports: readonly number[]) => (await Promise.all(ports.map(isFree))).every((free) => free);
  if (await areFree(ids.map(defaultMetricsPort))) return undefined;
  for (let first = FIRST_PORT; first + ids.length <= LAST_PORT; first += Math.max(100, ids.length)) {
    const ports = ids.map((_, position) => first + position);
    if (await areFree(ports)) return ports;
  }
  return undefined;
}
